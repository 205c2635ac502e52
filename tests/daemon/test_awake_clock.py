from presqt_daemon.daemon.awake_clock import LONGEST_GAP_SECONDS, AwakeClock


def test_a_clock_that_nobody_can_look_at_stands_still() -> None:
    now = [1000.0]
    clock = AwakeClock(lambda: now[0])
    begin = clock()
    for _ in range(10):
        now[0] += 2
        clock()
    assert clock() - begin == 20
    now[0] += 8 * 86400
    assert clock() - begin == 20 + LONGEST_GAP_SECONDS, "eight days of a frozen container"
    now[0] += 2
    assert clock() - begin == 22 + LONGEST_GAP_SECONDS

from datetime import datetime

from presqt_daemon.daemon.summary import MAX_BYTES, TargetOff, ready_line, summary

AT = datetime(2026, 1, 31, 10, 12).astimezone()


def test_a_target_that_is_down_is_told_with_its_cause_and_who_waits() -> None:
    off = TargetOff(target="osf", cause="connection refused", since=AT, waiting=14)
    assert summary(open_count=20, running=2, off=[off]) == (
        "osf down since 10:12: connection refused; 14 tickets wait; 20 tickets open, 2 at work"
    )
    one = TargetOff(target="osf", cause="a token", waiting=1)
    assert summary(open_count=1, running=0, off=[one]) == (
        "osf down: a token; 1 ticket waits; 1 ticket open, 0 at work"
    )


def test_a_disk_that_is_not_mounted_comes_first() -> None:
    assert summary(open_count=0, running=0, missing={"inbox"}).startswith("inbox is not mounted; ")


def test_a_line_that_would_be_too_long_counts_the_rest() -> None:
    off = [TargetOff(target=f"target-{n}", cause="connection refused " * 3) for n in range(50)]
    line = summary(open_count=3, running=1, off=off)
    assert len(line.encode()) <= MAX_BYTES
    assert "more targets are down; 3 tickets open, 1 at work" in line
    assert "\n" not in line


def test_ready_names_what_is_off() -> None:
    assert ready_line("/srv/inbox", []) == "ready: drop zips into /srv/inbox"
    off = [TargetOff(target="osf", cause="token file: No such file or directory")]
    assert ready_line("/srv/inbox", off).endswith(
        "; these targets are off and their drops wait: osf (token file: No such file or directory)"
    )

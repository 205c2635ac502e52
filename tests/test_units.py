import pytest

from presqt_daemon.units import (
    bytes_from_text,
    mode_from_text,
    seconds_from_text,
    text_from_bytes,
    text_from_seconds,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250ms", 0.25),
        ("2s", 2),
        ("10m", 600),
        ("10 min", 600),
        ("1h", 3600),
        ("1.5h", 5400),
        ("5d", 432000),
        ("2w", 1209600),
        (" 3 ", 3),
        (7, 7),
        (0.5, 0.5),
        (0, 0),
    ],
)
def test_times_take_units(text: object, seconds: float) -> None:
    assert seconds_from_text(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("500 MB", 500_000_000),
        ("1GB", 10**9),
        ("1 TB", 10**12),
        ("4 KiB", 4096),
        ("2GiB", 2 << 30),
        ("12 B", 12),
        ("1.5 kB", 1500),
        (42, 42),
    ],
)
def test_sizes_take_units(text: object, count: int) -> None:
    assert bytes_from_text(text) == count


@pytest.mark.parametrize(
    "bad", ["", "h", "-1s", "1y", "1 h 5 m", "١s", "1e3", True, None, [], -1, "10M", float("nan")]
)
def test_what_is_no_time_says_what_one_looks_like(bad: object) -> None:
    with pytest.raises(ValueError, match="a time such as"):
        seconds_from_text(bad)


@pytest.mark.parametrize("bad", ["", "GB", "-1 B", "1 gb", "1 h", False, None, {}, -5])
def test_what_is_no_size_says_what_one_looks_like(bad: object) -> None:
    with pytest.raises(ValueError, match="a size such as"):
        bytes_from_text(bad)


@pytest.mark.parametrize(("given", "mode"), [(0o644, 0o644), ("0644", 0o644), ("0o600", 0o600)])
def test_modes_are_octal(given: object, mode: int) -> None:
    assert mode_from_text(given) == mode


@pytest.mark.parametrize("bad", [0, -1, 0o1000, "0999", "644", "rw-r--r--", "", True, None, 6.4])
def test_what_is_no_mode_is_refused(bad: object) -> None:
    with pytest.raises(ValueError, match="file mode"):
        mode_from_text(bad)


def test_sizes_and_times_for_people() -> None:
    sizes = {0: "0 B", 999: "999 B", 1500: "1.5 kB", 2_500_000: "2.5 MB", 3 * 10**13: "30.0 TB"}
    assert {count: text_from_bytes(count) for count in sizes} == sizes
    times = {0.25: "0.25 s", 45: "45 s", 600: "10 min", 3900: "1 h 5 min", 432000: "5 d"}
    assert {seconds: text_from_seconds(seconds) for seconds in times} == times


@pytest.mark.parametrize(
    "endless", [float("inf"), float("nan"), 1e300, "9" * 400, "9999999d", "1e9"]
)
def test_an_endless_time_or_size_is_no_time_or_size(endless: object) -> None:
    with pytest.raises(ValueError, match="is not a time"):
        seconds_from_text(endless)
    if endless != "9999999d":
        with pytest.raises(ValueError, match="is not a size"):
            bytes_from_text(endless)

"""Quantities as people write them: `1h`, `500 MB`, `0644`."""

import re

_SECONDS = {"": 1, "ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_BYTES = {
    "": 1,
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
    "TiB": 1 << 40,
}
_MOST_SECONDS = 36_500 * 86_400.0
"""A hundred years; a thread cannot wait for three hundred, and nobody means infinity."""

_MOST_BYTES = 2.0**62
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)", re.ASCII)
_MODE = re.compile(r"0o?[0-7]{3}")


def seconds_from_text(value: object) -> float:
    """Seconds from a number or from text such as `2s`, `10m`, `1h`, `5d`; ValueError otherwise."""
    return _quantity(value, _SECONDS, _MOST_SECONDS, "a time such as 30s, 10m, 1h or 5d")


def bytes_from_text(value: object) -> int:
    """Bytes from a number or from text such as `500 MB` or `2 GiB`; ValueError otherwise."""
    return int(_quantity(value, _BYTES, _MOST_BYTES, "a size such as 500 MB or 2 GiB"))


def mode_from_text(value: object) -> int:
    """Permission bits from `0644` (YAML reads that as octal) or from the same as text."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 0o777:
        return value
    if isinstance(value, str) and _MODE.fullmatch(value):
        return int(value.replace("o", ""), 8)
    raise ValueError("is not a file mode such as 0644 (four digits, the first of them 0)")


def setting_from_seconds(seconds: float) -> str:
    """A time as one would write it in the configuration, exact: `2s`, `10m`, `5d`."""
    for unit in ("d", "h", "m", "s"):
        if seconds and seconds % _SECONDS[unit] == 0:
            return f"{seconds / _SECONDS[unit]:.0f}{unit}"
    return f"{seconds:g}s"


def setting_from_bytes(count: int) -> str:
    """A size as one would write it in the configuration, exact: `500 MB`, `64 MiB`."""
    for unit in ("TB", "GB", "TiB", "GiB", "MB", "MiB", "KB", "KiB"):
        if count and count % _BYTES[unit] == 0:
            return f"{count // _BYTES[unit]:d} {unit}"
    return f"{count} B"


def text_from_bytes(count: float) -> str:
    """A size for people, in decimal units: `1.5 GB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def text_from_seconds(seconds: float) -> str:
    """A time for people: `45 s`, `10 min`, `1 h 5 min`, `5 d`."""
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.3g} s"
    minutes, _ = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{days} d"] * (days > 0) + [f"{hours} h"] * (hours > 0)
    parts += [f"{minutes} min"] * (minutes > 0)
    return " ".join(parts)


def counted(count: int, what: str) -> str:
    """`1 ticket`, `2 tickets`."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def _quantity(
    value: object, units: dict[str, float] | dict[str, int], most: float, wanted: str
) -> float:
    if isinstance(value, bool):
        raise ValueError(f"is not {wanted}")  # noqa: TRY004  (one kind of error for one report)
    if isinstance(value, int | float):
        if 0 <= value <= most:
            return value
    elif isinstance(value, str):
        found = _QUANTITY.fullmatch(value.strip())
        if found and found.group(2) in units:
            number = float(found.group(1)) * units[found.group(2)]
            if number <= most:
                return number
    raise ValueError(f"is not {wanted}")

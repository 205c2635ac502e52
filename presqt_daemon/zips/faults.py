"""What is wrong with a zip: problems of its entries, collected and counted; damage; change."""

from presqt_daemon.errors import UserFault
from presqt_daemon.findings import and_more, finding, refusal, shown
from presqt_daemon.model import Finding, Severity

NEW_ZIP = "Make the zip again with another tool"

MAX_LISTED = 50
"""Problems that are told in words; all are counted."""


class Problems:
    """Collects problems with a zip's entries in the order they are found."""

    def __init__(self) -> None:
        self.total = 0
        self._listed: list[Finding] = []
        self._only_limits = True

    def add(self, code: str, name: str, what: str, hint: str | None = None) -> None:
        """Note an entry that makes the zip unsafe, or unreadable for us."""
        self._only_limits = False
        self._note(code, name, what, hint)

    def add_limit(self, code: str, name: str, what: str, *, key: str) -> None:
        """Note a limit that is exceeded; `key` names it in the configuration."""
        self._note(code, name, what, f"The limit is set by {key}; ask the operator, or drop less")

    def refuse(self, code: str, what: str, *, key: str) -> None:
        """Note a limit that is exceeded so far that no more is read. Raises as `raise_any`."""
        self.add_limit(code, "", what, key=key)
        self.raise_any()

    def raise_any(self) -> None:
        """Raise UserFault `too-large` when limits alone are exceeded, else `unsafe-archive`."""
        if not self.total:
            return
        more = and_more(self.total - 1, "problem")
        code = "too-large" if self._only_limits else "unsafe-archive"
        start = "The zip is too large" if self._only_limits else "The zip cannot be unpacked safely"
        raise UserFault(
            code,
            f"{start}. {self._listed[0].message}{more}",
            findings=tuple(self._listed),
            findings_total=self.total,
        )

    def _note(self, code: str, name: str, what: str, hint: str | None) -> None:
        self.total += 1
        if len(self._listed) < MAX_LISTED:
            self._listed.append(finding(code, name, what, severity=Severity.ERROR, hint=hint))


def shrunk() -> UserFault:
    """The fault of a zip that is written to while it is read."""
    return refusal(
        "incomplete-zip",
        "zip-changed",
        "The zip changed while it was read, as if it were still being written: "
        "drop it again once it is whole.",
        hint="Copy it under another name, such as x.zip.part, and rename it when it is whole",
    )


def damaged(
    name: str, how: str, *, expected: str | None = None, found: str | None = None
) -> UserFault:
    """The fault of a member whose packed bytes are not what the zip declares."""
    return refusal(
        "incomplete-zip",
        "entry-damaged",
        f"The zip is damaged: {shown(name)} {how}. Make the zip again, or copy it again, "
        "and drop it.",
        path=name,
        hint="Make the zip again, or copy it again, and drop it",
        expected=expected,
        found=found,
    )


def check_crc(name: str, expected: int, crc: int) -> None:
    """Raise the fault of a member whose bytes have another checksum than the zip gives."""
    if crc != expected:
        raise damaged(
            name,
            "does not have the checksum (CRC-32) that the zip gives",
            expected=f"{expected:08x}",
            found=f"{crc:08x}",
        )

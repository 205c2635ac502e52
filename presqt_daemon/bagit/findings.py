"""Findings about a bag: every code with its severity, and a collector that cannot overflow."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from presqt_daemon.findings import finding
from presqt_daemon.model import Finding, Severity

MAX_LISTED = 1000
"""Findings of one severity that are kept; all are counted. A status file shows 50 of them."""

_E, _W = Severity.ERROR, Severity.WARNING


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How grave a code is in a bag of version 1.0 and in an older one, and where it comes from.

    `source` is a section of RFC 8493, or the name of another document.
    """

    severity: Severity
    older: Severity
    source: str


def _rule(source: str, severity: Severity = _E, older: Severity | None = None) -> Rule:
    return Rule(severity=severity, older=older or severity, source=source)


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "no-declaration": _rule("2.1.1"),
        "declaration-malformed": _rule("2.1.1"),
        "declaration-spacing": _rule("2.1.1", _E, _W),
        "declaration-order": _rule("2.1.1", _E, _W),
        "declaration-label-case": _rule("2.1.1", _W),
        "declaration-bom": _rule("2.1.1"),
        "version-malformed": _rule("2.1.1"),
        "version-unsupported": _rule("2.1.1"),
        "encoding-unknown": _rule("2.1.1"),
        "encoding-not-utf-8": _rule("2.3", _W),
        "tag-file-too-large": _rule("5"),
        "tag-file-too-many-lines": _rule("5"),
        "tag-file-line-too-long": _rule("5"),
        "tag-files-too-large": _rule("5"),
        "too-many-manifests": _rule("5"),
        "too-many-unknown-names": _rule("5"),
        "tag-file-undecodable": _rule("2.3"),
        "tag-file-bom": _rule("2.3", _E, _W),
        "blank-line": _rule("2.3", _W),
        "no-payload-folder": _rule("2.1.2"),
        "no-manifest": _rule("2.1.3"),
        "no-verifiable-manifest": _rule("3"),
        "algorithm-unknown": _rule("2.4", _W),
        "algorithm-name-unusual": _rule("2.4", _W),
        "manifest-line-malformed": _rule("2.1.3"),
        "manifest-line-escaped": _rule("6.1.3"),
        "manifest-line-comment": _rule("2.1.3", _W),
        "manifest-line-asterisk": _rule("6.1.3", _W),
        "checksum-malformed": _rule("2.1.3"),
        "path-unsafe": _rule("5.1"),
        "path-not-plain": _rule("2.1.3", _W),
        "path-not-encoded": _rule("2.1.3", _W),
        "path-normalization": _rule("6.1.1.2", _W),
        "not-payload": _rule("2.1.3"),
        "directory-listed": _rule("2.1.3"),
        "listed-twice": _rule("2.1.3", _E, _W),
        "listed-twice-conflicting": _rule("2.1.3"),
        "tag-manifest-lists-payload": _rule("2.2.1", _E, _W),
        "tag-manifest-lists-tag-manifest": _rule("2.2.1", _E, _W),
        "manifest-not-in-tag-manifest": _rule("2.2.1", _E, _W),
        "tag-file-not-listed": _rule("2.2.1", _W),
        "missing-file": _rule("3"),
        "extra-file": _rule("3"),
        "not-in-every-manifest": _rule("3", _E, _W),
        "file-unverifiable": _rule("3"),
        "checksum-mismatch": _rule("3"),
        "checksum-not-taken": _rule("3"),
        "info-line-malformed": _rule("2.2.2"),
        "info-spacing": _rule("2.2.2", _E, _W),
        "info-first-line-indented": _rule("2.2.2", _E, _W),
        "oxum-malformed": _rule("2.2.2"),
        "oxum-repeated": _rule("2.2.2", _E, _W),
        "oxum-mismatch": _rule("2.2.2"),
        "fetch-line-malformed": _rule("2.2.3"),
        "fetch-url-not-absolute": _rule("2.2.3"),
        "fetch-not-payload": _rule("2.2.3"),
        "fetch-not-in-every-manifest": _rule("2.2.3"),
        "fetch-listed-twice": _rule("2.2.3", _W),
        "fetch-length-mismatch": _rule("2.2.3"),
        "file-is-remote": _rule("5.2"),
        "names-undeclared": _rule("APPNOTE.TXT, appendix D"),
        "symbolic-link": _rule("5.1"),
        "special-file": _rule("5.1"),
        "name-unsafe": _rule("5.1"),
        "name-not-utf-8": _rule("6.1.1.2"),
        "name-normalization-duplicate": _rule("6.1.1.2", _W),
        "name-case-duplicate": _rule("6.1.1.1", _W),
        "name-windows": _rule("6.1.2", _W),
        "system-file": _rule("6.1", _W),
        "empty-folder": _rule("2.1.3", _W),
        "profile-version": _rule("BagIt Profiles"),
        "profile-info-missing": _rule("BagIt Profiles"),
        "profile-info-recommended": _rule("BagIt Profiles", _W),
        "profile-info-value": _rule("BagIt Profiles"),
        "profile-info-repeated": _rule("BagIt Profiles"),
        "profile-identifier": _rule("BagIt Profiles", _W),
        "profile-manifest-required": _rule("BagIt Profiles"),
        "profile-manifest-not-allowed": _rule("BagIt Profiles"),
        "profile-file-required": _rule("BagIt Profiles"),
        "profile-file-not-allowed": _rule("BagIt Profiles"),
        "profile-fetch": _rule("BagIt Profiles"),
        "profile-data-not-empty": _rule("BagIt Profiles"),
        "profile-serialization": _rule("BagIt Profiles"),
    }
)


class Findings:
    """Collects findings in the order they are made; `strict` says that the bag is of 1.0.

    A message names the file first, then what is wrong, then what to do about it.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self.strict = strict
        self.totals = {Severity.ERROR: 0, Severity.WARNING: 0}
        self._listed: dict[Severity, list[Finding]] = {Severity.ERROR: [], Severity.WARNING: []}

    def add(
        self,
        code: str,
        path: str,
        what: str,
        *,
        hint: str | None = None,
        expected: str | None = None,
        found: str | None = None,
    ) -> None:
        """Note one finding; `what` may hold `THIS`, else the path is set before it."""
        rule = RULES[code]
        severity = rule.severity if self.strict else rule.older
        self.totals[severity] += 1
        listed = self._listed[severity]
        if len(listed) >= MAX_LISTED:
            return
        listed.append(
            finding(code, path, what, severity=severity, hint=hint, expected=expected, found=found)
        )

    def all(self) -> tuple[Finding, ...]:
        """The errors, then the warnings, each in the order they were made."""
        return (*self._listed[Severity.ERROR], *self._listed[Severity.WARNING])

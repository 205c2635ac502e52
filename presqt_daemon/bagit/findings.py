"""Findings about a bag: every code with its severity, and a collector that cannot overflow."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from presqt_daemon.findings import finding
from presqt_daemon.model import Finding, Severity

MAX_LISTED = 1000
"""Findings of one severity that are kept; all are counted. A status file shows 50 of them."""

_E, _W = Severity.ERROR, Severity.WARNING


@dataclass(frozen=True, slots=True)
class Rule:
    """Where a code comes from, and how grave it is: in a bag of version 1.0 and in an `older` one.

    `source` is a section of RFC 8493, or the name of another document; `older` is None where it
    makes no difference.
    """

    source: str
    severity: Severity = _E
    older: Severity | None = None


DECLARATION_SECTION = "2.1.1"
LIMITS_SECTION = "5"

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "no-declaration": Rule(DECLARATION_SECTION),
        "declaration-malformed": Rule(DECLARATION_SECTION),
        "declaration-spacing": Rule(DECLARATION_SECTION, _E, _W),
        "declaration-order": Rule(DECLARATION_SECTION, _E, _W),
        "declaration-label-case": Rule(DECLARATION_SECTION, _W),
        "declaration-bom": Rule(DECLARATION_SECTION),
        "version-malformed": Rule(DECLARATION_SECTION),
        "version-unsupported": Rule(DECLARATION_SECTION),
        "encoding-unknown": Rule(DECLARATION_SECTION),
        "encoding-not-utf-8": Rule("2.3", _W),
        "tag-file-too-large": Rule(LIMITS_SECTION),
        "tag-file-too-many-lines": Rule(LIMITS_SECTION),
        "tag-file-line-too-long": Rule(LIMITS_SECTION),
        "tag-files-too-large": Rule(LIMITS_SECTION),
        "too-many-manifests": Rule(LIMITS_SECTION),
        "too-many-unknown-names": Rule(LIMITS_SECTION),
        "tag-file-undecodable": Rule("2.3"),
        "tag-file-bom": Rule("2.3", _E, _W),
        "blank-line": Rule("2.3", _W),
        "no-payload-folder": Rule("2.1.2"),
        "no-manifest": Rule("2.1.3"),
        "no-verifiable-manifest": Rule("3"),
        "algorithm-unknown": Rule("2.4", _W),
        "algorithm-name-unusual": Rule("2.4", _W),
        "manifest-line-malformed": Rule("2.1.3"),
        "manifest-line-escaped": Rule("6.1.3"),
        "manifest-line-comment": Rule("2.1.3", _W),
        "manifest-line-asterisk": Rule("6.1.3", _W),
        "checksum-malformed": Rule("2.1.3"),
        "path-unsafe": Rule("5.1"),
        "path-not-plain": Rule("2.1.3", _W),
        "path-not-encoded": Rule("2.1.3", _W),
        "path-normalization": Rule("6.1.1.2", _W),
        "not-payload": Rule("2.1.3"),
        "directory-listed": Rule("2.1.3"),
        "listed-twice": Rule("2.1.3", _E, _W),
        "listed-twice-conflicting": Rule("2.1.3"),
        "tag-manifest-lists-payload": Rule("2.2.1", _E, _W),
        "tag-manifest-lists-tag-manifest": Rule("2.2.1", _E, _W),
        "manifest-not-in-tag-manifest": Rule("2.2.1", _E, _W),
        "tag-file-not-listed": Rule("2.2.1", _W),
        "missing-file": Rule("3"),
        "extra-file": Rule("3"),
        "not-in-every-manifest": Rule("3", _E, _W),
        "file-unverifiable": Rule("3"),
        "checksum-mismatch": Rule("3"),
        "checksum-not-taken": Rule("3"),
        "info-line-malformed": Rule("2.2.2"),
        "info-spacing": Rule("2.2.2", _E, _W),
        "info-first-line-indented": Rule("2.2.2", _E, _W),
        "oxum-malformed": Rule("2.2.2"),
        "oxum-repeated": Rule("2.2.2", _E, _W),
        "oxum-mismatch": Rule("2.2.2"),
        "fetch-line-malformed": Rule("2.2.3"),
        "fetch-url-not-absolute": Rule("2.2.3"),
        "fetch-not-payload": Rule("2.2.3"),
        "fetch-not-in-every-manifest": Rule("2.2.3"),
        "fetch-listed-twice": Rule("2.2.3", _W),
        "fetch-length-mismatch": Rule("2.2.3"),
        "file-is-remote": Rule("5.2"),
        "names-undeclared": Rule("APPNOTE.TXT, appendix D"),
        "symbolic-link": Rule("5.1"),
        "special-file": Rule("5.1"),
        "name-unsafe": Rule("5.1"),
        "name-not-utf-8": Rule("6.1.1.2"),
        "name-normalization-duplicate": Rule("6.1.1.2", _W),
        "name-case-duplicate": Rule("6.1.1.1", _W),
        "name-windows": Rule("6.1.2", _W),
        "system-file": Rule("6.1", _W),
        "empty-folder": Rule("2.1.3", _W),
        "profile-version": Rule("BagIt Profiles"),
        "profile-info-missing": Rule("BagIt Profiles"),
        "profile-info-recommended": Rule("BagIt Profiles", _W),
        "profile-info-value": Rule("BagIt Profiles"),
        "profile-info-repeated": Rule("BagIt Profiles"),
        "profile-identifier": Rule("BagIt Profiles", _W),
        "profile-manifest-required": Rule("BagIt Profiles"),
        "profile-manifest-not-allowed": Rule("BagIt Profiles"),
        "profile-file-required": Rule("BagIt Profiles"),
        "profile-file-not-allowed": Rule("BagIt Profiles"),
        "profile-fetch": Rule("BagIt Profiles"),
        "profile-data-not-empty": Rule("BagIt Profiles"),
        "profile-serialization": Rule("BagIt Profiles"),
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
        severity = rule.severity if self.strict else rule.older or rule.severity
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

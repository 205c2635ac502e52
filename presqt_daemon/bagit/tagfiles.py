"""Tag files that say things: the declaration, and the labels of bag-info.txt.

RFC 8493 sections 2.1.1 (bagit.txt) and 2.2.2 (bag-info.txt).
"""

from presqt_daemon.bagit.findings import Findings
from presqt_daemon.findings import shown

_BLANKS = {"\u00a0": "a no-break space", "\u202f": "a narrow no-break space"}


def lines_from_text(text: str) -> list[str]:
    """Lines ended by LF, CR or CRLF alone; the last one may lack its end."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if not lines[-1]:
        lines.pop()
    return lines


def labels_from_text(text: str, name: str, findings: Findings) -> tuple[tuple[str, str], ...]:
    """Labels and values of bag-info.txt in order, repeats kept, folded lines joined by a space."""
    labels: list[tuple[str, list[str]]] = []
    for number, line in enumerate(lines_from_text(text), 1):
        if not line.strip(" \t"):
            findings.add("blank-line", name, f"line {number} is blank")
        elif line[0] in " \t":
            if labels:
                labels[-1][1].append(line.strip(" \t"))
            elif ":" in line and not findings.strict:
                findings.add(
                    "info-first-line-indented",
                    name,
                    f"line {number} is indented, though it continues no label",
                )
                labels.append(_label(name, number, line.lstrip(" \t"), findings))
            else:
                _bad_label(name, number, line, "is indented, but continues no label", findings)
        elif line.find(":") < 1:
            _bad_label(
                name,
                number,
                line,
                "is not of the form `Label: value`; a line that continues a value begins with a "
                "space",
                findings,
            )
        else:
            labels.append(_label(name, number, line, findings))
    return tuple((label, " ".join(filter(None, parts))) for label, parts in labels)


def _bad_label(name: str, number: int, line: str, what: str, findings: Findings) -> None:
    findings.add("info-line-malformed", name, f"line {number} {what}", found=line[:200])


def _label(name: str, number: int, line: str, findings: Findings) -> tuple[str, list[str]]:
    """Label and value of a line with a colon.

    The ABNF of 1.0 is `key ":" WSP value`, and a value may begin with more blanks; older versions
    say nothing of blanks after the colon.
    """
    label, _, value = line.partition(":")
    plain = value.strip(" \t")
    if label != label.rstrip(" \t"):
        what = "has a blank before its colon"
    elif not findings.strict or not plain or value[0] in " \t":
        what = None
    elif value[0].isspace():
        what = f"has {_BLANKS.get(value[0], 'no plain space')} behind its colon, not a plain space"
    else:
        what = "has no space behind its colon"
    if what is not None:
        findings.add("info-spacing", name, f"line {number} ({shown(label, 60)}) {what}")
    return label.rstrip(" \t"), [plain]

"""Tag files that say things: the declaration, and the labels of bag-info.txt.

RFC 8493 sections 2.1.1 (bagit.txt) and 2.2.2 (bag-info.txt).
"""

from presqt_daemon.bagit.findings import Findings
from presqt_daemon.findings import shown


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
            else:
                _bad_label(name, number, line, "continues no label", findings)
        else:
            label, colon, value = line.partition(":")
            if not colon or not label:
                _bad_label(name, number, line, "is not of the form `Label: value`", findings)
                continue
            plain = value.strip(" \t")
            if findings.strict and (
                label != label.rstrip(" \t") or (plain and value.lstrip(" \t") != value[1:])
            ):
                findings.add(
                    "info-spacing",
                    name,
                    f"line {number} ({shown(label, 60)}) has not exactly one space after its "
                    "colon and none before",
                )
            labels.append((label.rstrip(" \t"), [plain]))
    return tuple((label, " ".join(filter(None, parts))) for label, parts in labels)


def _bad_label(name: str, number: int, line: str, what: str, findings: Findings) -> None:
    findings.add("info-line-malformed", name, f"line {number} {what}", found=line[:200])

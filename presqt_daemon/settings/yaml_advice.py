"""Words for people where YAML's own are for programmers."""

import re

from presqt_daemon.system.yaml import YamlError

_WINDOWS_PATH = re.compile(r"[A-Za-z]:\\")


def advice_from_yaml_error(error: YamlError, content: bytes) -> str:
    """What is wrong and what to do, without the place; never the line itself."""
    lines = content.decode("utf-8", "replace").splitlines()
    line = lines[error.line - 1] if error.line is not None and error.line <= len(lines) else ""
    text = line.strip()
    value = text.partition(":")[2].strip() or text.removeprefix("-").strip()
    if "\\t" in error.problem or line[: len(line) - len(line.lstrip())].count("\t"):
        return "a tab; lines are moved to the right by blanks only"
    if value.startswith("*"):
        return 'text that begins with * must stand in quotes, such as "*.part"'
    if "escape" in error.problem:
        what = "a Windows path? This service runs on Linux: write /srv/deposits, say. " * (
            _WINDOWS_PATH.search(line) is not None
        )
        return f"{what}In double quotes a backslash begins an escape: use single quotes"
    if "mapping values are not allowed" in error.problem:
        return (
            "a key where none can stand: it is moved further to the right than the keys above it, "
            "or text that holds ': ' lacks quotes"
        )
    if "unexpected end of stream" in error.problem or "<stream end>" in error.problem:
        return "the file ends within quotes or brackets: one of them is not closed"
    if "expected <block end>" in error.problem:
        return "the keys of one part must all begin in the same column"
    if "not UTF-8" in error.problem:
        return f"{error.problem}; save it in the encoding UTF-8"
    if value.startswith(("@", "`", "%", "!", "&")):
        return f"text that begins with {value[0]} must stand in quotes"
    return error.problem

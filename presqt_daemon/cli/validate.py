"""`validate`: what staging would say about one zip."""

import tempfile
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from presqt_daemon.cli.command_line.context import Context
from presqt_daemon.cli.command_line.exits import CommandRefusal, Exit
from presqt_daemon.cli.output.progress import Step, following_steps
from presqt_daemon.cli.output.show import LISTED, brief, is_terminal, print_json, print_text, shown
from presqt_daemon.errors import HouseFault
from presqt_daemon.model import Finding
from presqt_daemon.staging.inspect import Inspection, inspect_zip
from presqt_daemon.system.files import printable_name
from presqt_daemon.units import counted, text_from_bytes

_NO_VERDICTS = frozenset({"unreadable-file"})


def main(context: Context) -> int:
    """0 valid, 1 invalid; a link is followed, since it is the caller's own."""
    path: Path = context.options.zip
    config = context.config_or_defaults()
    if not path.is_file():
        what = (
            "is no file but a folder: zip it, or let submit do so"
            if path.is_dir()
            else "is no file"
            if path.exists()
            else "there is no such file"
        )
        raise CommandRefusal(f"{path}: {what}", Exit.FILES)
    words = f"checking {path.name}"
    with (
        tempfile.TemporaryDirectory(prefix="presqt-validate-") as scratch,
        following_steps(shows=is_terminal()) as show,
    ):
        found = inspect_zip(
            path.resolve(),
            config.staging,
            Path(scratch),
            lambda done, total: show(Step(words=words, done=done, total=total)),
        )
    if isinstance(found.error, HouseFault) or (found.error and found.error.code in _NO_VERDICTS):
        raise CommandRefusal(f"{path}: {found.error.message}", Exit.FILES)
    if context.options.json:
        print_json(tree_from_inspection(path, found))
    else:
        print_text(report(path, found))
    return Exit.OK if is_valid(found) else Exit.FAILED


def is_valid(found: Inspection) -> bool:
    """Whether the daemon would go on with this zip."""
    return found.error is None and found.bag is not None


def report(path: Path, found: Inspection) -> Iterator[str]:
    """The inspection for people: the verdict, errors before warnings, each kind together."""
    name = shown(path.name)
    if is_valid(found):
        total = found.warnings_total
        extra = f", with {counted(total, 'warning')}" if total else ""
        yield f"{name}: valid{extra}"
    else:
        yield f"{name}: {'not valid' if found.bag is None else 'a valid bag, but refused'}"
    if found.error is not None:
        yield brief(found.error.message)
    if found.bag is not None:
        bag = found.bag
        yield (
            f"BagIt {shown(bag.version)}, {counted(bag.payload_files, 'payload file')}, "
            f"{text_from_bytes(bag.payload_bytes)}, {', '.join(bag.algorithms)}"
        )
    yield from _section("errors", found.errors, found.errors_total)
    yield from _section("warnings", found.warnings, found.warnings_total)


def tree_from_inspection(path: Path, found: Inspection) -> dict[str, Any]:
    """The inspection as JSON; every finding that was kept, all counted."""
    bag = found.bag
    return {
        "file": printable_name(path.name),
        "valid": is_valid(found),
        "error_code": None if found.error is None else found.error.code,
        "message": None if found.error is None else found.error.message,
        "findings_total": found.errors_total + found.warnings_total,
        "errors_total": found.errors_total,
        "warnings_total": found.warnings_total,
        "findings": [
            {
                "code": item.code,
                "severity": item.severity.value,
                "path": printable_name(item.path),
                "message": item.message,
                "expected": item.expected,
                "found": item.found,
                "hint": item.hint,
            }
            for item in (*found.errors, *found.warnings)
        ],
        "bag": None
        if bag is None
        else {
            "version": bag.version,
            "algorithms": list(bag.algorithms),
            "payload_files": bag.payload_files,
            "payload_bytes": bag.payload_bytes,
        },
    }


def _section(title: str, findings: Sequence[Finding], total: int) -> Iterator[str]:
    if not findings:
        return
    yield ""
    yield f"{title} ({total}):"
    ordered = sorted(findings, key=lambda item: item.code)
    for code, group in groupby(ordered, key=lambda item: item.code):
        same = list(group)
        yield f"  {shown(code)} ({len(same)})"
        for item in same[:LISTED]:
            yield from _finding(item)
        if len(same) > LISTED:
            yield f"    ... and {len(same) - LISTED} more"
    if total > len(findings):
        yield f"  {total - len(findings)} more are not listed"


def _finding(item: Finding) -> Iterator[str]:
    """Path, what is wrong with it, the two values in full, what to do: each said once."""
    if item.path:
        yield f"    {shown(item.path)}"
    message = item.message.removeprefix(f"{item.path}: ")
    if item.hint is not None:
        message = message.replace(f" {item.hint.rstrip('.')}.", "")
    yield f"      {brief(message)}"
    for label, value in (("expected", item.expected), ("found", item.found)):
        if value is not None:
            yield f"      {label + ':':<10}{shown(value)}"
    if item.hint is not None:
        yield f"      {shown(item.hint)}"

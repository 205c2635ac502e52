"""Progress as a line with a bar: of a ticket, of a command's own work."""

import contextlib
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from presqt_daemon.cli.output.describe import headline
from presqt_daemon.cli.output.figures import (
    RateWindow,
    TicketRate,
    amounts,
    is_sending,
    rate_texts,
)
from presqt_daemon.cli.output.show import Bar, brief, is_terminal, pen, shown
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.units import text_from_bytes

TURN_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far some work is; `unit` says what is counted, empty for bytes."""

    words: str
    done: int
    total: int
    unit: str = ""


@contextmanager
def following_ticket() -> Iterator[Callable[[ProcessInfo], None]]:
    """Shows one ticket's progress as it is told, with its rate and the time left."""
    rate = TicketRate()
    with pen().following_bar() as draw:

        def update(info: ProcessInfo) -> None:
            rate.add(info)
            draw(bar_of_ticket(info, rate.texts(info)))

        yield update


@contextmanager
def following_steps(*, shows: bool, stays: bool = False) -> Iterator[Callable[[Step], None]]:
    """Shows how far some work is, until it is done; nothing where it is not to be shown."""
    if not shows:
        yield lambda _step: None
        return
    window = RateWindow()
    with pen().following_bar(stays=stays) as draw:

        def update(step: Step) -> None:
            window.add(time.monotonic(), step.done)
            is_over = 0 < step.total <= step.done
            figures = () if is_over else rate_texts(window, step.total, unit=step.unit)
            draw(bar_of_step(step, figures))

        yield update


def bar_of_ticket(info: ProcessInfo, figures: tuple[str, ...] = ()) -> Bar:
    """A ticket's bar: what is being done now; of an ended ticket only that it has ended."""
    told = []
    if is_sending(info) and info.upload_total_files:
        told = [
            f"{info.upload_files_finished} of {info.upload_total_files} files",
            _of(*amounts(info)),
        ]
    elif info.staging_total_bytes and info.is_open:
        told = [f"{_of(*amounts(info))} unpacked"]
    return Bar(
        words=brief(headline(info)) if info.is_open else info.status.value,
        share=info.job_percentage / 100,
        figures=(*told, *figures),
        is_urgent=not info.is_open,
    )


def bar_of_step(step: Step, figures: tuple[str, ...] = ()) -> Bar:
    """The bar of a command's own work."""
    if step.unit:
        told = (
            f"{step.done} of {step.total} {step.unit}" if step.total else f"{step.done} {step.unit}"
        )
    else:
        told = _of(step.done, step.total) if step.total else text_from_bytes(step.done)
    return Bar(
        words=shown(step.words),
        share=min(step.done / step.total, 1.0) if step.total else None,
        figures=(told, *figures),
    )


def _of(done: int, total: int) -> str:
    """`1.2 of 3.0 GB`, or `900.0 kB of 3.0 GB`."""
    first, unit = text_from_bytes(done).split()
    last = text_from_bytes(total)
    return f"{first} of {last}" if last.endswith(f" {unit}") else f"{first} {unit} of {last}"


@contextlib.contextmanager
def reading(words: str, total: int) -> Iterator[None]:
    """Shows how much of `total` bytes this process has read since it began.

    The kernel counts them (`rchar`, proc(5)); so what reads needs to know nothing of it.
    """
    with following_steps(shows=is_terminal()) as show:
        before, is_over = _read_so_far(), threading.Event()

        def turn() -> None:
            while not is_over.wait(TURN_SECONDS):
                now = _read_so_far()
                done = 0 if now is None or before is None else min(now - before, total)
                show(Step(words=words, done=done, total=0 if now is None else total))

        thread = threading.Thread(target=turn, name="progress", daemon=True)
        if is_terminal():
            thread.start()
        try:
            yield
        finally:
            is_over.set()
            if thread.is_alive():
                thread.join()


def bytes_of(path: Path) -> int:
    """The bytes of a file, or of all below a folder as far as they can be seen; follows no link."""
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size
    total = 0
    for place, _folders, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size
    return total


def _read_so_far() -> int | None:
    try:
        text = Path("/proc/self/io").read_text(encoding="ascii")
    except OSError:
        return None
    found = re.search(r"^rchar: ([0-9]+)$", text, re.MULTILINE)
    return None if found is None else int(found[1])

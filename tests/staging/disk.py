"""A disk that does something to files while staging writes them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from presqt_daemon.staging import small
from presqt_daemon.staging.folders import Creator
from presqt_daemon.staging.readback import Growing, Lanes
from presqt_daemon.system.files import write_all

OnWritten = Callable[[str, int], None]
"""Hears of each file when it is written and before its end is read back: path, descriptor."""


@contextmanager
def hears_of_files(on_written: OnWritten | None) -> Iterator[None]:
    names: dict[int, str] = {}
    create, wrote = Creator.create, Lanes.wrote

    def create_and_note(creator: Creator, path: str) -> int:
        fd = create(creator, path)
        names[fd] = path
        return fd

    def write_small(fd: int, content: bytes) -> None:
        write_all(fd, content)
        assert on_written is not None
        on_written(names[fd], fd)

    def write_large(lanes: Lanes, growing: Growing, count: int) -> None:
        if growing.written + count >= growing.size:
            assert on_written is not None
            on_written(growing.path, growing.fd)
        wrote(lanes, growing, count)

    with pytest.MonkeyPatch.context() as patch:
        if on_written is not None:
            patch.setattr(Creator, "create", create_and_note)
            patch.setattr(small, "write_all", write_small)
            patch.setattr(Lanes, "wrote", write_large)
        yield

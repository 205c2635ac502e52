"""What a daemon and its workers did to the files below a folder, from a log of strace."""

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

CALLS = (
    "open,openat,creat,write,pwrite64,writev,rename,renameat,renameat2,link,linkat,unlink,unlinkat,"
    "mkdir,mkdirat,rmdir,fsync,fdatasync,ftruncate,sync,syncfs,copy_file_range,sendfile,symlink,"
    "symlinkat,fallocate,pwritev"
)
"""All by which names and contents change or become durable; those unknown below fail loudly."""

COMMAND = (
    "strace",
    "-f",
    "--seccomp-bpf",
    "-qq",
    "-ttt",
    "-y",
    "-x",
    "-s",
    "9999999",
    "-e",
    "signal=none",
)

_LINE = re.compile(r"^(\d+) +(\d+\.\d+) (.*)$")
_RESUMED = re.compile(r"^<\.\.\. \w+ resumed>(.*)$")
_TOKEN = re.compile(
    r'"((?:[^"\\]|\\.)*)"|(AT_FDCWD|-?\d+)<((?:[^>\\]|\\.)*)>(\(deleted\))?|([^,\s]+)'
)
_CALL = re.compile(r"^(\w+)\((.*)\) += (-?\d+|\?)(?:<((?:[^>\\]|\\.)*)>(\(deleted\))?)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Handle:
    """An open file or folder as strace shows it: its number and its path."""

    number: int
    path: str
    is_deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call that succeeded; `begun` counts the calls that had ended when it began."""

    task: int
    moment: float
    begun: int
    name: str
    arguments: tuple[str | bytes | Handle, ...]
    result: int
    opened: Handle | None


def read_calls(lines: Iterable[str], since: float) -> Iterator[Call]:
    """The calls that began after a moment (seconds of the wall clock), in the order they ended."""
    waiting: dict[int, tuple[float, int, str]] = {}
    ended = 0
    for line in lines:
        if (found := _LINE.match(line.rstrip("\n"))) is None:
            continue
        task, moment, text = int(found[1]), float(found[2]), found[3]
        begun = ended
        if text.endswith("<unfinished ...>"):
            waiting[task] = (moment, ended, text.removesuffix("<unfinished ...>"))
            continue
        if (resumed := _RESUMED.match(text)) is not None:
            if task not in waiting:
                continue
            moment, begun, first = waiting.pop(task)
            text = first + resumed[1]
        call = _call(task, moment, begun, text)
        if call is not None and call.moment >= since:
            ended += 1
            yield call


def _call(task: int, moment: float, begun: int, text: str) -> Call | None:
    found = _CALL.match(text)
    if found is None or found[3] == "?" or int(found[3]) < 0:
        return None
    opened = None
    if found[4] is not None:
        path = _bytes(found[4]).decode("utf-8", "surrogateescape")
        opened = Handle(number=int(found[3]), path=path, is_deleted=found[5] is not None)
    arguments = tuple(map(_argument, _TOKEN.finditer(found[2])))
    return Call(
        task=task, moment=moment, begun=begun, name=found[1], arguments=arguments,
        result=int(found[3]), opened=opened,
    )  # fmt: skip


def _argument(token: re.Match[str]) -> str | bytes | Handle:
    if token[1] is not None:
        return _bytes(token[1])
    if token[2] is not None:
        number = -100 if token[2] == "AT_FDCWD" else int(token[2])
        path = _bytes(token[3]).decode("utf-8", "surrogateescape")
        return Handle(number=number, path=path, is_deleted=token[4] is not None)
    return token[5]


def _bytes(text: str) -> bytes:
    return codecs.escape_decode(text.encode("latin-1"))[0]

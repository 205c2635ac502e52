"""Loaded by every Python of a traced daemon, by its name: writes down which code of ours runs.

With LINE_TRACE (a file) and LINE_PACKAGE (a folder) each call of a function in that folder is a
line, and so is each call by which one thread waits for another or wakes it: monotonic ns, process,
thread, what, and on what. Modules and class bodies do not count as running.
"""

import os
import sys
import threading
import time
from types import FrameType
from typing import Any

_HANDS_OVER = frozenset({"put", "release", "start_new_thread", "connect", "write"})
_WAITS = frozenset({"get", "get_nowait", "acquire", "read"})
_READERS = ("/worker.py", "/pool.py")
_IS_FUNCTION = 0x1
"""CO_OPTIMIZED: a module and a class body have no fast locals."""

_target = os.environ.get("LINE_TRACE", "")
_package = os.environ.get("LINE_PACKAGE", "")
_last: dict[int, object] = {}


def _note(what: str, about: str) -> None:
    # not the ident, which a later thread gets again
    me = threading.get_native_id()
    line = f"{time.monotonic_ns()} {os.getpid()} {me} {what} {about}\n"
    os.write(_file, line.encode())


def _hook(frame: FrameType, event: str, arg: Any) -> None:
    if event == "call":
        code = frame.f_code
        me = threading.get_ident()
        if code.co_filename.startswith(_package) and code.co_flags & _IS_FUNCTION:
            if _last.get(me) is code:
                return
            _last[me] = code
            thread = threading._active.get(me)  # type: ignore[attr-defined]
            name = "?" if thread is None else thread.name.replace(" ", "_")
            where = code.co_filename[len(_package) :].lstrip("/")
            _note("run", f"{where} {code.co_name} {name} {id(thread)}")
    elif event in {"c_call", "c_return"}:
        name = arg.__name__
        is_sent = event == "c_call" and name in _HANDS_OVER
        if not is_sent and name not in _WAITS:
            return
        owner = arg.__self__
        if name in {"write", "read"}:
            where = frame.f_code.co_filename
            # the fork server's own words about births and deaths are no messages
            if not where.endswith(("multiprocessing/connection.py", *_READERS)):
                return
        if name in {"acquire", "release"} and frame.f_code.co_name not in {"wait", "notify"}:
            return  # two that met at a mutex gave each other nothing
        if name == "start_new_thread":
            owner = frame.f_locals.get("self")
        kind = "pipe" if name in {"write", "read"} else str(id(owner))
        if is_sent:
            _note("give", f"{name} {kind}")
        else:
            _note("ask" if event == "c_call" else "got", f"{name} {kind}")


if _target and _package:
    _file = os.open(_target, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    threading.setprofile(_hook)
    sys.setprofile(_hook)

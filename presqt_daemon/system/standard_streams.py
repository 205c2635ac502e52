"""What a process finds at its start and may not rely on: three open streams, names in UTF-8."""

import os
import sys


def open_missing_streams() -> None:
    """See to it that 0, 1 and 2 are open, on the null device where nothing was (`run >&-`).

    Else the next file or socket would get such a number, and what is printed would go into it.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # the lowest free number is given: all below it are open by now
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
        os.set_inheritable(number, True)
    for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def start_again_in_utf8() -> None:
    """Start this program again with UTF-8 for names, where the locale says otherwise.

    Names of files are bytes; read and written by another encoding, one name becomes two. The
    process keeps its number; `PYTHONUTF8` is for those that it starts.
    """
    if sys.getfilesystemencoding().lower().replace("-", "") == "utf8" or sys.flags.utf8_mode:
        return
    os.environ["PYTHONUTF8"] = "1"
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606

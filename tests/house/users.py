"""A house whose service, and whose senders, are real users of the machine."""

import contextlib
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.house.house import PLUGINS, House, open_house
from tests.house.shelf import Shelf

SERVICE = 61001


def as_user(
    uid: int, *command: str, groups: tuple[int, ...] = ()
) -> subprocess.CompletedProcess[str]:
    extra = [f"--groups={','.join(map(str, groups))}"] if groups else ["--clear-groups"]
    return subprocess.run(
        ["setpriv", f"--reuid={uid}", f"--regid={uid}", *extra, *command],
        check=False, capture_output=True, text=True,
    )  # fmt: skip


@contextlib.contextmanager
def house_of_users(
    groups: Mapping[str, int], targets: Callable[[Shelf], dict[str, Any]]
) -> Iterator[tuple[House, Shelf]]:
    """A house below which nothing is closed to others; each inbox folder belongs to its group."""
    if os.getuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("real users need root and the program setpriv")
    open_to_all = python_for_all()
    if open_to_all is None:
        pytest.skip("no Python here that another user could run with this installation")
    # not below pytest's own folder, which is closed to other users
    root = Path(tempfile.mkdtemp(prefix="users-"))
    root.chmod(0o755)
    os.chown(root, SERVICE, SERVICE)
    with Shelf() as shelf, open_house(root) as house:
        named = ",".join(str(group) for group in sorted(set(groups.values())))
        house.command = (
            "setpriv", f"--reuid={SERVICE}", f"--regid={SERVICE}", f"--groups={named}",
        )  # fmt: skip
        house.environment["PYTHONDONTWRITEBYTECODE"] = "1"
        house.python, house.environment["PYTHONPATH"] = open_to_all
        house.configure(targets=targets(shelf))
        for place, group in {"": SERVICE, **groups}.items():
            (house.inbox / place).mkdir()
            os.chown(house.inbox / place, SERVICE, group)
            (house.inbox / place).chmod(0o2770 if place else 0o755)
        yield house, shelf
    shutil.rmtree(root)


@functools.cache
def python_for_all() -> tuple[str, str] | None:
    """An interpreter and its path that the service's user can use, None when there is none."""
    search = os.pathsep.join([str(PLUGINS), *(path for path in sys.path if path)])
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        tried = as_user(
            SERVICE, "env", f"PYTHONPATH={search}", python, "-c", "import presqt_daemon.daemon"
        )
        if tried.returncode == 0:
            return python, search
    return None

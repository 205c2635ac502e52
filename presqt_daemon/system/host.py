"""Who and where this process is: host name, boot, identity of a process that outlives its pid."""

import functools
import os
from pathlib import Path


@functools.cache
def host_name() -> str:
    """This machine's name."""
    return os.uname().nodename


@functools.cache
def boot_id() -> str:
    """The kernel's id of this boot; empty where the kernel gives none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def start_ticks(pid: int) -> int | None:
    """A process's start in clock ticks since boot, None when there is no such process."""
    try:
        content = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    return int(content.rpartition(b")")[2].split()[19])


def own_start_ticks() -> int:
    """This process's own start."""
    return start_ticks(os.getpid()) or 0

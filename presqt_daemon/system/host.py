"""Who and where this process is: host name, boot, identity of a process that outlives its pid."""

import functools
import os
import secrets
import time
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


def boot_seconds() -> float:
    """Seconds since the boot; time in which the machine was suspended counts (clock_gettime(2))."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@functools.cache
def instance_id() -> str:
    """This process among all of all hosts; containers share boot ids, so it has a random part."""
    return f"{host_name()}:{boot_id()}:{os.getpid()}-{secrets.token_hex(8)}"


def is_same_host(instance: str, other: str) -> bool:
    """Whether two processes are, or were, one host's, in whatever boot."""
    return instance.partition(":")[0] == other.partition(":")[0]

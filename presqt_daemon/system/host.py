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
    fields = _fields_of(pid)
    return int(fields[19]) if fields else None


def _fields_of(pid: int) -> list[bytes]:
    """What proc_pid_stat(5) tells of a process behind its name; nothing where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return []


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


def is_of_this_boot(instance: str) -> bool:
    """Whether a process is, or was, one of this host since its last boot."""
    name, boot, _ = (*instance.split(":", 2), "", "")[:3]
    return (name, boot) == (host_name(), boot_id()) and boot != ""


def is_dead_here(instance: str) -> bool:
    """Whether a process was one of this host and boot, and has ended."""
    if not is_of_this_boot(instance):
        return False
    fields = _fields_of(pid_of(instance))
    # of some there is only left what its parent has not asked for yet
    return not fields or fields[0] in {b"Z", b"X"}


def pid_of(instance: str) -> int:
    """A process's number on its own host, 0 for what is no instance."""
    number = instance.rpartition(":")[2].partition("-")[0]
    return int(number) if number.isdecimal() else 0


def host_of(instance: str) -> str:
    """The name of a process's host."""
    return instance.partition(":")[0]


def is_same_host(instance: str, other: str) -> bool:
    """Whether two processes are, or were, one host's, in whatever boot."""
    return host_of(instance) == host_of(other)

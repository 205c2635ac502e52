import os
import subprocess
import sys

from presqt_daemon.system.host import boot_id, host_name, own_start_ticks, start_ticks


def test_this_process_has_one_start() -> None:
    assert own_start_ticks() == start_ticks(os.getpid())
    assert own_start_ticks() > 0


def test_a_later_process_starts_later_and_an_ended_one_not_at_all() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        started = start_ticks(child.pid)
        assert started is not None
        assert started >= own_start_ticks()
        child.communicate(b"\n")
    assert start_ticks(child.pid) is None


def test_machine_and_boot_have_names() -> None:
    assert host_name() == os.uname().nodename
    assert len(boot_id()) in {0, 36}

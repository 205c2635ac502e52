"""An adapter in a process of its own: to be killed, or to be weighed."""

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from presqt_daemon.config import TargetConfig
from presqt_daemon.upload.send import SendJob

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_SECONDS = 60.0

_SEND = """
import pickle, sys
from tests.upload.tickets import Supervisor
job = pickle.loads(sys.stdin.buffer.read())
Supervisor().send(job)
"""

_PUT = """
import pickle, sys
from pathlib import Path, PurePosixPath
from presqt_daemon.targets.base import ContainerRequest, Sending, connect
from presqt_daemon.upload.parcels.body import open_body
from presqt_daemon.upload.parcels.decide import Parcel
config, token, path = pickle.loads(sys.stdin.buffer.read())
size = path.stat().st_size
def opened():
    remote = PurePosixPath("big.bin")
    parcel = Parcel(name="big.bin", source=path, remote=remote, size=size, digests={})
    return open_body(parcel, None, lambda _at: None)
target = connect(config, token)
request = ContainerRequest(ticket="0" * 32, resource_id=None, title="Big")
container = target.container(request)
file = Sending(path=PurePosixPath("big.bin"), size=size, digests={}, open=opened)
target.put(container, file, None)
target.commit(container)
target.close()
status = Path("/proc/self/status").read_text().split("VmHWM:")[1]
print(int(status.split()[0]) * 1024)
"""


def kill_while_sending(job: SendJob, is_time: Callable[[], bool]) -> None:
    """Start the upload in another process and kill that with SIGKILL as soon as it is time."""
    with _python(_SEND) as process:
        assert process.stdin is not None
        process.stdin.write(pickle.dumps(job))
        process.stdin.close()
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not is_time():
            assert process.poll() is None, "the upload ended before it could be killed"
            assert time.monotonic() < deadline, "the moment to kill the upload never came"
            os.sched_yield()
        process.send_signal(signal.SIGKILL)
        process.wait()


def peak_bytes(config: TargetConfig, token: str, path: Path) -> int:
    """The most memory that a process takes while it puts one file into a new container."""
    with _python(_PUT) as process:
        told, _ = process.communicate(pickle.dumps((config, token, path)), DEADLINE_SECONDS)
        assert process.returncode == 0
        return int(told)


def _python(script: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", script]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

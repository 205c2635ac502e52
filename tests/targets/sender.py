"""An upload in a process of its own, to be killed or measured: `sender.py JOB.json`.

Prints one JSON object at the end: the failed fixity, the link, and the most memory it ever held.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from presqt_daemon.config import TargetConfig
from presqt_daemon.model import UploadResult
from tests.upload.tickets import Supervisor, job_for

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True)
class Job:
    """What the process needs to know of an upload."""

    folder: str
    type: str
    url: str
    token: str
    title: str = "Project"
    resource_id: str | None = None

    def start(self) -> subprocess.Popen[str]:
        """The process, under way."""
        return subprocess.Popen(
            [sys.executable, __file__, json.dumps(asdict(self))],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )

    def run(self) -> Mapping[str, Any]:
        """What it printed at its end."""
        with self.start() as process:
            text, _ = process.communicate()
        assert process.returncode == 0
        tree: Mapping[str, Any] = json.loads(text)
        return tree


def _send(job: Job) -> UploadResult:
    target = TargetConfig(name=job.type, type=job.type, url=job.url)
    return Supervisor().send(
        job_for(
            Path(job.folder),
            target,
            title=job.title,
            resource_id=job.resource_id,
            token=job.token,
        )
    )


def _most_memory() -> int:
    """Bytes of the high-water mark; getrusage would count the parent's before the exec."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) << 10


if __name__ == "__main__":
    result = _send(Job(**json.loads(sys.argv[1])))
    print(
        json.dumps({"failed": result.failed_fixity, "link": result.link, "memory": _most_memory()})
    )

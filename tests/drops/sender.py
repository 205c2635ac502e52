"""A sender: some user of the machine who brings files by one of the programs.

As a program: `python -m tests.drops.sender CLIENT INBOX FOLDER...`, what went wrong as JSON.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.drops.clients import CLIENTS, RCLONE

ROOT = Path(__file__).parents[2]


def bring_each(client: str, folders: list[Path], inbox: Path) -> list[str]:
    """One round for each folder."""
    faults = []
    for folder in folders:
        faults += CLIENTS[client](sorted(folder.iterdir()), inbox)
    return faults


@dataclass(frozen=True, kw_only=True)
class Sender:
    """Who brings files: this process's own user, or another one with a group to drop for.

    `python` and `path` are an interpreter that this user can run, and its module path.
    """

    uid: int | None = None
    group: int | None = None
    python: str = sys.executable
    path: str = ""

    def bring(self, client: str, folders: list[Path], inbox: Path) -> list[str]:
        """Run one client for each folder of files, beside each other; what it said was wrong."""
        if self.uid is None:
            return bring_each(client, folders, inbox)
        home = folders[0].parent / "home"
        home.mkdir(exist_ok=True)
        for path in (home, *folders, *(path for folder in folders for path in folder.iterdir())):
            os.chown(path, self.uid, self.uid)
        done = subprocess.run(
            ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", f"--groups={self.group}",
             self.python, "-m", "tests.drops.sender", client, str(inbox), *map(str, folders)],
            capture_output=True, text=True, check=False, cwd=ROOT,
            env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{self.path}", "HOME": str(home),
                              "PYTHONDONTWRITEBYTECODE": "1", "RCLONE": RCLONE},
        )  # fmt: skip
        if done.returncode:
            return [done.stderr[-1000:]]
        faults: list[str] = json.loads(done.stdout)
        return faults


if __name__ == "__main__":
    _, name, place, *paths = sys.argv
    print(json.dumps(bring_each(name, [Path(path) for path in paths], Path(place))))

"""The first command of the README, word for word, on a copy of the tree with nothing else there."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

from tests.bags import bag_zip, drop
from tests.house.house import House, wait_until

ROOT = Path(__file__).parents[2]
SHIPPED = (
    "presqt_daemon",
    "README.md",
    "LICENSE",
    "pyproject.toml",
    "config.example.yaml",
    "systemd",
)


def first_command() -> str:
    block = re.search(r"```sh\n(.+?)\n```", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert block is not None
    return block.group(1)


def test_the_first_command_of_the_readme_leads_to_a_verified_deposit(tmp_path: Path) -> None:
    tree = tmp_path / "fresh"
    tree.mkdir()
    for name in SHIPPED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, tree / name)
    command = first_command()
    assert command.startswith("python3 -m venv .venv")
    # what a newcomer's shell has, and how this machine reaches the package index
    kept = re.compile(r"PATH|HOME|TERM|LANG|PIP_.*|UV_.*|SSL_.*|REQUESTS_CA_BUNDLE|(?i:.*_proxy)")
    environment = {name: value for name, value in os.environ.items() if kept.fullmatch(name)}
    outer = os.environ.get("VIRTUAL_ENV")
    if outer is not None:
        paths = environment["PATH"].split(os.pathsep)
        environment["PATH"] = os.pathsep.join(path for path in paths if not path.startswith(outer))
    house = House(tree)
    with (tree / "log").open("wb") as log:
        shell = subprocess.Popen(
            ["bash", "-c", command],
            cwd=tree, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        wait_until(lambda: "ready: " in house.log or shell.poll() is not None, 240, what=house.log)
        assert shell.poll() is None, house.log
        drop(bag_zip(), house.inbox / "archive" / "thesis.zip")
        info = house.ended("thesis.zip")
        assert info["message"] == "Upload successful."
        assert house.deposited("Project") == {"a.txt": b"alpha\n", "sub/b.txt": b"beta\n"}
        os.killpg(shell.pid, signal.SIGTERM)
        shell.wait(40)
        assert "stopped" in house.log
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)
        shell.wait(10)

"""The README's commands, word for word, on a copy of the tree with nothing else there."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from presqt_daemon.cli.pages import TOPICS
from tests.bags import bag_zip
from tests.fakes.zenodo import TOKEN, FakeZenodo
from tests.house.house import House, wait_until
from tests.pages.pages import blocks, first_block, links, section, text_of, words_in_code

ROOT = Path(__file__).parents[2]
SHIPPED = (
    "presqt_daemon",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "pyproject.toml",
    "config.example.yaml",
    "systemd",
)


def run_block(block: str, tree: Path, environment: Mapping[str, str], *, given: str = "") -> str:
    """What the commands print; fails when the last one does."""
    ended = subprocess.run(
        ["bash", "-euc", block],
        cwd=tree, env=environment, input=given, capture_output=True, text=True,
        timeout=240, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, f"{block}\n{ended.stdout}{ended.stderr}"
    return ended.stdout


def deposit_with_a_token(block: str, house: House, environment: Mapping[str, str]) -> None:
    """Type the block about a target with a token, with a server of this machine as the site."""
    lines = block.splitlines(keepends=True)
    prepare, use = "".join(lines[:2]), "".join(lines[2:])
    text = " ".join(section("README.md", "The first bag").split())
    line = next(word for word in words_in_code(text) if word.startswith("zenodo: {"))
    with FakeZenodo() as fake:
        run_block(prepare, house.root, environment, given=f"{TOKEN}\n")
        file = house.root / "config.yaml"
        entry = line.replace("https://sandbox.zenodo.org", fake.url)
        file.write_text(file.read_text().replace("targets:", f"targets:\n  {entry}\n#", 1))
        house.python = str(house.root / ".venv/bin/python")
        house.start()
        told = run_block(use, house.root, environment)
        assert re.search(r"ok +removal from zenodo +the trial deposit is gone again", told), told
        assert "Upload successful. Draft, not published" in told
        assert house.stop() == 0


def test_the_commands_of_the_readme_lead_to_verified_deposits(tmp_path: Path, full: bool) -> None:
    tree = tmp_path / "fresh"
    tree.mkdir()
    for name in SHIPPED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, tree / name)
    command = first_block("README.md", "Two commands")
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
        first_bag, a_zip, with_token = list(blocks(section("README.md", "The first bag"), "sh"))
        told = run_block(first_bag, tree, environment)
        assert "Upload successful." in told
        assert "archive/Field notes:\nmonday.txt" in told
        (tree / "thesis.zip").write_bytes(bag_zip())
        assert "Field notes.zip" in run_block(a_zip, tree, environment)
        info = house.ended("thesis.zip")
        assert info["message"] == "Upload successful."
        assert house.deposited("Project") == {"a.txt": b"alpha\n", "sub/b.txt": b"beta\n"}
        for topic, (page, _about) in TOPICS.items():
            told = run_block(f".venv/bin/presqt-daemon help {topic}", tree, environment)
            assert told == text_of(page), topic
        documents = tree / ".venv/share/doc/presqt-daemon"
        for document in documents.rglob("*.md"):
            for link in links(document.read_text(encoding="utf-8")):
                # the tests come with the source alone
                if not link.startswith("https:") and "tests/" not in link:
                    assert (document.parent / link.partition("#")[0]).exists(), (
                        f"{document}: {link}"
                    )
        assert (documents / "systemd/README.md").exists()
        os.killpg(shell.pid, signal.SIGTERM)
        shell.wait(40)
        assert "stopped" in house.log
        if full:
            deposit_with_a_token(with_token, house, environment)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)
        shell.wait(10)

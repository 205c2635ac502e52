"""The whole program at the real server: dropped, held for its token, published, verified."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bags import bag_zip, drop
from tests.fakes.zenodo import stem_of
from tests.real.site import RealSite
from tests.real.test_rules import described

pytestmark = [pytest.mark.full, pytest.mark.timeout(2400)]


class Program:
    """The program with a configuration of its own."""

    def __init__(self, folder: Path, account: RealSite) -> None:
        self.folder = folder
        target = f"type: zenodo, url: '{account.config.url}', token_file: token"
        lines = [
            "targets:",
            f"  zenodo: {{{target}, publish: after_verified}}",
            "intake: {settle: 0s}",
        ]
        (folder / "config.yaml").write_text("\n".join(lines) + "\n")

    def give_token(self, token: str) -> None:
        path = self.folder / "token"
        path.unlink(missing_ok=True)
        path.write_text(token)
        path.chmod(0o400)

    def run(self, *arguments: str) -> int:
        """Its exit code."""
        command = [sys.executable, "-m", "presqt_daemon", "--config", "config.yaml", *arguments]
        return subprocess.run(command, check=False, cwd=self.folder, timeout=600).returncode

    def status(self) -> dict[str, Any]:
        """The only ticket's."""
        (path,) = self.folder.glob("mediafiles/uploads/*/process_info.json")
        return dict(json.loads(path.read_text()))


def test_a_drop_is_held_for_a_wrong_token_published_with_the_right_one_and_verified(
    account: RealSite, tmp_path: Path
) -> None:
    program = Program(tmp_path, account)
    program.give_token("wrong")
    inbox = tmp_path / "inbox" / "zenodo"
    inbox.mkdir(parents=True)
    drop(bag_zip(described({"titles": [{"title": "For readers"}]})), inbox / "Drop.zip")
    assert program.run("run", "--once", "--max-wait", "10s") == 3
    held = program.status()
    assert (held["status"], held["waiting_for"]) == ("in_progress", "a token")
    assert "refuses the token" in held["message"]
    program.give_token(str(account.token))
    assert program.run("run", "--once", "--max-wait", "5m") == 0
    ended = program.status()
    assert (ended["status"], ended["title"]) == ("finished", "For readers")
    record = account.draft(ended["link_to_resource"].rpartition("/")[2])
    assert record["is_published"]
    assert "Project.presqt.zip" in {stem_of(key) for key in account.keys(record["id"])}
    assert program.run("verify", ended["ticket_number"]) == 0

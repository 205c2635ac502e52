"""The page on targets, followed from the token to a deposit at a site that knows no better."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bags import bag_zip
from tests.fakes.zenodo import TOKEN, FakeZenodo
from tests.house.house import wait_until
from tests.pages.pages import blocks, section

PAGE = "presqt_daemon/targets/README.md"


def test_the_page_leads_from_a_token_to_a_deposit(tmp_path: Path) -> None:
    programs = Path(sys.executable).parent
    if not (programs / "presqt-daemon").exists():
        pytest.skip("the program is not installed beside this interpreter")
    text = section(PAGE, "From a token to a deposit")
    save_token, deposit = blocks(text, "sh")
    (entry,) = blocks(text, "yaml")
    kept = {name: value for name, value in os.environ.items() if "PRESQT" not in name}
    environment = {**kept, "PATH": f"{programs}:{os.environ['PATH']}"}

    def typed(block: str, given: str = "") -> str:
        ended = subprocess.run(
            ["bash", "-euc", block],
            cwd=tmp_path, env=environment, input=given, capture_output=True, text=True,
            timeout=240, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, f"{block}\n{ended.stdout}{ended.stderr}"
        return ended.stdout

    with FakeZenodo() as site:
        typed(save_token, f"{TOKEN}\n")
        named = re.sub(r"https://[^,]+", f"{site.url}/api", entry)
        assert named != entry
        (tmp_path / "config.yaml").write_text(named, encoding="utf-8")
        (tmp_path / "thesis.zip").write_bytes(bag_zip())
        with (tmp_path / "log").open("wb") as log:
            daemon = subprocess.Popen(
                [shutil.which("presqt-daemon", path=environment["PATH"]) or "", "run"],
                cwd=tmp_path, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        try:
            wait_until(lambda: b"ready: " in (tmp_path / "log").read_bytes(), 120)
            told = typed(deposit)
        finally:
            daemon.terminate()
            daemon.wait(60)
        assert "Draft, not published" in told
        assert "taken away" in told or "removed" in told
        assert TOKEN not in told + (tmp_path / "log").read_text(encoding="utf-8")

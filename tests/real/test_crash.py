"""kill -9 at random moments of an upload, an update and a publish: one draft, one file."""

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from presqt_daemon.model import DuplicateAction
from tests.real.site import RealSite
from tests.real.test_rules import described
from tests.targets.sender import REPOSITORY
from tests.upload.tickets import Supervisor, job_for, staged

pytestmark = [pytest.mark.full, pytest.mark.timeout(2400)]

MOMENTS = 15
ZIP = "Project.presqt.zip"
CODE = """
import json, sys
from pathlib import Path
from presqt_daemon.config import TargetConfig
from presqt_daemon.model import DuplicateAction
from tests.upload.tickets import Supervisor, job_for
job = json.loads(sys.argv[1])
config = TargetConfig(name="zenodo", type="zenodo", url=job["url"], publish=job["publish"])
print("ready", flush=True)
Supervisor().send(job_for(
    Path(job["folder"]), config, token=job["token"], resource_id=job["resource_id"],
    action=DuplicateAction(job["action"]),
))
print("done", flush=True)
"""


class Sender:
    """One upload in a process of its own, as often as it takes."""

    def __init__(self, account: RealSite, folder: Path, **more: Any) -> None:
        self.job = {
            "url": account.config.url,
            "token": account.token,
            "folder": str(folder),
            "resource_id": None,
            "action": "ignore",
            "publish": "never",
            **more,
        }

    def run(self, kill_after: float | None = None) -> float:
        """Seconds that it took from its beginning to its end, or to its kill."""
        with subprocess.Popen(
            [sys.executable, "-c", CODE, json.dumps(self.job)],
            stdout=subprocess.PIPE,
            cwd=REPOSITORY,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            began = time.monotonic()
            try:
                process.wait(kill_after)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            else:
                assert process.returncode == 0
            return time.monotonic() - began


def moments(longest: float) -> Iterator[float]:
    """Spread over the whole upload, each at a random place of its share."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    chosen = random.Random(seed)
    share = longest / MOMENTS
    return ((number + chosen.random()) * share for number in range(MOMENTS))


def big(byte: int, **extra: bytes) -> dict[str, bytes]:
    """A payload of some size; another one for each byte."""
    return {"Project/a.bin": bytes([byte]) * (4 << 20), **extra}


def end_of(account: RealSite, identity: str) -> tuple[set[str], bool]:
    """What stands in the draft, by the names that were asked for; whether all of it is whole."""
    rows = account.entries(identity)
    return set(account.files(identity)), all(row["status"] == "completed" for row in rows)


def test_an_upload_killed_anywhere_ends_as_one_draft_with_one_file(
    account: RealSite, tmp_path: Path
) -> None:
    took = Sender(account, staged(tmp_path, big(0))).run()
    for after in moments(took):
        for row in account.drafts():
            account.call("DELETE", f"/records/{row['id']}/draft")
        sender = Sender(account, staged(tmp_path, big(1)))
        sender.run(kill_after=after)
        sender.run()
        drafts = account.drafts()
        assert len(drafts) == 1, after
        assert end_of(account, drafts[0]["id"]) == ({ZIP}, True), after


def test_an_update_killed_anywhere_loses_neither_the_old_nor_the_new(
    account: RealSite, tmp_path: Path
) -> None:
    supervisor = Supervisor()
    job = job_for(staged(tmp_path, big(0)), account.config, token=account.token)
    supervisor.send(job)
    identity = supervisor.opened.container_id
    last = account.files(identity)[ZIP]

    def update(byte: int) -> Sender:
        folder = staged(tmp_path, big(byte))
        action = DuplicateAction.UPDATE.value
        return Sender(account, folder, resource_id=identity, action=action)

    took = update(1).run()
    last = account.files(identity)[ZIP]
    for number, after in enumerate(moments(took)):
        sender = update(number + 2)
        sender.run(kill_after=after)
        kept = [account.content(identity, key) for key in account.keys(identity)]
        is_new = any(content != last for content in kept)
        assert last in kept or is_new, after
        sender.run()
        assert end_of(account, identity) == ({ZIP}, True), after
        now = account.files(identity)[ZIP]
        assert now != last
        last = now


def test_a_publish_killed_anywhere_publishes_one_whole_record(
    account: RealSite, tmp_path: Path
) -> None:
    def publish(byte: int) -> Sender:
        payload = big(byte, **described({}))
        return Sender(account, staged(tmp_path, payload), publish="after_verified")

    took = publish(0).run()
    for after in moments(took):
        before = {row["id"] for row in account.mine()}
        sender = publish(1)
        sender.run(kill_after=after)
        sender.run()
        made = [row for row in account.mine() if row["id"] not in before]
        assert [row["is_published"] for row in made] == [True], after
        assert end_of(account, made[0]["id"]) == ({ZIP}, True), after

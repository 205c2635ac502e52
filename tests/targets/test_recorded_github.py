"""What the real GitHub has once answered to other clients, read by the adapter's own parsers."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from presqt_daemon.config import TargetConfig
from presqt_daemon.errors import PresqtError, UserFault
from presqt_daemon.targets.base import ContainerRequest, Target, connect
from presqt_daemon.targets.github.git import Branch
from tests.fakes.server import FakeServer, Reply, Request
from tests.targets.conformance import TICKET
from tests.targets.recorded_answers import Recorded, fetch, recorded_in

CLIENTS = {"PyGithub": 300, "github3.py": 180}
"""The client, and how many answers at least are read: fewer, and its form has changed."""

REPOSITORY = r"/repos/[^/]+/[^/]+"


class Recording(FakeServer):
    """Answers everything with one recorded answer."""

    record: Recorded

    def before(self, request: Request) -> Reply:
        return Reply(status=self.record.status, content=self.record.body)


@pytest.fixture
def server() -> Iterator[Recording]:
    with Recording() as server:
        yield server


def read(record: Recorded, target: Target, branch: Branch, url: str) -> str | None:
    """Which of the parsers has read it; None for what no deposit ever asks for."""
    if record.status >= 400:
        with pytest.raises(PresqtError) as raised:
            target._http.ask(record.method, url, doing="it")  # type: ignore[attr-defined]
        said = json.loads(record.body).get("message") if record.body.startswith(b"{") else ""
        told = " ".join(str(said or "").split())[:80]  # a message of ours has one line
        assert raised.value.code == "unauthorized" or told in raised.value.message
        return "refusal"
    if record.method != "GET" or record.status != 200:
        return None
    if re.fullmatch(rf"{REPOSITORY}/git/trees/[^/]+", record.path):
        assert all(path and one.sha for path, one in branch.files("x").items())
        return "tree"
    if re.fullmatch(rf"{REPOSITORY}/git/blobs/[^/]+", record.path):
        branch.content("x", "it")
        return "blob"
    if re.fullmatch(rf"{REPOSITORY}/git/refs?/heads/[^/]+", record.path):
        head = branch.head()
        assert head is not None
        assert len(head) == 40
        return "branch"
    if re.fullmatch(rf"{REPOSITORY}/contents/.+", record.path):
        assert branch.at("x") is not None
        return "content"
    if re.fullmatch(REPOSITORY, record.path):
        request = ContainerRequest(ticket=TICKET, resource_id="a/b", title="x")
        try:
            assert target.container(request).identity.isdecimal()
        except UserFault as error:
            assert error.code == "forbidden"  # noqa: PT017  (one that others own)
        return "repository"
    if re.fullmatch(r"/user/repos|/(users|orgs)/[^/]+/repos", record.path):
        assert all(target.titles())
        return "list"
    if record.path == "/user":
        assert target.account().id.isdecimal()
        return "account"
    return None


@pytest.mark.full
@pytest.mark.parametrize("client", CLIENTS)
def test_recorded_answers_of_the_real_github_are_read(
    client: str, server: Recording, tmp_path: Path
) -> None:
    try:
        archive = fetch(client, tmp_path)
    except OSError as error:
        pytest.skip(f"the recorded answers cannot be had: {error}")
    config = TargetConfig(name="github", type="github", url=server.url)
    counts: Counter[str] = Counter()
    with closing(connect(config, "a-token")) as target:
        http = target._http  # type: ignore[attr-defined]
        branch = Branch(http, f"{server.url}/repos/a/b", "main")
        for server.record in recorded_in(archive):
            counts[read(server.record, target, branch, server.url) or "none"] += 1
    print(client, dict(counts))
    assert counts.total() - counts["none"] >= CLIENTS[client]
    assert {"repository", "refusal", "account"} <= set(counts)

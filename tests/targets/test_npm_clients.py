"""GitHub's and GitLab's usual clients of another world (npm) against the fakes."""

import json
import shutil
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from presqt_daemon.config import TargetConfig
from presqt_daemon.digest import GIT_BLOB
from presqt_daemon.targets.base import ContainerRequest, connect
from tests.fakes import github, gitlab
from tests.targets.conformance import TICKET
from tests.upload.tickets import Supervisor, job_for, staged

SECONDS = 300
PACKAGES = ("@octokit/rest@22", "@gitbeaker/rest@43")

OCTOKIT = """
import { Octokit } from "@octokit/rest";
const [url, token, id] = process.argv.slice(2);
const kit = new Octokit({ auth: token, baseUrl: url });
const me = (await kit.users.getAuthenticated()).data.login;
const found = (await kit.paginate(kit.repos.listForAuthenticatedUser, { affiliation: "owner" }))
  .find((row) => String(row.id) === id);
const at = { owner: me, repo: found.name };
const head = (await kit.git.getRef({ ...at, ref: "heads/main" })).data.object.sha;
const tree = (await kit.git.getTree({ ...at, tree_sha: head, recursive: "1" })).data.tree;
const text = (await kit.repos.getContent({ ...at, path: "a.txt" })).data.content;
const blob = (await kit.git.createBlob(
  { ...at, content: "b2N0b2tpdA==", encoding: "base64" })).data;
const base = (await kit.git.getCommit({ ...at, commit_sha: head })).data.tree.sha;
const grown = (await kit.git.createTree({ ...at, base_tree: base, tree: [
  { path: "theirs.bin", mode: "100644", type: "blob", sha: blob.sha } ] })).data.sha;
const commit = (await kit.git.createCommit(
  { ...at, message: "by octokit", tree: grown, parents: [head] })).data.sha;
await kit.git.updateRef({ ...at, ref: "heads/main", sha: commit });
const missing = await kit.repos.get({ ...at, repo: "nowhere" }).catch((error) => error.status);
console.log(JSON.stringify({ me, missing, text: Buffer.from(text, "base64").toString(),
  paths: tree.filter((row) => row.type === "blob").map((row) => row.path) }));
"""

GITBEAKER = """
import { Gitlab } from "@gitbeaker/rest";
const [url, token, id] = process.argv.slice(2);
const lab = new Gitlab({ host: url, token });
const me = (await lab.Users.showCurrentUser()).username;
const found = await lab.Projects.show(id);
const tree = await lab.Repositories.allRepositoryTrees(id, { recursive: true });
const file = await lab.RepositoryFiles.show(id, "a.txt", found.default_branch);
await lab.Commits.create(id, found.default_branch, "by gitbeaker", [
  { action: "create", filePath: "theirs.bin", content: "b2N0b2tpdA==", encoding: "base64" } ]);
const missing = await lab.Projects.show(99999).catch((error) => error.cause.response.status);
console.log(JSON.stringify({ me, missing, text: Buffer.from(file.content, "base64").toString(),
  paths: tree.filter((row) => row.type === "blob").map((row) => row.path) }));
"""

Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A script in a folder with both clients; skips with the reason where they cannot be had."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("npm and node are not installed (Debian: nodejs, npm)")
    folder = tmp_path_factory.mktemp("npm")
    command = ["npm", "install", "--no-audit", "--no-fund", "--silent", *PACKAGES]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm has not installed {PACKAGES} within {SECONDS} s")
    if done.returncode:
        pytest.skip(f"npm cannot install {PACKAGES}: {done.stderr.strip()[-300:]}")

    def run_script(script: str, *arguments: str) -> dict[str, Any]:
        (folder / "client.mjs").write_text(script, encoding="utf-8")
        ended = subprocess.run(
            ["node", "client.mjs", *arguments],
            cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr[-3000:]
        told: dict[str, Any] = json.loads(ended.stdout)
        return told

    return run_script


def check(run: Run, script: str, config: TargetConfig, url: str, token: str, folder: Path) -> None:
    """What the adapter wrote the client reads, and the other way round."""
    supervisor = Supervisor()
    result = supervisor.send(job_for(staged(folder, extra=(GIT_BLOB,)), config, token=token))
    assert result.failed_fixity == ()
    identity = supervisor.opened.container_id
    told = run(script, url, token, identity)
    assert told["me"] == github.LOGIN
    assert told["missing"] == 404
    assert told["text"] == "alpha\n"
    assert set(told["paths"]) - {"README.md"} == {"a.txt", "sub/b.txt"}
    with closing(connect(config, token)) as target:
        request = ContainerRequest(ticket=TICKET, resource_id=identity, title="x")
        item = target.stat(target.container(request), PurePosixPath("theirs.bin"))
    assert item is not None
    assert item.size == len("octokit")


@pytest.mark.full
def test_octokit_works_with_the_fake_and_sees_what_the_adapter_did(
    run: Run, tmp_path: Path
) -> None:
    with github.GitHubFake() as fake:
        config = TargetConfig(name="github", type="github", url=fake.url)
        check(run, OCTOKIT, config, fake.url, github.TOKEN, tmp_path)


@pytest.mark.full
def test_gitbeaker_works_with_the_fake_and_sees_what_the_adapter_did(
    run: Run, tmp_path: Path
) -> None:
    with gitlab.GitLabFake() as fake:
        config = TargetConfig(name="gitlab", type="gitlab", url=fake.url)
        check(run, GITBEAKER, config, fake.url, gitlab.TOKEN, tmp_path)

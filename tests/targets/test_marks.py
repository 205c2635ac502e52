"""A stranger's container that carries a ticket's mark: it is left alone, and named."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from presqt_daemon.config import TargetConfig
from presqt_daemon.errors import HouseFault
from presqt_daemon.model import DuplicateAction, Resolved
from presqt_daemon.records.journal import JournalState
from presqt_daemon.targets.left_out import NOT_OURS
from presqt_daemon.tickets.store import MARK_NAME, TicketFolder
from presqt_daemon.upload.containers.mark import container_mark
from tests.fakes import figshare, github, gitlab, osf
from tests.upload.tickets import Supervisor, job_for, mark_of, staged

MARK = "presqt-ticket:"
EXTRA = {
    "osf": ("sha256",), "github": ("git-blob-sha1",), "gitlab": ("git-blob-sha1",),
    "figshare": ("md5",),
}  # fmt: skip


@contextmanager
def service(kind: str) -> Iterator[tuple[Any, TargetConfig, str]]:
    """A fake, the configuration of a target there, and its token."""
    if kind == "osf":
        with osf.OsfFake() as at_osf:
            yield at_osf, TargetConfig(name="here", type=kind, url=at_osf.api), osf.TOKEN
    elif kind == "figshare":
        with figshare.FigshareFake() as at_figshare:
            config = TargetConfig(name="here", type=kind, url=at_figshare.api)
            yield at_figshare, config, figshare.TOKEN
    elif kind == "github":
        with github.GitHubFake() as at_github:
            yield at_github, TargetConfig(name="here", type=kind, url=at_github.url), github.TOKEN
    else:
        with gitlab.GitLabFake() as at_gitlab:
            yield at_gitlab, TargetConfig(name="here", type=kind, url=at_gitlab.url), gitlab.TOKEN


def public_node(fake: osf.OsfFake, mark: str) -> str:
    attributes = {"public": True, "tags": [mark]}
    return fake.new_node("Attacker's public project", attributes=attributes).id


def shared_node(fake: osf.OsfFake, mark: str) -> str:
    people = ("stranger", osf.USER)
    return fake.new_node("Theirs", attributes={"tags": [mark]}, contributors=people).id


def forked_node(fake: osf.OsfFake, mark: str) -> str:
    return fake.new_node("Theirs", attributes={"tags": [mark], "fork": True}).id


def filled_node(fake: osf.OsfFake, mark: str) -> str:
    node = fake.new_node("Theirs", attributes={"tags": [mark]})
    fake.new_entity(node.id, "file", "theirs.txt", "", b"theirs")
    return node.id


def public_repository(fake: github.GitHubFake, mark: str) -> str:
    return str(fake.new("Theirs", description=f"x {mark}", private=False).id)


def forked_repository(fake: github.GitHubFake, mark: str) -> str:
    return str(fake.new("Theirs", description=f"x {mark}", private=True, is_fork=True).id)


def public_project(fake: gitlab.GitLabFake, mark: str) -> str:
    return str(fake.new("Theirs", description=f"x\n\n{mark}", visibility="public").id)


def others_project(fake: gitlab.GitLabFake, mark: str) -> str:
    return str(fake.new("Theirs", description=f"x\n\n{mark}", creator=99).id)


def filled_project(fake: gitlab.GitLabFake, mark: str) -> str:
    project = fake.new("Theirs", description=f"x\n\n{mark}")
    fake.push(project, {"theirs.txt": b"theirs"})
    return str(project.id)


def invited_project(fake: figshare.FigshareFake, mark: str) -> str:
    project = fake.new_project(title="Project", description=mark)
    project.role = "Collaborator"
    return str(project.id)


def crowded_project(fake: figshare.FigshareFake, mark: str) -> str:
    people = [{"role_name": "Owner", "user_id": 1}, {"role_name": "Collaborator", "user_id": 2}]
    return str(fake.new_project(title="Project", description=mark, collaborators=people).id)


STRANGERS: tuple[tuple[str, Callable[[Any, str], str]], ...] = (
    ("osf", public_node),
    ("osf", shared_node),
    ("osf", forked_node),
    ("osf", filled_node),
    ("github", public_repository),
    ("github", forked_repository),
    ("gitlab", public_project),
    ("gitlab", others_project),
    ("gitlab", filled_project),
    ("figshare", invited_project),
    ("figshare", crowded_project),
)
NAMES = [stranger.__name__ for _kind, stranger in STRANGERS]


def ticket(tmp_path: Path, kind: str, *, of_earlier_version: bool) -> Path:
    """A staged ticket; an earlier version had noted that it creates a container, and no more."""
    folder = staged(tmp_path, {"Project/patients.csv": b"private\n"}, extra=EXTRA[kind])
    if of_earlier_version:
        (folder / "journal.jsonl").write_text(json.dumps({"creating": "Project"}) + "\n")
    return folder


@pytest.mark.parametrize(("kind", "stranger"), STRANGERS, ids=NAMES)
def test_a_container_that_carries_the_public_number_gets_nothing(
    tmp_path: Path, kind: str, stranger: Callable[[Any, str], str]
) -> None:
    with service(kind) as (fake, config, token):
        folder = ticket(tmp_path, kind, of_earlier_version=False)
        theirs = stranger(fake, MARK + folder.name)
        supervisor = Supervisor()
        result = supervisor.send(job_for(folder, config, token=token))
    assert supervisor.opened.container_id.partition(":")[0] != theirs
    assert not result.failed_fixity
    assert not result.unverified_fixity


@pytest.mark.parametrize(("kind", "stranger"), STRANGERS, ids=NAMES)
def test_for_a_ticket_of_an_earlier_version_it_is_left_alone_and_named(
    tmp_path: Path, kind: str, stranger: Callable[[Any, str], str]
) -> None:
    with service(kind) as (fake, config, token):
        folder = ticket(tmp_path, kind, of_earlier_version=True)
        theirs = stranger(fake, MARK + folder.name)
        supervisor = Supervisor()
        result = supervisor.send(job_for(folder, config, token=token))
    assert supervisor.opened.container_id.partition(":")[0] != theirs
    assert [warning.code for warning in result.warnings if warning.code == NOT_OURS] == [NOT_OURS]


@pytest.mark.parametrize("kind", EXTRA)
def test_what_an_earlier_version_had_made_is_still_found(tmp_path: Path, kind: str) -> None:
    with service(kind) as (fake, config, token):
        folder = ticket(tmp_path, kind, of_earlier_version=True)
        mark = MARK + folder.name
        if kind == "osf":
            ours = fake.new_node("Project", attributes={"tags": [mark]}).id
        elif kind == "github":
            ours = str(fake.new("Project", description=f"Project {mark}", private=True).id)
        elif kind == "gitlab":
            ours = str(fake.new("Project", description=f"Project\n\n{mark}").id)
        else:
            ours = str(fake.new_project(title="Project", description=mark).id)
        supervisor = Supervisor()
        result = supervisor.send(job_for(folder, config, token=token))
    assert supervisor.opened.container_id.partition(":")[0] == ours
    assert NOT_OURS not in {warning.code for warning in result.warnings}


def test_a_new_container_carries_a_number_that_nobody_else_can_read(tmp_path: Path) -> None:
    with service("osf") as (fake, config, token):
        folder = ticket(tmp_path, "osf", of_earlier_version=False)
        supervisor = Supervisor()
        supervisor.send(job_for(folder, config, token=token))
        tags = fake.nodes[supervisor.opened.container_id].attributes["tags"]
    assert tags == [MARK + mark_of(folder)]
    assert mark_of(folder) != folder.name
    assert (folder / MARK_NAME).stat().st_mode & 0o777 == 0o600


def test_the_number_stays_the_same_and_a_damaged_one_is_told(tmp_path: Path) -> None:
    folder = TicketFolder(tmp_path / "7d9a2c44-91f0-4a1b-8a43-5b1e3b2a9c22")
    folder.path.mkdir()
    action = DuplicateAction.IGNORE
    where = Resolved(target="here", resource_id=None, title="T", duplicate_action=action)
    first = container_mark(folder, where, JournalState())
    assert container_mark(folder, where, JournalState(was_creating=True)) == first
    (folder.path / MARK_NAME).write_text("x")
    with pytest.raises(HouseFault, match="damaged"):
        container_mark(folder, where, JournalState())

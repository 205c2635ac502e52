"""The GitLab adapter against a fake GitLab: the suite of all adapters, and what is GitLab's own."""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import ClassVar

import pytest

from presqt_daemon.config import TargetConfig
from presqt_daemon.digest import GIT_BLOB, GIT_BLOB_SHA256
from presqt_daemon.errors import TargetFault, UserFault
from presqt_daemon.model import DuplicateAction
from presqt_daemon.targets.base import Container, ContainerRequest, Item, Sending, Target, connect
from presqt_daemon.targets.gitlab.batches import ACTIONS, CommitAction, batches
from presqt_daemon.targets.gitlab.projects import title_from
from presqt_daemon.targets.gitlab.target import FILE_BYTES
from presqt_daemon.targets.left_out import MARK
from tests.fakes.contract import Contract
from tests.fakes.gitlab import LOGIN, TOKEN, USER, GitLabFake
from tests.targets.at_once import payload_of, send_at_once
from tests.targets.conformance import TICKET, Conformance, sending
from tests.targets.large_files import staged_sparse
from tests.targets.processes import kill_while_sending, peak_bytes
from tests.upload.tickets import Supervisor, digests_of, job_for, staged

UNDESCRIBED = (r"GET /user$", r"GET /users/[0-9]+/projects", r"GET /groups/", r"DELETE ")
"""Accounts, groups and removals are left out of the document."""


@dataclass
class GitLabSite:
    """The fake, as its owner sees it."""

    fake: GitLabFake
    config: TargetConfig
    token: str | None = TOKEN

    def files(self, container_id: str) -> Mapping[str, bytes]:
        return self.fake.contents(self.fake.projects[int(container_id)])

    def make(self, title: str, files: Mapping[str, bytes]) -> str:
        project = self.fake.new(title)
        self.fake.push(project, dict(files))
        return str(project.id)

    def file_id(self, container_id: str, path: str) -> str:
        return f"{container_id}:{path}"

    def lie(self) -> None:
        self.fake.lies = True

    def spoil(self, path: str) -> None:
        self.fake.spoils += 1

    def fault(self, kind: str) -> None:
        how = {"limited": "status 429 7", "unavailable": "status 503", "lost": "swallow"}
        self.fake.fault(how.get(kind, kind), "POST", "/commits")


@pytest.fixture
def fake() -> Iterator[GitLabFake]:
    with (
        GitLabFake() as fake,
        Contract(
            "gitlab-upload.json", fake.api, undescribed=UNDESCRIBED, unchecked=(409, 413, 429, 503)
        ),
    ):
        yield fake


@pytest.fixture
def config(fake: GitLabFake) -> TargetConfig:
    return TargetConfig(name="gitlab", type="gitlab", url=fake.url)


@pytest.fixture
def site(fake: GitLabFake, config: TargetConfig) -> GitLabSite:
    return GitLabSite(fake, config)


@pytest.fixture
def target(config: TargetConfig) -> Iterator[Target]:
    target = connect(config, TOKEN)
    yield target
    target.close()


def request_for(resource_id: str | None, title: str = "Project") -> ContainerRequest:
    return ContainerRequest(ticket=TICKET, resource_id=resource_id, title=title)


def file(name: str, content: bytes) -> Sending:
    return sending(name, content, (GIT_BLOB,))


class TestGitLab(Conformance):
    faults: ClassVar[frozenset[str]] = frozenset(
        {"limited", "unavailable", "cut", "lost", "unauthorized"}
    )

    @pytest.fixture
    def site(self, fake: GitLabFake, config: TargetConfig) -> GitLabSite:
        return GitLabSite(fake, config)


def make(target: Target, title: str = "Project") -> Container:
    return target.container(request_for(None, title))


def bring(target: Target, container: Container, *files: Sending) -> Mapping[PurePosixPath, Item]:
    there = target.listing(container)
    for one in files:
        target.put(container, one, there.get(one.path))
    return target.commit(container)


def test_no_address_holds_the_token(fake: GitLabFake, site: GitLabSite, tmp_path: Path) -> None:
    folder = staged(tmp_path, extra=(GIT_BLOB,))
    Supervisor().send(job_for(folder, site.config, token=TOKEN))
    assert fake.requests
    for seen in fake.requests:
        assert TOKEN not in seen.target
        assert seen.headers["PRIVATE-TOKEN"] == TOKEN


def test_a_thousand_small_texts_take_ten_commits(
    fake: GitLabFake, site: GitLabSite, tmp_path: Path
) -> None:
    payload = {f"P/{n // 100}/{n}.txt": f"text {n}\n".encode() for n in range(1000)}
    folder = staged(tmp_path, payload, extra=(GIT_BLOB,))
    supervisor = Supervisor()
    result = supervisor.send(job_for(folder, site.config, token=TOKEN))
    assert (result.failed_fixity, result.unverified_fixity) == ((), ())
    assert result.algorithm == GIT_BLOB
    assert len(site.files(supervisor.opened.container_id)) == 1000
    assert fake.actions == [100] * 10
    # ten pages of a hundred, and one more since folders are listed too: after the commits, and last
    assert fake.count() <= 36


def test_a_new_project_is_private_and_carries_title_and_mark(
    fake: GitLabFake, target: Target
) -> None:
    fields = {"title": "My data: (2026)", "description": "Two\nlines"}
    request = replace(request_for(None, title_from("My data: (2026)")), fields=fields)
    container = target.container(request)
    project = fake.projects[int(container.id)]
    assert project.visibility == "private"
    assert project.name == container.title == "My data- -2026-"
    assert project.path == "My-data-2026"
    assert project.description == f"My data: (2026)\n\nTwo\nlines\n\n{MARK}{TICKET}"
    assert container.link == f"https://gitlab.com/{LOGIN}/My-data-2026"
    assert container.added == ()


def test_a_public_project_is_made_only_on_request(fake: GitLabFake, config: TargetConfig) -> None:
    target = connect(replace(config, visibility="public"), TOKEN)
    assert fake.projects[int(make(target).id)].visibility == "public"
    target.close()


def test_nothing_is_sent_to_a_project_that_became_public(fake: GitLabFake, target: Target) -> None:
    fake.makes_public = True
    with pytest.raises(TargetFault, match="public, not private"):
        make(target)


def test_a_group_gets_the_project(fake: GitLabFake, config: TargetConfig) -> None:
    target = connect(replace(config, own={"organisation": "lab/data"}), TOKEN)
    fake.new("Theirs", "lab/data")
    assert set(target.titles()) == {"Theirs"}
    assert fake.projects[int(make(target).id)].namespace == "lab/data"
    target.close()


def test_a_group_that_is_not_there_is_said(config: TargetConfig) -> None:
    target = connect(replace(config, own={"organisation": "lab"}), TOKEN)
    target._listed = []  # type: ignore[attr-defined]
    with pytest.raises(UserFault, match="The group 'lab'"):
        make(target)
    target.close()


def test_titles_are_listed_to_the_last_page(fake: GitLabFake, target: Target) -> None:
    for number in range(205):
        fake.new(f"old {number}")
    assert len(target.titles()) == 205


@pytest.mark.parametrize(
    ("title", "written"),
    [
        ("My data (2026)", "My data -2026-"),
        ("Grüße 数据 🎉", "Grüße 数据 🎉"),
        ("-- draft", "draft"),
        ("e\u0301tude", "e\u0301tude"),
        ("a/b:c", "a-b-c"),
        ("???", "untitled"),
        ("x" * 300, "x" * 240),
    ],
)
def test_a_title_is_mapped_as_gitlab_takes_it(target: Target, title: str, written: str) -> None:
    assert title_from(title) == written
    assert make(target, written).title == written
    with pytest.raises(FileExistsError):
        target.container(replace(request_for(None, written), ticket="another"))


def test_titles_with_one_address_get_two_projects(fake: GitLabFake, target: Target) -> None:
    fake.new("My data")
    with pytest.raises(FileExistsError):
        make(target, "My+data")


def test_a_project_whose_creation_was_not_answered_is_found_by_its_mark(
    fake: GitLabFake, target: Target
) -> None:
    target.titles()
    made = fake.new("Project", description=f"Project\n\n{MARK}{TICKET}")
    assert make(target).id == str(made.id)


def test_a_refused_name_is_said_in_gitlabs_words(target: Target) -> None:
    with pytest.raises(TargetFault, match="can contain only letters") as raised:
        make(target, "(x)")
    assert not raised.value.retryable


@pytest.mark.parametrize("name", ["99999999", "no/such", "..", "../user", "a/..", ""])
def test_a_project_that_is_not_there_is_said_in_presqts_words(target: Target, name: str) -> None:
    with pytest.raises(UserFault) as raised:
        target.container(request_for(name))
    assert raised.value.code == "resource-not-found"
    assert raised.value.message == f"Project with id, {name}, could not be found."


def test_a_file_is_refused_in_presqts_words(site: GitLabSite, target: Target) -> None:
    identity = f"{site.make('Theirs', {'dir/a.txt': b'a'})}:dir/a.txt"
    with pytest.raises(UserFault) as raised:
        target.container(request_for(identity))
    assert raised.value.status_code == 400
    assert raised.value.message == f"Resource with id, {identity}, belongs to a file."


def test_a_folder_that_is_not_there_is_not_made_by_mistake(
    site: GitLabSite, target: Target
) -> None:
    identity = site.make("Theirs", {"dir/a.txt": b"a"})
    with pytest.raises(UserFault, match=f"id, {identity}:dri, could not be found"):
        target.container(request_for(f"{identity}:dri"))


@pytest.mark.parametrize("by_name", [False, True])
def test_files_go_into_a_folder_of_a_project(
    fake: GitLabFake, site: GitLabSite, target: Target, by_name: bool
) -> None:
    number = site.make("Theirs", {"dir/in/a.txt": b"a", "top.txt": b"top"})
    container = target.container(
        request_for(f"{LOGIN}/Theirs:dir/in" if by_name else f"{number}:dir/in")
    )
    assert set(target.listing(container)) == {PurePosixPath("a.txt")}
    said = bring(target, container, file("a.txt", b"new"), file("sub/b.txt", b"b"))
    assert set(said) == {PurePosixPath("a.txt"), PurePosixPath("sub/b.txt")}
    assert site.files(number) == {
        "dir/in/a.txt": b"new",
        "dir/in/sub/b.txt": b"b",
        "top.txt": b"top",
    }


def test_the_default_branch_is_asked_for(fake: GitLabFake, target: Target) -> None:
    project = fake.new("Theirs", branch="trunk/2026")
    fake.push(project, {"a.txt": b"a"})
    bring(target, target.container(request_for(str(project.id))), file("b.txt", b"b"))
    assert set(fake.contents(project)) == {"a.txt", "b.txt"}
    assert set(project.heads) == {"trunk/2026"}


def test_an_archived_project_is_refused_at_once(fake: GitLabFake, target: Target) -> None:
    project = fake.new("Theirs", archived=True)
    with pytest.raises(UserFault, match="User does not have access") as raised:
        target.container(request_for(str(project.id)))
    assert raised.value.code == "forbidden"


def test_a_protected_branch_is_explained(fake: GitLabFake, target: Target) -> None:
    container = make(target)
    fake.projects[int(container.id)].is_protected = True
    with pytest.raises(UserFault, match="It is protected; ask") as raised:
        bring(target, container, file("a.txt", b"a"))
    assert raised.value.code == "forbidden"


@pytest.mark.parametrize("name", ["dir/.git/config", ".GIT"])
def test_what_git_cannot_hold_is_refused_by_name(
    fake: GitLabFake, target: Target, name: str
) -> None:
    with pytest.raises(UserFault, match=r"git takes no file or folder called \.git") as raised:
        target.put(make(target), file(name, b"x"), None)
    assert name in raised.value.message


def test_what_came_meanwhile_stays_and_is_said_to_be_in_the_way(
    fake: GitLabFake, site: GitLabSite, target: Target
) -> None:
    identity = site.make("Theirs", {"went": b"old", "keep": b"keep", "changed": b"old"})
    project = fake.projects[int(identity)]

    def meanwhile() -> None:
        store = fake.stores["sha1"]
        flat = {"keep": ("100644", store.add_blob(b"keep"))}
        project.heads["main"] = store.add_commit(store.add_tree(flat), [], "theirs")
        fake.push(project, {"came": b"theirs", "same": b"same", "changed": b"theirs"})

    fake.before_commit = [meanwhile]
    container = target.container(request_for(identity))
    files = [file("went", b"new"), file("came", b"ours"), file("same", b"same")]
    said = bring(target, container, *files, file("changed", b"ours"))
    assert site.files(identity) == {
        "came": b"theirs", "changed": b"theirs", "keep": b"keep", "same": b"same", "went": b"new",
    }  # fmt: skip
    assert {str(path): item.is_taken for path, item in said.items()} == {
        "came": True, "changed": True, "same": False, "went": False,
    }  # fmt: skip


def test_what_changed_since_it_was_listed_is_not_updated(
    fake: GitLabFake, site: GitLabSite, target: Target
) -> None:
    identity = site.make("Theirs", {"a.txt": b"old"})
    container = target.container(request_for(identity))
    target.put(container, file("a.txt", b"ours"), target.listing(container)[PurePosixPath("a.txt")])
    fake.push(fake.projects[int(identity)], {"a.txt": b"theirs"})
    item = target.commit(container)[PurePosixPath("a.txt")]
    assert item.is_taken
    assert site.files(identity) == {"a.txt": b"theirs"}
    target.put(container, file("a.txt", b"ours"), item)
    assert not target.commit(container)[PurePosixPath("a.txt")].is_taken
    assert site.files(identity) == {"a.txt": b"ours"}


@pytest.mark.parametrize("name", ["a%0Ab.txt", "dir/%2e%2e", "dir/x%2f..%2fy"])
def test_a_name_that_gitlab_takes_for_another_in_an_address_is_found_in_its_folder(
    fake: GitLabFake, site: GitLabSite, target: Target, name: str
) -> None:
    identity = site.make("Theirs", {"dir/keep": b"keep", "keep": b"keep"})
    container = target.container(request_for(identity))
    assert target.stat(container, PurePosixPath(name)) is None
    bring(target, container, file(name, b"first"))
    item = target.stat(container, PurePosixPath(name))
    assert item is not None
    assert item.digests
    target.put(container, file(name, b"second"), item)
    assert not target.commit(container)[PurePosixPath(name)].is_taken
    assert site.files(identity)[name] == b"second"
    assert target.digest(container, item, ("sha256",)) == {}
    assert target.stat(container, PurePosixPath("nowhere", "%0A")) is None


def test_a_change_between_the_last_look_and_the_commit_is_not_overwritten(
    fake: GitLabFake, site: GitLabSite, target: Target
) -> None:
    identity = site.make("Theirs", {"dir/a.txt": b"old", "dir/b.txt": b"old"})
    container = target.container(request_for(f"{identity}:dir"))
    there = target.listing(container)
    for name in ("a.txt", "b.txt"):
        target.put(container, file(name, b"ours"), there[PurePosixPath(name)])
    project = fake.projects[int(identity)]
    fake.before_commit = [lambda: fake.push(project, {"dir/a.txt": b"theirs"})]
    said = target.commit(container)
    assert {str(path): item.is_taken for path, item in said.items()} == {
        "a.txt": True, "b.txt": False,
    }  # fmt: skip
    assert site.files(identity) == {"dir/a.txt": b"theirs", "dir/b.txt": b"ours"}


def test_an_update_over_a_change_made_meanwhile_says_so(
    fake: GitLabFake, site: GitLabSite, tmp_path: Path
) -> None:
    identity = site.make("Theirs", {"a.txt": b"old"})
    project = fake.projects[int(identity)]
    fake.before_commit = [lambda: fake.push(project, {"a.txt": b"theirs"})]
    folder = staged(tmp_path, {"a.txt": b"ours"}, extra=(GIT_BLOB,))
    action = DuplicateAction.UPDATE
    job = job_for(folder, site.config, token=TOKEN, resource_id=identity, action=action)
    result = Supervisor().send(job)
    assert site.files(identity)["a.txt"] == b"ours"
    assert [(one.code, one.path) for one in result.warnings] == [("has-replaced", "/a.txt")]
    assert result.failed_fixity == ()


@pytest.mark.parametrize("action", DuplicateAction)
def test_somebody_elses_file_of_our_name_is_replaced_only_by_an_update(
    fake: GitLabFake, site: GitLabSite, tmp_path: Path, action: DuplicateAction
) -> None:
    identity = site.make("Theirs", {"keep": b"keep"})
    fake.before_commit = [
        lambda: fake.push(fake.projects[int(identity)], {"a.txt": b"theirs", "c.txt": b"more"})
    ]
    folder = staged(tmp_path, {"a.txt": b"ours", "b.txt": b"b"}, extra=(GIT_BLOB,))
    job = job_for(folder, site.config, token=TOKEN, resource_id=identity, action=action)
    result = Supervisor().send(job)
    is_update = action is DuplicateAction.UPDATE
    assert site.files(identity)["a.txt"] == (b"ours" if is_update else b"theirs")
    assert site.files(identity)["b.txt"] == b"b"
    assert result.ignored == (() if is_update else ("/a.txt",))
    told = {one.path for one in result.warnings if one.code == "has-replaced"}
    assert told == ({"/a.txt"} if is_update else set())
    assert result.failed_fixity == ()


@pytest.mark.parametrize("is_there", [False, True])
def test_a_file_that_gitlab_turns_into_a_pointer_is_sent_again_and_stands_as_it_is(
    fake: GitLabFake,
    site: GitLabSite,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_there: bool,
) -> None:
    """`.gitattributes` may lie in the project or come with the bag, a commit before the file."""
    monkeypatch.setattr("presqt_daemon.targets.gitlab.batches.ACTIONS", 1)
    fake.has_lfs = True
    rules = b"*.bin filter=lfs diff=lfs merge=lfs -text\n"
    identity = site.make("Theirs", {".gitattributes": rules, "keep": b"keep"}) if is_there else None
    payload = {"a.bin": b"large" * 100} if is_there else {".gitattributes": rules, "a.bin": b"x"}
    folder = staged(tmp_path, payload, extra=(GIT_BLOB,))
    supervisor = Supervisor()
    result = supervisor.send(job_for(folder, site.config, token=TOKEN, resource_id=identity))
    assert fake.has_made_pointer
    stored = site.files(supervisor.opened.container_id)
    assert stored["a.bin"] == payload["a.bin"]
    assert result.failed_fixity == result.ignored == ()


def test_a_proxy_that_takes_small_bodies_gets_smaller_commits(
    fake: GitLabFake, site: GitLabSite, target: Target
) -> None:
    fake.most_bytes = 100_000
    container = make(target)
    files = [file(f"{number}.bin", bytes([number]) * 6000) for number in range(30)]
    said = bring(target, container, *files)
    assert len(said) == len(site.files(container.id)) == 30
    assert fake.count("POST", "/commits") <= 8


def test_a_file_that_no_proxy_lets_through_is_told_with_the_setting(
    fake: GitLabFake, target: Target
) -> None:
    fake.most_bytes = 100_000
    with pytest.raises(UserFault, match="client_max_body_size") as raised:
        bring(target, make(target), file("large.bin", b"x" * 200_000))
    assert raised.value.code == "too-large"
    assert "large.bin" in raised.value.message


@pytest.mark.parametrize(
    "said",
    [
        "This push cannot be completed as it would exceed the allocated storage for your project.",
        "Your push to this repository would cause it to exceed the size limit of 10 GiB.",
        "Your push has been rejected, because this repository has exceeded its size limit of 1 GiB",
    ],
)
def test_a_full_project_is_told_in_gitlabs_words_and_not_as_a_protected_branch(
    fake: GitLabFake, target: Target, said: str
) -> None:
    container = make(target)
    fake.refusals = [(400, said)]
    with pytest.raises(TargetFault) as raised:
        bring(target, container, file("a.txt", b"a"))
    assert raised.value.code == "target-full"
    assert said[:60] in raised.value.message


@pytest.mark.parametrize(
    "said", ["Token is expired. You can either do re-authorization or token refresh.", "Revoked."]
)
def test_what_is_wrong_with_a_token_is_told(fake: GitLabFake, target: Target, said: str) -> None:
    fake.token_fault = said
    with pytest.raises(UserFault) as raised:
        target.account()
    assert raised.value.code == "unauthorized"
    assert said in raised.value.message


def test_a_project_that_no_list_shows_yet_is_known_by_its_address(
    fake: GitLabFake, target: Target
) -> None:
    first = make(target)
    fake.lists_late = True
    again = make(target)
    assert again.id == first.id
    assert len(fake.projects) == 1


def test_every_id_of_a_project_says_that_it_is_the_same_place(
    site: GitLabSite, target: Target
) -> None:
    identity = site.make("Theirs", {"dir/a": b"a"})
    names = (identity, f"{LOGIN}/Theirs", f"{LOGIN}/Theirs:dir")
    assert {target.container(request_for(name)).identity for name in names} == {identity}


def test_one_path_is_looked_up_by_its_own_address(
    fake: GitLabFake, site: GitLabSite, target: Target
) -> None:
    container = target.container(request_for(site.make("Theirs", {"dir/a": b"a"})))
    before = len(fake.requests)
    item = target.stat(container, PurePosixPath("dir/a"))
    assert item == replace(target.listing(container)[PurePosixPath("dir/a")], size=1)
    folder = target.stat(container, PurePosixPath("dir"))
    assert folder is not None
    assert folder.is_folder
    assert target.stat(container, PurePosixPath("dir/b")) is None
    assert len(fake.requests) - before == 6


def test_a_project_that_is_not_found_in_the_middle_is_not_the_senders_fault(
    fake: GitLabFake, target: Target
) -> None:
    container = make(target)
    fake.fault("status 404", "POST", "/commits")
    target.put(container, file("a.txt", b"a"), None)
    with pytest.raises(TargetFault) as raised:
        target.commit(container)
    assert (raised.value.code, raised.value.retryable) == ("target-unavailable", True)
    assert PurePosixPath("a.txt") in target.commit(container)


def test_a_commit_whose_answer_was_lost_is_not_made_twice(
    fake: GitLabFake, site: GitLabSite, target: Target
) -> None:
    container = make(target)
    fake.fault("swallow", "POST", "/commits", after=1)
    with pytest.raises(TargetFault):
        bring(target, container, *(file(f"{number}.txt", b"x") for number in range(250)))
    assert len(target.commit(container)) == 250
    assert fake.actions == [100, 100, 50]
    assert len(site.files(container.id)) == 250


@pytest.mark.parametrize(
    ("status", "said", "is_retryable"),
    [(409, "Resource lock", True), (409, "Conflict", True), (400, "content is invalid", False)],
)
def test_a_lock_and_a_conflict_are_worth_another_go(
    fake: GitLabFake, target: Target, status: int, said: str, is_retryable: bool
) -> None:
    container = make(target)
    fake.refusals = [(status, said)]
    with pytest.raises(TargetFault, match=said) as raised:
        bring(target, container, file("a.txt", b"a"))
    assert raised.value.retryable == is_retryable


def test_a_limit_is_reported_with_gitlabs_own_time(fake: GitLabFake, target: Target) -> None:
    container = make(target)
    fake.fault("status 429 1234", "POST", "/commits")
    with pytest.raises(TargetFault) as raised:
        bring(target, container, file("a.txt", b"a"))
    assert (raised.value.code, raised.value.retry_after) == ("rate-limited", 1234.0)


def test_two_tickets_into_one_project_at_once_lose_nothing(
    site: GitLabSite, tmp_path: Path
) -> None:
    identity = site.make("Theirs", {"keep.txt": b"keep"})
    results = send_at_once(
        [
            job_for(
                staged(tmp_path, payload_of(who), extra=(GIT_BLOB,)),
                site.config,
                token=TOKEN,
                resource_id=identity,
            )
            for who in ("one", "two", "three")
        ]
    )
    assert [result.failed_fixity for result in results] == [(), (), ()]
    for who in ("one", "two", "three"):
        assert payload_of(who).items() <= site.files(identity).items()
    assert len(site.files(identity)) == 61


@pytest.mark.parametrize("content", [b"a text\n", bytes(range(256)), b""])
@pytest.mark.parametrize("times", [1, 2])
def test_a_file_that_gitlab_spoils_is_sent_once_more(
    fake: GitLabFake, site: GitLabSite, tmp_path: Path, content: bytes, times: int
) -> None:
    folder = staged(tmp_path, {"P/a": content}, extra=(GIT_BLOB,))
    fake.spoils = times
    supervisor = Supervisor()
    result = supervisor.send(job_for(folder, site.config, token=TOKEN))
    assert result.failed_fixity == (() if times == 1 else ("/P/a",))
    assert (site.files(supervisor.opened.container_id)["a"] == content) == (times == 1)


@pytest.mark.parametrize("action", DuplicateAction)
def test_a_project_of_the_sha256_format_is_verified_too(
    fake: GitLabFake, site: GitLabSite, tmp_path: Path, action: DuplicateAction
) -> None:
    project = fake.new("Theirs", format="sha256")
    fake.push(project, {"same.txt": b"same", "other.txt": b"theirs"})
    payload = {"same.txt": b"same", "other.txt": b"ours", "new.txt": b"new"}
    folder = staged(tmp_path, payload, extra=(GIT_BLOB,))
    fake.fault("swallow", "POST", "/commits")
    result = Supervisor().send(
        job_for(folder, site.config, token=TOKEN, resource_id=str(project.id), action=action)
    )
    assert (result.failed_fixity, result.unverified_fixity) == ((), ())
    assert result.algorithm == GIT_BLOB_SHA256
    assert fake.contents(project)["new.txt"] == b"new"
    assert len(fake.actions) == 1


def test_digests_of_one_file_are_asked_without_its_bytes(
    fake: GitLabFake, site: GitLabSite, target: Target
) -> None:
    identity = site.make("Theirs", {"dir/a b.txt": b"alpha"})
    container = target.container(request_for(f"{identity}:dir"))
    item = target.listing(container)[PurePosixPath("a b.txt")]
    asked = target.digest(container, item, ("sha256", GIT_BLOB, "md5"))
    assert asked == digests_of(b"alpha", ("sha256", GIT_BLOB))
    gone = replace(item, path=PurePosixPath("gone"))
    assert target.digest(container, gone, ("sha256",)) == {}
    assert fake.count("GET", "/files/") == 0


def test_links_and_submodules_have_no_digest(fake: GitLabFake, target: Target) -> None:
    project = fake.new("Theirs", branch="main")
    store = fake.stores["sha1"]
    flat = {"link": ("120000", store.add_blob(b"a")), "module": ("160000", "1" * 40)}
    project.heads["main"] = store.add_commit(store.add_tree(flat), [], "by hand")
    listing = target.listing(target.container(request_for(str(project.id))))
    assert [(item.digests, item.is_folder) for item in listing.values()] == [({}, False)] * 2


def test_a_killed_upload_is_finished_by_the_next(
    fake: GitLabFake, site: GitLabSite, tmp_path: Path
) -> None:
    payload = {f"P/{n}.bin": b"\0" + bytes([n % 256]) * 1000 for n in range(450)}
    folder = staged(tmp_path, payload, extra=(GIT_BLOB,))
    job = job_for(folder, site.config, token=TOKEN)
    fake.fault("hang", "POST", "/commits", after=2)
    kill_while_sending(job, lambda: fake.count("POST", "/commits") >= 3)
    supervisor = Supervisor()
    result = supervisor.send(job)
    assert (result.failed_fixity, result.unverified_fixity, result.ignored) == ((), (), ())
    stored = site.files(supervisor.opened.container_id)
    assert {f"P/{name}": content for name, content in stored.items()} == payload
    assert len(fake.projects) == 1
    assert fake.actions == [100, 100, 100, 100, 50]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([], []),
        ([1] * 250, [100, 100, 50]),
        ([30_000_000, 1, 1], [1, 2]),
        ([1, 30_000_000, 1], [1, 1, 1]),
        ([5_000_000] * 4, [2, 2]),
        ([0] * 101, [100, 1]),
    ],
)
def test_files_are_committed_in_batches_gitlab_can_take(
    sizes: list[int], expected: list[int]
) -> None:
    base = file("x", b"")
    actions = [
        CommitAction(path=f"{n}", file=replace(base, size=size), is_update=False)
        for n, size in enumerate(sizes)
    ]
    found = list(batches(actions))
    assert [len(batch) for batch in found] == expected
    assert [action for batch in found for action in batch] == actions
    assert max(expected, default=0) <= ACTIONS


def test_a_large_file_goes_alone_in_little_memory(
    fake: GitLabFake, config: TargetConfig, tmp_path: Path, full: bool
) -> None:
    size = FILE_BYTES if full else 48 * 10**6
    path = tmp_path / "sparse"
    with path.open("wb") as stream:
        stream.truncate(size)
    fake.keep_bytes = 1 << 20
    assert peak_bytes(config, TOKEN, path) < 100 * 10**6
    expected = hashlib.sha256(
        b'{"branch":"main","commit_message":"PresQT Upload","stats":false,"actions":[{"action":'
        b'"create","file_path":"big.bin","encoding":"base64","content":"'
    )
    whole, rest = divmod(size, 3 << 20)
    for _ in range(whole):
        expected.update(b"A" * (4 << 20))
    expected.update(base64.b64encode(bytes(rest)) + b'"}]}')
    assert fake.bodies == [expected.hexdigest()]


@pytest.mark.parametrize("url", ["", "/", "/api/v4", "/api/v4/"])
def test_the_server_is_named_with_or_without_the_path_of_its_api(
    fake: GitLabFake, config: TargetConfig, url: str
) -> None:
    target = connect(replace(config, url=fake.url + url), TOKEN)
    assert target.account().id == str(USER)
    target.close()


def test_python_gitlab_works_with_the_fake_and_sees_what_the_adapter_did(
    fake: GitLabFake, target: Target
) -> None:
    gitlab = pytest.importorskip("gitlab")
    client = gitlab.Gitlab(fake.url, private_token=TOKEN)
    client.auth()
    assert client.user.username == LOGIN
    theirs = client.projects.create({"name": "by python-gitlab", "visibility": "private"})
    content = base64.b64encode(b"\0binary").decode()
    action = {"action": "create", "file_path": "d/a.bin", "content": content, "encoding": "base64"}
    theirs.commits.create({"branch": "main", "commit_message": "theirs", "actions": [action]})
    listing = target.listing(target.container(request_for(str(theirs.id))))
    assert listing[PurePosixPath("d/a.bin")].digests == digests_of(b"\0binary", [GIT_BLOB])
    assert listing[PurePosixPath("d")].is_folder
    container = make(target)
    bring(target, container, *(file(f"dir/ä {n}.bin", b"\0%d" % n) for n in range(130)))
    ours = client.projects.get(container.id)
    assert ours.visibility == "private"
    rows = ours.repository_tree(recursive=True, get_all=True, pagination="keyset", per_page=50)
    assert len(rows) == 131
    assert ours.files.get("dir/ä 7.bin", "main").decode() == b"\x007"
    with pytest.raises(gitlab.GitlabCreateError, match="already exists"):
        theirs.commits.create({"branch": "main", "commit_message": "x", "actions": [action]})
    client.session.close()


def test_a_gigabyte_is_refused_before_anything_is_created(
    fake: GitLabFake, config: TargetConfig, tmp_path: Path
) -> None:
    folder = staged_sparse(tmp_path, 10**9, (GIT_BLOB,))
    with pytest.raises(UserFault, match=r"large\.bin has 1\.0 GB") as raised:
        Supervisor().send(job_for(folder, config, token=TOKEN))
    assert raised.value.code == "too-large"
    assert fake.projects == {}
    assert fake.count("POST") == 0

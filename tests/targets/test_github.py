"""The GitHub adapter against a fake GitHub: the suite of all adapters, and what is GitHub's own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

import pytest

from presqt_daemon.config import TargetConfig
from presqt_daemon.digest import GIT_BLOB
from presqt_daemon.errors import TargetFault, UserFault
from presqt_daemon.model import DuplicateAction, UploadResult
from presqt_daemon.targets.base import Container, ContainerRequest, Sending, Target, connect
from presqt_daemon.targets.github import deposit
from presqt_daemon.targets.github.repositories import title_from
from presqt_daemon.targets.github.target import own_urls, traits
from presqt_daemon.targets.left_out import MARK
from presqt_daemon.targets.web.answers import fault_from_answer
from presqt_daemon.upload.calls.patience import MustWait
from tests.fakes.contract import Contract
from tests.fakes.github import INIT_README, LOGIN, TOKEN, Asset, GitHubFake, Release, git_name
from tests.fakes.server import Content
from tests.targets.at_once import payload_of, send_at_once
from tests.targets.conformance import TICKET, Conformance, sending
from tests.targets.processes import kill_while_sending, peak_bytes
from tests.upload.tickets import Supervisor, job_for, mark_of, staged

UNDESCRIBED = (r"[A-Z]+ /repositories/[0-9]+", r"HEAD /repos/[^/]+/[^/]+/git/blobs/[0-9a-f]+$")
"""GitHub knows repositories by their number, its document only by their name; and where the
document has GET, GitHub takes HEAD."""

UNCHECKED = (301, 307, 403, 429, 503)
"""Rate limits may come with any call, redirections after a renaming; the document tells few."""

FOLDERS = (r"GET /repos/[^/]+/[^/]+/contents/dir\?ref=main -> 200",)
"""A folder's answer is told apart by its `type` in the document, and is a list, which has none."""

SLASHES = (r"\S+ /repos/[^?]+/git/refs?/heads/main", r"GET /repos/[^?]+/contents/[^?]+/")
"""PyGithub leaves slashes in its paths as they are, where the document knows no slash."""


@dataclass
class GitHubSite:
    """The fake, as its owner sees it."""

    fake: GitHubFake
    config: TargetConfig
    token: str | None = TOKEN

    def files(self, container_id: str) -> Mapping[str, bytes]:
        number, _, folder = container_id.partition(":")
        repository = self.fake.repositories[int(number)]
        files = self.fake.contents(repository)
        if files.get("README.md") == INIT_README:
            del files["README.md"]
        below = PurePosixPath(folder)
        return {
            str(PurePosixPath(path).relative_to(below)): content
            for path, content in files.items()
            if PurePosixPath(path).is_relative_to(below)
        }

    def make(self, title: str, files: Mapping[str, bytes]) -> str:
        repository = self.fake.new(title)
        self.fake.push(repository, dict(files))
        return str(repository.id)

    def file_id(self, container_id: str, path: str) -> str:
        return f"{container_id}:{path}"

    def lie(self) -> None:
        self.fake.lies = True

    def spoil(self, path: str) -> None:
        self.fake.spoils += 1

    def fault(self, kind: str) -> None:
        if kind == "lost":
            self.fake.fault("swallow", "PATCH", "/git/refs/")
        elif kind == "cut":
            self.fake.fault("cut", "POST", "/git/")
        else:
            how = {"limited": "status 403 7", "unavailable": "status 503"}
            self.fake.fault(how[kind], "POST", "/git/")


@pytest.fixture
def fake() -> Iterator[GitHubFake]:
    with (
        GitHubFake() as fake,
        Contract(
            "github-upload.json",
            fake.url,
            undescribed=UNDESCRIBED,
            unchecked=UNCHECKED,
            unlike=FOLDERS,
        ),
    ):
        yield fake


@pytest.fixture
def config(fake: GitHubFake) -> TargetConfig:
    return TargetConfig(name="github", type="github", url=fake.url)


@pytest.fixture
def site(fake: GitHubFake, config: TargetConfig) -> GitHubSite:
    return GitHubSite(fake, config)


@pytest.fixture
def target(config: TargetConfig) -> Iterator[Target]:
    target = connect(config, TOKEN)
    yield target
    target.close()


def request_for(resource_id: str | None, title: str = "Project") -> ContainerRequest:
    return ContainerRequest(ticket=TICKET, resource_id=resource_id, title=title)


def file(name: str, content: bytes) -> Sending:
    return sending(name, content, (GIT_BLOB,))


class TestGitHub(Conformance):
    faults: ClassVar[frozenset[str]] = frozenset(
        {"limited", "unavailable", "cut", "lost", "unauthorized"}
    )

    @pytest.fixture
    def site(self, fake: GitHubFake, config: TargetConfig) -> GitHubSite:
        return GitHubSite(fake, config)


def make(target: Target, title: str = "Project") -> Container:
    return target.container(request_for(None, title))


def bring(target: Target, container: Container, *files: Sending) -> None:
    there = target.listing(container)
    for one in files:
        target.put(container, one, there.get(one.path))
    target.commit(container)


def test_every_request_names_the_version_and_no_address_holds_the_token(
    fake: GitHubFake, site: GitHubSite, tmp_path: Path
) -> None:
    folder = staged(tmp_path, extra=(GIT_BLOB,))
    Supervisor().send(job_for(folder, site.config, token=TOKEN))
    assert fake.requests
    for seen in fake.requests:
        assert TOKEN not in seen.target
        assert seen.headers["Authorization"] == f"Bearer {TOKEN}"
        assert seen.headers["X-GitHub-Api-Version"] == "2022-11-28"
        assert seen.headers["User-Agent"].startswith("presqt-daemon/")


def test_a_thousand_small_texts_take_few_requests_and_one_commit(
    fake: GitHubFake, site: GitHubSite, tmp_path: Path
) -> None:
    payload = {f"P/{n // 100}/{n}.txt": f"text {n}\n".encode() for n in range(1000)}
    folder = staged(tmp_path, payload, extra=(GIT_BLOB,))
    supervisor = Supervisor()
    result = supervisor.send(job_for(folder, site.config, token=TOKEN))
    assert (result.failed_fixity, result.unverified_fixity) == ((), ())
    assert result.algorithm == GIT_BLOB
    assert len(site.files(supervisor.opened.container_id)) == 1000
    assert fake.count("POST", "/git/blobs") == 0
    assert fake.count("POST", "/git/commits") == 1
    assert fake.count() <= 15


def test_a_new_repository_is_private_and_carries_title_and_mark(
    fake: GitHubFake, target: Target
) -> None:
    fields = {"title": "My data (2026)", "description": "Two\nlines"}
    request = replace(request_for(None, title_from("My data (2026)")), fields=fields)
    container = target.container(request)
    repository = fake.repositories[int(container.id)]
    assert repository.private
    assert repository.name == container.title == "My-data-2026-"
    assert repository.description == f"My data (2026). Two lines {MARK}{TICKET}"
    assert container.link == f"https://github.com/{LOGIN}/My-data-2026-"
    assert container.added == ("README.md",)


def test_a_description_too_long_keeps_the_mark(fake: GitHubFake, target: Target) -> None:
    request = replace(request_for(None), fields={"description": "x" * 1000})
    described = fake.repositories[int(target.container(request).id)].description
    assert described is not None
    assert described.endswith(f"… {MARK}{TICKET}")
    assert len(described) == 350


def test_a_public_repository_is_made_only_on_request(
    fake: GitHubFake, config: TargetConfig
) -> None:
    target = connect(replace(config, visibility="public"), TOKEN)
    assert not fake.repositories[int(make(target).id)].private
    target.close()


def test_nothing_is_sent_to_a_repository_that_became_public(
    fake: GitHubFake, target: Target
) -> None:
    fake.makes_public = True
    with pytest.raises(TargetFault, match="although a private one was asked for"):
        make(target)


def test_an_organisation_gets_the_repository(fake: GitHubFake, config: TargetConfig) -> None:
    target = connect(replace(config, own={"organisation": "lab"}), TOKEN)
    fake.new("Theirs", owner="lab")
    assert set(target.titles()) == {"Theirs"}
    assert fake.repositories[int(make(target).id)].owner == "lab"
    target.close()


def test_titles_are_listed_to_the_last_page(fake: GitHubFake, target: Target) -> None:
    for number in range(205):
        fake.new(f"old-{number}")
    assert len(target.titles()) == 205


@pytest.mark.parametrize(
    ("title", "written"),
    [
        ("My data (2026)", "My-data-2026-"),
        ("Grüße", "Gr-e"),
        ("plain_name.v1", "plain_name.v1"),
        ("tool.git", "tool"),
        ("数据", "untitled"),
        ("..", "untitled"),
        ("x" * 300, "x" * 88),
    ],
)
def test_a_title_is_mapped_as_github_would_write_it(title: str, written: str) -> None:
    assert title_from(title) == written


def test_a_name_that_differs_by_case_only_is_taken(fake: GitHubFake, target: Target) -> None:
    fake.new("PROJECT")
    with pytest.raises(FileExistsError):
        make(target)


def test_a_name_refused_for_another_reason_is_no_reason_to_go_on(target: Target) -> None:
    with pytest.raises(TargetFault, match="is too long") as raised:
        make(target, "x" * 101)
    assert not raised.value.retryable


def test_a_repository_whose_creation_was_not_answered_is_found_by_its_name(
    fake: GitHubFake, target: Target
) -> None:
    target.titles()
    made = fake.new("Project", description=f"Project {MARK}{TICKET}", private=True)
    assert make(target).id == str(made.id)


@pytest.mark.parametrize("name", ["99999999", "no/such", "..", "../user", "a/..", "", "1/2/3"])
def test_a_resource_that_is_not_there_is_said_in_presqts_words(target: Target, name: str) -> None:
    with pytest.raises(UserFault) as raised:
        target.container(request_for(name))
    assert raised.value.code == "resource-not-found"
    assert raised.value.message == (f"The resource with id, {name}, does not exist for this user.")


def test_a_file_is_refused_in_presqts_words(site: GitHubSite, target: Target) -> None:
    identity = f"{site.make('Theirs', {'dir/a.txt': b'a'})}:dir/a.txt"
    with pytest.raises(UserFault) as raised:
        target.container(request_for(identity))
    assert raised.value.status_code == 400
    assert raised.value.message == f"The Resource provided, {identity}, is not a container"


def test_a_folder_that_is_not_there_is_not_made_by_mistake(
    site: GitHubSite, target: Target
) -> None:
    identity = site.make("Theirs", {"dir/a.txt": b"a"})
    with pytest.raises(UserFault, match=f"id, {identity}:dri, does not exist"):
        target.container(request_for(f"{identity}:dri"))


@pytest.mark.parametrize("by_name", [False, True])
def test_files_go_into_a_folder_of_a_repository(
    fake: GitHubFake, site: GitHubSite, target: Target, by_name: bool
) -> None:
    number = site.make("Theirs", {"dir/in/a.txt": b"a", "top.txt": b"top"})
    container = target.container(
        request_for(f"{LOGIN}/Theirs:dir/in" if by_name else f"{number}:dir/in")
    )
    assert set(target.listing(container)) == {PurePosixPath("a.txt")}
    bring(target, container, file("a.txt", b"new"), file("sub/b.txt", b"b"))
    assert fake.contents(fake.repositories[int(number)]) == {
        "dir/in/a.txt": b"new",
        "dir/in/sub/b.txt": b"b",
        "top.txt": b"top",
    }


def test_the_default_branch_is_asked_for(fake: GitHubFake, target: Target) -> None:
    repository = fake.new("Theirs", branch="trunk/2026")
    fake.push(repository, {"a.txt": b"a"})
    repository.heads["main"] = repository.heads["trunk/2026"]
    bring(target, target.container(request_for(str(repository.id))), file("b.txt", b"b"))
    assert set(fake.contents(repository)) == {"a.txt", "b.txt"}
    assert set(fake.store.files(repository.heads["main"])) == {"a.txt"}


def test_a_default_branch_that_does_not_exist_is_named_with_what_to_do(
    fake: GitHubFake, target: Target
) -> None:
    repository = fake.new("Theirs", branch="trunk")
    fake.push(repository, {"a.txt": b"a"})
    repository.branch = "main"
    container = target.container(request_for(str(repository.id)))
    with pytest.raises(UserFault, match="default branch, main, does not exist: push") as raised:
        target.listing(container)
    assert raised.value.code == "bad-request"


@pytest.mark.parametrize("how", [None, "swallow", "cut"])
def test_a_repository_without_any_commit_gets_its_first(
    fake: GitHubFake, site: GitHubSite, tmp_path: Path, how: str | None
) -> None:
    repository = fake.new("Empty")
    if how is not None:
        fake.fault(how, "PUT", "/contents/")
    payload = {"P/a b#1.bin": b"\0a", "P/b.txt": b"b", "P/c.bin": b"\0c", "P/empty": b""}
    folder = staged(tmp_path, payload, extra=(GIT_BLOB,))
    job = job_for(folder, site.config, token=TOKEN, resource_id=str(repository.id))
    result = Supervisor().send(job)
    assert (result.failed_fixity, result.unverified_fixity) == ((), ())
    assert fake.contents(repository) == payload
    assert fake.count("PUT", "/contents/") == (2 if how == "cut" else 1)


@pytest.mark.parametrize("how", [{"may_push": False}, {"archived": True}])
def test_a_repository_that_cannot_be_written_is_refused_at_once(
    fake: GitHubFake, target: Target, how: Mapping[str, Any]
) -> None:
    repository = fake.new("Theirs", **how)
    with pytest.raises(UserFault, match="User does not have access") as raised:
        target.container(request_for(str(repository.id)))
    assert raised.value.code == "forbidden"


def test_a_protected_branch_is_explained(fake: GitHubFake, target: Target) -> None:
    container = make(target)
    fake.repositories[int(container.id)].is_protected = True
    with pytest.raises(UserFault, match="Is it protected") as raised:
        bring(target, container, file("a.txt", b"a"))
    assert raised.value.code == "forbidden"


def test_what_github_takes_for_a_secret_is_told_as_that(fake: GitHubFake, target: Target) -> None:
    """docs.github.com, "Working with push protection from the REST API"."""
    container = make(target)
    found = fake.repositories[int(container.id)]
    found.is_protected, found.rule = True, "Push cannot contain secrets"
    with pytest.raises(UserFault, match=r"contain secrets\. Remove what it takes") as raised:
        bring(target, container, file("a.txt", b"a"))
    assert raised.value.code == "forbidden"
    assert "protected" not in raised.value.message


def test_a_commit_of_somebody_else_in_between_is_kept(
    fake: GitHubFake, site: GitHubSite, target: Target
) -> None:
    container = make(target)
    repository = fake.repositories[int(container.id)]
    fake.before_move = [
        partial(fake.push, repository, {f"{number}.txt": b"theirs"}) for number in range(3)
    ]
    bring(target, container, file("a.txt", b"a"), file("b.bin", b"\0b"))
    assert set(site.files(container.id)) == {"0.txt", "1.txt", "2.txt", "a.txt", "b.bin"}
    assert fake.count("POST", "/git/blobs") == 1


def test_what_came_meanwhile_stays_and_is_said_to_be_in_the_way(
    fake: GitHubFake, site: GitHubSite, target: Target
) -> None:
    container = target.container(request_for(site.make("Theirs", {"old": b"old", "mine": b"1"})))
    repository = fake.repositories[int(container.id)]
    there = target.listing(container)
    for name, content in (("old", b"new"), ("mine", b"2"), ("came", b"ours"), ("b.bin", b"\0b")):
        target.put(container, file(name, content), there.get(PurePosixPath(name)))
    fake.push(repository, {"old": b"theirs"})
    fake.before_move = [partial(fake.push, repository, {"came": b"theirs"})]
    said = target.commit(container)
    assert {str(path): item.is_taken for path, item in said.items()} == {
        "old": True, "came": True, "mine": False, "b.bin": False,
    }  # fmt: skip
    assert site.files(container.id) == {
        "old": b"theirs", "came": b"theirs", "mine": b"2", "b.bin": b"\0b",
    }  # fmt: skip
    target.put(container, file("came", b"ours"), said[PurePosixPath("came")])
    assert not target.commit(container)[PurePosixPath("came")].is_taken
    assert site.files(container.id)["came"] == b"ours"


@pytest.mark.parametrize("action", DuplicateAction)
def test_somebody_elses_file_of_our_name_is_replaced_only_by_an_update(
    fake: GitHubFake, site: GitHubSite, tmp_path: Path, action: DuplicateAction
) -> None:
    identity = site.make("Theirs", {"keep": b"keep"})
    theirs = {"a.txt": b"theirs", "c.txt": b"more"}
    fake.before_move = [partial(fake.push, fake.repositories[int(identity)], theirs)]
    folder = staged(tmp_path, {"a.txt": b"ours", "b.txt": b"b"}, extra=(GIT_BLOB,))
    job = job_for(folder, site.config, token=TOKEN, resource_id=identity, action=action)
    result = Supervisor().send(job)
    is_update = action is DuplicateAction.UPDATE
    assert site.files(identity) == {
        "a.txt": b"ours" if is_update else b"theirs",
        "b.txt": b"b",
        "c.txt": b"more",
        "keep": b"keep",
    }
    assert result.ignored == (() if is_update else ("/a.txt",))
    told = {one.path for one in result.warnings if one.code == "has-replaced"}
    assert told == ({"/a.txt"} if is_update else set())
    assert result.failed_fixity == ()


def test_a_branch_that_nobody_moved_costs_no_further_list(
    fake: GitHubFake, site: GitHubSite, target: Target
) -> None:
    container = target.container(request_for(site.make("Theirs", {"old": b"old"})))
    bring(target, container, file("a.txt", b"a"))
    # before the put, and what the commit then says
    assert fake.count("GET", "/git/trees/") == 2


def test_one_path_is_looked_up_by_its_own_address(
    fake: GitHubFake, site: GitHubSite, target: Target
) -> None:
    container = target.container(request_for(site.make("Theirs", {"dir/a": b"a"})))
    before = len(fake.requests)
    item = target.stat(container, PurePosixPath("dir/a"))
    folder = target.stat(container, PurePosixPath("dir"))
    assert target.stat(container, PurePosixPath("dir/b")) is None
    # a large file that is not there is looked for among the releases
    assert len(fake.requests) - before == 4
    assert item == target.listing(container)[PurePosixPath("dir/a")]
    assert folder is not None
    assert folder.is_folder


def test_every_id_of_a_repository_says_that_it_is_the_same_place(
    fake: GitHubFake, site: GitHubSite, target: Target
) -> None:
    identity = site.make("Theirs", {"dir/a": b"a"})
    fake.repositories[int(identity)].former = f"{LOGIN}/before"
    names = (identity, f"{LOGIN}/Theirs", f"{LOGIN}/tHEIRS", f"{LOGIN}/before", f"{identity}:dir")
    assert {target.container(request_for(name)).identity for name in names} == {identity}


def test_a_repository_that_is_renamed_in_the_middle_is_found_where_it_is_now(
    fake: GitHubFake, site: GitHubSite, target: Target
) -> None:
    container = make(target)
    repository = fake.repositories[int(container.id)]
    target.listing(container)
    repository.former, repository.name = f"{LOGIN}/Project", "Renamed"
    bring(target, container, file("a.txt", b"a"), file("b.bin", b"\0b" * 99_999))
    assert site.files(container.id).keys() == {"a.txt", "b.bin"}


def test_a_repository_that_is_not_found_in_the_middle_is_not_the_senders_fault(
    fake: GitHubFake, target: Target
) -> None:
    container = make(target)
    fake.fault("status 404", "POST", "/git/blobs")
    with pytest.raises(TargetFault) as raised:
        target.put(container, file("b.bin", b"\0b"), None)
    assert (raised.value.code, raised.value.retryable) == ("target-unavailable", True)


def test_two_tickets_into_one_repository_at_once_lose_nothing(
    fake: GitHubFake, site: GitHubSite, tmp_path: Path
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
    stored = site.files(identity)
    for who in ("one", "two", "three"):
        assert payload_of(who).items() <= stored.items()
    assert len(stored) == 61


def test_a_tree_too_long_for_one_answer_is_walked(
    fake: GitHubFake, site: GitHubSite, target: Target
) -> None:
    files = {f"{top}/{sub}/{n}.txt": b"x" for top in "ab" for sub in "cd" for n in range(5)}
    container = target.container(request_for(site.make("Theirs", files)))
    whole = target.listing(container)
    fake.tree_limit = 8
    assert target.listing(container) == whole
    assert len(whole) == 26
    fake.tree_limit = 1
    with pytest.raises(TargetFault, match="too many entries"):
        target.listing(container)


@pytest.mark.parametrize("name", ["dir/.git/config", ".GIT", "a/.Git"])
def test_what_git_cannot_hold_is_refused_by_name(
    fake: GitHubFake, target: Target, name: str
) -> None:
    container = make(target)
    before = len(fake.requests)
    with pytest.raises(UserFault, match=r"git takes no file or folder called \.git") as raised:
        target.put(container, file(name, b"x"), None)
    assert name in raised.value.message
    assert len(fake.requests) == before


def test_workflow_files_need_their_scope(fake: GitHubFake, target: Target) -> None:
    container = make(target)
    fake.fault("status 404", "POST", "/git/trees")
    with pytest.raises(UserFault, match="scope `workflow`"):
        bring(target, container, file(".github/workflows/ci.yml", b"on: push"))


@pytest.mark.parametrize("content", [b"a text\n", bytes(range(256)), b"nul \0 in it", b""])
@pytest.mark.parametrize("times", [1, 2])
def test_a_file_that_github_spoils_is_sent_once_more(
    fake: GitHubFake, site: GitHubSite, tmp_path: Path, content: bytes, times: int
) -> None:
    folder = staged(tmp_path, {"P/a": content}, extra=(GIT_BLOB,))
    fake.spoils = times
    supervisor = Supervisor()
    result = supervisor.send(job_for(folder, site.config, token=TOKEN))
    assert result.failed_fixity == (() if times == 1 else ("/P/a",))
    assert (site.files(supervisor.opened.container_id)["a"] == content) == (times == 1)


def test_a_text_that_does_not_survive_in_a_tree_goes_as_a_blob(
    fake: GitHubFake, site: GitHubSite, tmp_path: Path
) -> None:
    fake.mends_lines = True
    folder = staged(tmp_path, {"P/dos.txt": b"a\r\nb\r\n", "P/b.txt": b"b"}, extra=(GIT_BLOB,))
    supervisor = Supervisor()
    result = supervisor.send(job_for(folder, site.config, token=TOKEN))
    assert (result.failed_fixity, result.unverified_fixity) == ((), ())
    assert site.files(supervisor.opened.container_id)["dos.txt"] == b"a\r\nb\r\n"


def test_the_title_goes_into_the_description_as_it_was_given(
    fake: GitHubFake, site: GitHubSite, tmp_path: Path
) -> None:
    fake.new("Meine-Gr-e-")
    folder = staged(tmp_path, extra=(GIT_BLOB,))
    supervisor = Supervisor()
    supervisor.send(job_for(folder, site.config, token=TOKEN, title="Meine Größe!"))
    repository = fake.repositories[int(supervisor.opened.container_id)]
    assert repository.name == "Meine-Gr-e--PresQT1-"
    assert repository.description == f"Meine Größe! {MARK}{mark_of(folder)}"


def test_equal_contents_are_sent_once(fake: GitHubFake, target: Target) -> None:
    container = make(target)
    bring(target, container, *(file(f"{n}.bin", b"\0same") for n in range(5)))
    bring(target, container, file("again.bin", b"\0same"))
    assert fake.count("POST", "/git/blobs") == 1
    assert fake.count("POST", "/git/commits") == 2


def test_a_commit_that_would_change_nothing_is_not_made(
    fake: GitHubFake, site: GitHubSite, target: Target
) -> None:
    container = make(target)
    fake.fault("swallow", "PATCH", "/git/refs/")
    with pytest.raises(TargetFault):
        bring(target, container, file("a.txt", b"a"))
    items = target.commit(container)
    assert items[PurePosixPath("a.txt")].digests == {GIT_BLOB: git_name(b"a")}
    assert fake.count("POST", "/git/commits") == 1
    assert fake.count("PATCH") == 1


def test_a_program_that_is_replaced_stays_one(fake: GitHubFake, target: Target) -> None:
    repository = fake.new("Theirs")
    fake.push(repository, {"run.sh": b"old"})
    assert repository.head is not None
    flat = {"run.sh": ("100755", fake.store.add_blob(b"old"))}
    repository.heads["main"] = fake.store.add_commit(fake.store.add_tree(flat), [], "by hand")
    bring(target, target.container(request_for(str(repository.id))), file("run.sh", b"new"))
    assert fake.store.files(repository.heads["main"])["run.sh"][0] == "100755"
    assert fake.contents(repository) == {"run.sh": b"new"}


def test_links_and_submodules_have_no_digest(fake: GitHubFake, target: Target) -> None:
    repository = fake.new("Theirs")
    link, module = ("120000", fake.store.add_blob(b"a")), ("160000", "1" * 40)
    tree = fake.store.add_tree({"link": link, "module": module})
    repository.heads["main"] = fake.store.add_commit(tree, [], "by hand")
    listing = target.listing(target.container(request_for(str(repository.id))))
    assert [(item.digests, item.size, item.is_folder) for item in listing.values()] == [
        ({}, None, False),
        ({}, None, False),
    ]


def test_a_bag_of_many_binary_files_gets_on_between_the_limits(
    fake: GitHubFake, site: GitHubSite, tmp_path: Path
) -> None:
    payload = {f"P/{n}.bin": b"\0%d" % n for n in range(150)}
    folder = staged(tmp_path, payload, extra=(GIT_BLOB,))
    job = job_for(folder, site.config, token=TOKEN)
    supervisor, results = Supervisor(), list[UploadResult]()
    waits = list[float | None]()
    while not results and len(waits) < 5:
        fake.creating_left = 80
        try:
            results.append(supervisor.send(job))
        except MustWait as wait:
            waits.append(wait.limited.seconds)
    assert waits
    assert waits == [60.0] * len(waits)
    (result,) = results
    assert (result.failed_fixity, result.unverified_fixity) == ((), ())
    assert len(site.files(supervisor.opened.container_id)) == 150
    assert len(fake.repositories) == 1
    assert len(fake.taken) == 150, "blobs were sent again although they were there"


def test_a_limit_is_reported_with_githubs_own_time(fake: GitHubFake, target: Target) -> None:
    container = make(target)
    fake.fault("status 403 1234", "POST", "/git/trees")
    with pytest.raises(TargetFault) as raised:
        bring(target, container, file("a.txt", b"a"))
    assert (raised.value.code, raised.value.retry_after) == ("rate-limited", 1234.0)


def test_a_limit_without_a_time_is_known_by_its_words(fake: GitHubFake) -> None:
    fault = fault_from_answer(
        403, {}, "You have exceeded a secondary rate limit.", target="github", doing="a.bin"
    )
    assert (fault.code, fault.retry_after) == ("rate-limited", 60.0)


def test_a_killed_upload_is_finished_by_the_next(
    fake: GitHubFake, site: GitHubSite, tmp_path: Path
) -> None:
    payload = {f"P/{n}.bin": b"\0" + bytes([n]) * 1000 for n in range(120)}
    payload["P/text.txt"] = b"text"
    folder = staged(tmp_path, payload, extra=(GIT_BLOB,))
    job = job_for(folder, site.config, token=TOKEN)
    kill_while_sending(job, lambda: fake.count("POST", "/git/blobs") >= 90)
    supervisor = Supervisor()
    result = supervisor.send(job)
    assert (result.failed_fixity, result.unverified_fixity, result.ignored) == ((), (), ())
    assert {
        f"P/{name}": content for name, content in site.files(supervisor.opened.container_id).items()
    } == payload
    assert len(fake.repositories) == 1
    assert len(fake.taken) == len(set(fake.taken)), "blobs were sent again although they were there"


class TestLargeFiles:
    """Above the limit of a blob, which is set low here, files become assets of a release."""

    @pytest.fixture(autouse=True)
    def _low_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(deposit, "BLOB_BYTES", 1000)

    def release(self, fake: GitHubFake, container_id: str) -> Release:
        (release,) = fake.repositories[int(container_id)].releases
        return release

    def test_a_large_file_becomes_an_asset_that_github_has_digested(
        self, fake: GitHubFake, site: GitHubSite, tmp_path: Path
    ) -> None:
        payload = {"P/dir/gr öß.tar.gz": bytes(5000), "P/a.txt": b"a", "P/b/x.bin": b"y" * 1001}
        folder = staged(tmp_path, payload, extra=(GIT_BLOB,))
        supervisor = Supervisor()
        job = job_for(folder, site.config, token=TOKEN)
        result = supervisor.send(job)
        assert (result.failed_fixity, result.unverified_fixity) == ((), ())
        assert set(site.files(supervisor.opened.container_id)) == {"a.txt"}
        release = self.release(fake, supervisor.opened.container_id)
        assert (release.draft, release.prerelease) == (False, True)
        assert release.tag == f"presqt-{mark_of(folder)}"
        assert release.target == fake.repositories[int(supervisor.opened.container_id)].head
        stored = {asset.label: asset.content.kept for asset in release.assets}
        assert stored == {"dir/gr öß.tar.gz": bytes(5000), "b/x.bin": b"y" * 1001}
        assert Supervisor().send(job) == result
        assert fake.count("POST", "/assets") == 2

    @pytest.mark.parametrize("times", [1, 2])
    def test_a_large_file_that_github_spoils_is_sent_once_more(
        self, fake: GitHubFake, site: GitHubSite, tmp_path: Path, times: int
    ) -> None:
        folder = staged(tmp_path, {"P/a.bin": bytes(5000)}, extra=(GIT_BLOB,))
        fake.spoils = times
        supervisor = Supervisor()
        result = supervisor.send(job_for(folder, site.config, token=TOKEN))
        assert result.failed_fixity == (() if times == 1 else ("/P/a.bin",))
        (asset,) = self.release(fake, supervisor.opened.container_id).assets
        assert (asset.content.kept == bytes(5000)) == (times == 1)

    def test_without_a_digest_a_large_file_is_unverified(
        self, fake: GitHubFake, site: GitHubSite, tmp_path: Path
    ) -> None:
        fake.gives_digests = False
        folder = staged(tmp_path, {"P/a.bin": bytes(5000)}, extra=(GIT_BLOB,))
        result = Supervisor().send(job_for(folder, site.config, token=TOKEN))
        assert result.unverified_fixity == ("/P/a.bin",)

    @pytest.mark.parametrize("how", ["cut", "swallow", "status 503"])
    def test_a_large_file_gets_over_a_fault(
        self, fake: GitHubFake, site: GitHubSite, tmp_path: Path, how: str
    ) -> None:
        folder = staged(tmp_path, {"P/a.bin": bytes(500_000)}, extra=(GIT_BLOB,))
        fake.fault(how, "POST", "/assets")
        supervisor = Supervisor()
        result = supervisor.send(job_for(folder, site.config, token=TOKEN))
        assert (result.failed_fixity, result.unverified_fixity) == ((), ())
        (asset,) = self.release(fake, supervisor.opened.container_id).assets
        assert asset.content.size == 500_000

    def test_what_an_interrupted_upload_left_is_replaced(
        self, fake: GitHubFake, site: GitHubSite, target: Target
    ) -> None:
        container = make(target)
        large = sending("a.bin", bytes(5000), ("sha256",))
        target.listing(container)
        target.put(container, large, None)
        (asset,) = self.release(fake, container.id).assets
        asset.state = "open"
        assert PurePosixPath("a.bin") not in target.listing(container)
        target.put(container, large, None)
        (asset,) = self.release(fake, container.id).assets
        assert asset.state == "uploaded"

    def test_a_file_that_grows_or_shrinks_over_the_limit_stands_once(
        self, fake: GitHubFake, site: GitHubSite, tmp_path: Path
    ) -> None:
        identity = site.make("Theirs", {"grows": b"small", "keep.txt": b"keep"})
        repository = fake.repositories[int(identity)]
        old = Asset(1, "shrinks-1", "shrinks", Content.of(bytes(5000)))
        elder = Asset(2, "large-1", "large", Content.of(bytes(6000)))
        repository.releases.append(
            Release(
                3,
                "presqt-other",
                "main",
                draft=False,
                prerelease=True,
                name="x",
                assets=[old, elder],
            )
        )
        foreign = Asset(4, "tool.zip", "keep.txt", Content.of(b"not ours"))
        repository.releases.append(
            Release(5, "v1.0", "main", draft=False, prerelease=False, name="v1", assets=[foreign])
        )
        payload = {"grows": b"g" * 5000, "shrinks": b"small", "large": b"l" * 6000}
        folder = staged(tmp_path, payload, extra=(GIT_BLOB,))
        job = job_for(
            folder,
            site.config,
            token=TOKEN,
            resource_id=identity,
            action=DuplicateAction.UPDATE,
        )
        result = Supervisor().send(job)
        assert result.updated == ("/grows", "/large", "/shrinks")
        assert (result.failed_fixity, result.unverified_fixity) == ((), ())
        assert fake.contents(repository) == {"keep.txt": b"keep", "shrinks": b"small"}
        stored = {
            asset.label: asset.content.kept
            for release in repository.releases
            for asset in release.assets
        }
        assert stored == {"grows": b"g" * 5000, "large": b"l" * 6000, "keep.txt": b"not ours"}

    def test_a_repository_without_commit_takes_no_large_file(
        self, fake: GitHubFake, target: Target
    ) -> None:
        container = target.container(request_for(str(fake.new("Empty").id)))
        target.listing(container)
        with pytest.raises(UserFault, match="add a README there"):
            target.put(container, sending("a.bin", bytes(5000), ("sha256",)), None)


def test_a_large_file_is_refused_before_anything_is_made_where_that_is_wanted(
    fake: GitHubFake, site: GitHubSite, tmp_path: Path
) -> None:
    config = replace(site.config, own={"large_files": "refuse"})
    folder = staged(tmp_path, {"P/a.bin": bytes((39 << 20) + 1)}, extra=(GIT_BLOB,))
    with pytest.raises(UserFault, match=r"/P/a\.bin has 40\.9 MB") as raised:
        Supervisor().send(job_for(folder, config, token=TOKEN))
    assert raised.value.code == "too-large"
    assert fake.repositories == {}


def test_a_release_takes_files_below_two_gibibytes(config: TargetConfig) -> None:
    assert traits(config).max_file_bytes == 2**31 - 1
    assert traits(replace(config, own={"large_files": "refuse"})).max_file_bytes == 39 << 20


@pytest.mark.parametrize(
    ("api", "hosts"),
    [
        ("https://api.github.com", ("https://api.github.com", "https://uploads.github.com")),
        ("https://api.x.ghe.com", ("https://api.x.ghe.com", "https://uploads.x.ghe.com")),
        ("https://git.uni.example/api/v3", ("https://git.uni.example/api/v3",)),
    ],
)
def test_the_token_goes_to_the_hosts_of_github_only(api: str, hosts: tuple[str, ...]) -> None:
    assert own_urls(api) == hosts


def test_the_largest_blob_is_sent_in_little_memory(
    fake: GitHubFake, config: TargetConfig, tmp_path: Path
) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as stream:
        stream.truncate(deposit.BLOB_BYTES)
    assert peak_bytes(config, TOKEN, path) < 100 * 10**6
    (repository,) = fake.repositories.values()
    assert len(fake.contents(repository)["big.bin"]) == deposit.BLOB_BYTES


@pytest.fixture
def loose_fake() -> Iterator[GitHubFake]:
    """A fake whose contract lets slashes in paths pass."""
    with (
        GitHubFake() as fake,
        Contract("github-upload.json", fake.url, undescribed=(*UNDESCRIBED, *SLASHES)),
    ):
        yield fake


def test_pygithub_works_with_the_fake_and_sees_what_the_adapter_did(
    loose_fake: GitHubFake,
) -> None:
    github = pytest.importorskip("github")
    target = connect(TargetConfig(name="github", type="github", url=loose_fake.url), TOKEN)
    client = github.Github(
        auth=github.Auth.Token(TOKEN),
        base_url=loose_fake.url,
        retry=0,
        seconds_between_requests=0,
        seconds_between_writes=0,
    )
    user = client.get_user()
    assert user.login == LOGIN
    theirs = user.create_repo("by-pygithub", private=True, auto_init=True)
    blob = theirs.create_git_blob("AGJpbmFyeQ==", "base64")
    assert blob.sha == git_name(b"\0binary")
    head = theirs.get_git_ref("heads/main")
    base = theirs.get_git_commit(head.object.sha)
    rows = [
        github.InputGitTreeElement("a.bin", "100644", "blob", sha=blob.sha),
        github.InputGitTreeElement("b.txt", "100644", "blob", content="text"),
    ]
    tree = theirs.create_git_tree(rows, base.tree)
    head.edit(theirs.create_git_commit("by PyGithub", tree, [base]).sha)
    listing = target.listing(target.container(request_for(str(theirs.id))))
    assert listing[PurePosixPath("a.bin")].digests == {GIT_BLOB: blob.sha}
    assert listing[PurePosixPath("b.txt")].digests == {GIT_BLOB: git_name(b"text")}
    container = make(target)
    bring(target, container, file("dir/ä b.txt", b"ours"), file("c.bin", b"\0c"))
    ours = client.get_repo(int(container.id))
    assert ours.private
    assert ours.get_contents("dir/ä b.txt").decoded_content == b"ours"
    assert ours.get_contents("c.bin").sha == git_name(b"\0c")
    assert "by-pygithub" in {row.name for row in user.get_repos()}
    client.close()
    target.close()

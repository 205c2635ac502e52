"""The Figshare adapter against a fake Figshare: the suite of all adapters, and what is its own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import ClassVar

import pytest

from presqt_daemon.config import TargetConfig
from presqt_daemon.errors import PresqtError, TargetFault, UserFault
from presqt_daemon.model import DuplicateAction, UploadResult
from presqt_daemon.records.payload import Payload
from presqt_daemon.targets.base import Container, ContainerRequest, Sending, Target
from presqt_daemon.targets.figshare.article import terms_from
from presqt_daemon.targets.figshare.files import is_same_site
from presqt_daemon.targets.figshare.target import FigshareTarget
from presqt_daemon.targets.left_out import MARK, UNDESCRIBED, left_out_in
from presqt_daemon.upload.send import SendJob
from tests.fakes.contract import Contract
from tests.fakes.figshare import CATEGORIES, LICENSES, TOKEN, FigshareFake, File
from tests.payloads import write_payload
from tests.targets.conformance import BIG, TICKET, Conformance, Site, sending
from tests.targets.large_files import MOST_MEMORY, staged_sparse
from tests.targets.sender import Job
from tests.targets.turns import send_at_once
from tests.targets.waiting import wait_until
from tests.upload.tickets import Supervisor, job_for, staged

UNCHECKED = (400, 401, 403, 404, 409, 429, 503)
"""The document has no refusals."""


@dataclass
class FigshareSite:
    """The fake, as its owner sees it."""

    fake: FigshareFake
    config: TargetConfig
    token: str | None = TOKEN

    def files(self, container_id: str) -> Mapping[str, bytes]:
        article = int(container_id.partition(":")[2])
        tree = self.fake.tree(article)
        assert len(tree) == self.fake.entries(article), "an entry without content was left behind"
        return {name: content.kept for name, content in tree.items() if content.kept is not None}

    def make(self, title: str, files: Mapping[str, bytes]) -> str:
        project = self.fake.new_project(title)
        article = self.fake.new_article(project.id, title)
        for name, content in files.items():
            self.fake.new_file(article.id, name, content)
        return f"{project.id}:{article.id}"

    def file_id(self, container_id: str, path: str) -> str:
        return f"{container_id}:{next(iter(self.fake.files))}"

    def lie(self) -> None:
        self.fake.lies, self.fake.page = True, 100

    def spoil(self, path: str) -> None:
        self.fake.fault("spoil", part="/upload/")

    def fault(self, kind: str) -> None:
        how = {"limited": "status 429 7", "unavailable": "status 503", "lost": "swallow"}
        self.fake.fault(how.get(kind, kind), "PUT", "/upload/")


@pytest.fixture
def fake() -> Iterator[FigshareFake]:
    with (
        FigshareFake() as fake,
        Contract(
            "figshare-upload.json",
            fake.api,
            undescribed=(r"GET .*/account/(licenses|categories)$",),
            unchecked=UNCHECKED,
        ),
    ):
        yield fake


@pytest.fixture
def config(fake: FigshareFake) -> TargetConfig:
    return TargetConfig(name="figshare", type="figshare", url=fake.api)


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def target(config: TargetConfig, slept: list[float]) -> Iterator[FigshareTarget]:
    target = FigshareTarget(config, TOKEN, sleep=slept.append)
    yield target
    target.close()


@pytest.fixture
def container(target: Target) -> Container:
    return target.container(ContainerRequest(ticket=TICKET, resource_id=None, title="Project"))


def request_for(resource_id: str | None, title: str = "Project") -> ContainerRequest:
    return ContainerRequest(ticket=TICKET, resource_id=resource_id, title=title)


def file(name: str, content: bytes) -> Sending:
    return sending(name, content, ("md5",))


def article_of(container: Container) -> int:
    return int(container.state["article"])


class TestFigshare(Conformance):
    names_are_unique = False  # an article may hold any number of files of one name
    faults: ClassVar[frozenset[str]] = frozenset(
        {"limited", "unavailable", "cut", "lost", "unauthorized"}
    )

    titles_are_unique = False
    """Figshare takes any title, so whoever creates takes turns."""

    @pytest.fixture
    def site(self, fake: FigshareFake, config: TargetConfig) -> FigshareSite:
        return FigshareSite(fake, config)

    def connect(self, site: Site, token: str | None = None) -> Target:
        return FigshareTarget(site.config, token or site.token or "", sleep=lambda _: None)

    def test_a_container_that_carries_the_mark_is_not_made_twice(
        self, site: Site, target: Target
    ) -> None:
        """Under the same title or another number of it: only then the mark is looked for."""
        first = self.new(target, "Project")
        again = self.connect(site)
        for title in ("Project", "Project(PresQT1)"):
            assert self.new(again, title).id == first.id
        again.close()

    def test_two_tickets_of_one_title_get_two_containers(self, site: Site, tmp_path: Path) -> None:
        send_at_once(
            job_for(staged(tmp_path, extra=("md5",)), site.config, token=TOKEN) for _ in range(2)
        )
        target = self.connect(site)
        assert sorted(target.titles()) == ["Project", "Project(PresQT1)"]
        target.close()


def test_a_new_deposit_is_a_private_project_with_an_article(
    fake: FigshareFake, target: Target
) -> None:
    fields = {
        "description": "About it",
        "keywords": ["rocks"],
        "creators": [{"name": "Lovelace, Ada", "given_name": "Ada", "family_name": "Lovelace"}],
        "related_identifiers": [
            {"relation": "isCitedBy", "identifier": "https://doi.org/10.1/x"},
            {"relation": "isCitedBy", "identifier": "10.1/y"},
        ],
    }
    container = target.container(
        ContainerRequest(ticket=TICKET, resource_id=None, title="Project", fields=fields)
    )
    article = fake.articles[article_of(container)]
    assert container.id == f"{article.project}:{article.id}"
    assert container.link == f"https://figshare.com/account/articles/{article.id}"
    assert article.attributes == {
        "title": "Project",
        "description": "About it",
        "tags": ["rocks", MARK + TICKET],
        "authors": [{"name": "Ada Lovelace"}],
        "references": ["https://doi.org/10.1/x"],
    }
    assert left_out_in(container.state) == [("related_identifiers", "10.1/y")]
    assert fake.projects[article.project].attributes["description"].startswith("About it\n")
    assert fake.published == []
    assert not any("publish" in seen.target for seen in fake.requests)


def test_an_older_answer_without_the_id_is_understood(fake: FigshareFake, target: Target) -> None:
    fake.tells_entity_id = False
    container = target.container(request_for(None))
    assert article_of(container) in fake.articles


@pytest.mark.parametrize("place", ["/projects", "/articles"])
def test_a_lost_answer_to_a_creation_makes_nothing_twice(
    fake: FigshareFake, config: TargetConfig, tmp_path: Path, place: str
) -> None:
    fake.fault("swallow", "POST", place)
    send(Supervisor(), config, tmp_path)
    assert [project.attributes["title"] for project in fake.projects.values()] == ["Project"]
    assert len(fake.articles) == 1


def test_the_article_of_this_ticket_in_a_project_is_found_again(
    fake: FigshareFake, config: TargetConfig, target: Target
) -> None:
    project = fake.new_project("Theirs")
    fake.new_article(project.id, "Project")
    first = target.container(request_for(str(project.id)))
    other = FigshareTarget(config, TOKEN)
    assert other.container(request_for(str(project.id))) == first
    other.close()
    assert first.title == "Project(PresQT1)"
    assert first.is_new
    assert len(fake.articles) == 2


@pytest.mark.parametrize(
    ("bad", "code", "words"),
    [
        ("99", "resource-not-found", "Project with id, 99, could not be found"),
        ("99:98", "resource-not-found", "Article with id, 98, could not be found"),
        ("x", "resource-not-found", "Project with id, x, could not be found"),
        ("99:..", "resource-not-found", "Article with id, .., could not be found"),
        ("1:2:3", "bad-request", "Can not upload into an existing file."),
    ],
)
def test_a_bad_resource_is_said_in_presqts_words(
    target: Target, bad: str, code: str, words: str
) -> None:
    with pytest.raises(UserFault) as raised:
        target.container(request_for(bad))
    assert raised.value.code == code
    assert raised.value.message.startswith(words)


def test_titles_of_all_pages_are_listed(fake: FigshareFake, target: Target) -> None:
    for number in range(7):
        fake.new_project(f"Title {number}")
    assert sorted(target.titles()) == [f"Title {number}" for number in range(7)]


def test_folders_are_kept_and_listed_on_all_pages(
    fake: FigshareFake, target: Target, container: Container
) -> None:
    for number in range(7):
        fake.new_file(article_of(container), f"deep/er/{number}.txt", b"x")
    target.put(container, file("deep/new.txt", b"new"), None)
    assert set(map(str, target.listing(container))) == {
        "deep/new.txt", *(f"deep/er/{number}.txt" for number in range(7))
    }  # fmt: skip
    assert "deep/new.txt" in fake.tree(article_of(container))


def test_parts_are_sent_at_once_each_with_its_own_bytes(
    fake: FigshareFake, target: Target, container: Container
) -> None:
    fake.part_size = 100_000
    item = target.put(container, file("big.bin", BIG), None)
    stored = fake.tree(article_of(container))["big.bin"]
    assert stored.kept == BIG
    assert item.digests == {"md5": stored.digests["md5"]}
    assert fake.count("PUT", "/upload/") == -(-len(BIG) // 100_000)
    assert fake.most_running > 1


def test_a_broken_upload_goes_on_with_the_parts_that_lack(
    fake: FigshareFake, config: TargetConfig, target: Target, container: Container
) -> None:
    fake.part_size = 1 << 20
    fake.fault("cut", "PUT", "/3")
    with pytest.raises(TargetFault):
        target.put(container, file("dir/big.bin", BIG), None)
    other = FigshareTarget(config, TOKEN, sleep=lambda _: None)
    assert other.listing(container) == {}
    other.put(container, file("dir/big.bin", BIG), None)
    other.close()
    assert [fake.count("PUT", f"/{number}") for number in (1, 2, 3)] == [1, 1, 2]
    assert len(fake.files) == 1
    assert fake.tree(article_of(container))["dir/big.bin"].kept == BIG


@pytest.mark.parametrize(
    ("method", "part", "after"),
    [("PUT", "/3", 0), ("POST", "/files/", 0), ("GET", "/files/", 2)],
)
def test_a_rate_limit_at_any_step_leaves_one_entry_and_sends_no_part_twice(
    fake: FigshareFake,
    config: TargetConfig,
    tmp_path: Path,
    method: str,
    part: str,
    after: int,
) -> None:
    """The step of the third case is a question for the digest."""
    fake.part_size = 1 << 20
    fake.fault("status 429 7", method, part, after=after)
    supervisor = Supervisor()
    result = send(supervisor, config, tmp_path, {"Project/big.bin": BIG})
    assert (result.failed_fixity, result.unverified_fixity) == ((), ())
    assert sum(supervisor.slept) >= 7
    assert fake.entries(next(iter(fake.articles))) == 1
    sent = fake.count("PUT", "/upload/") - (1 if method == "PUT" else 0)
    assert sent == -(-len(BIG) // fake.part_size)


def test_a_begun_upload_of_another_place_is_left_alone(
    fake: FigshareFake, target: Target, container: Container
) -> None:
    begun = fake.new_file(article_of(container), "there/a.txt", b"alpha", is_begun=True)
    target.listing(container)
    target.put(container, file("here/a.txt", b"alpha"), None)
    assert list(fake.tree(article_of(container))) == ["here/a.txt"]
    assert begun.upload.parts == {}


def test_what_a_dead_go_has_begun_in_its_own_article_is_removed(
    fake: FigshareFake, target: Target, container: Container
) -> None:
    fake.new_file(article_of(container), "a.txt", b"other content", is_begun=True)
    target.listing(container)
    target.put(container, file("a.txt", b"alpha"), None)
    target.commit(container)
    assert [found.name for found in fake.files.values()] == ["a.txt"]


def test_what_others_have_begun_in_their_article_stays(fake: FigshareFake, target: Target) -> None:
    project = fake.new_project("Theirs")
    article = fake.new_article(project.id, "Theirs")
    begun = fake.new_file(article.id, "theirs.txt", b"theirs", is_begun=True)
    container = target.container(request_for(f"{project.id}:{article.id}"))
    assert target.listing(container) == {}
    target.put(container, file("a.txt", b"alpha"), None)
    target.commit(container)
    assert begun.id in fake.files


def test_an_upload_that_the_service_has_forgotten_is_begun_anew(
    fake: FigshareFake, target: Target, container: Container
) -> None:
    begun = fake.new_file(article_of(container), "a.txt", b"alpha", is_begun=True)
    target.listing(container)
    fake.fault("status 404", "GET", begun.upload.token)
    target.put(container, file("a.txt", b"alpha"), None)
    assert begun.id not in fake.files
    assert list(fake.tree(article_of(container))) == ["a.txt"]


def test_parts_that_are_not_found_where_figshare_put_them_are_not_the_senders_fault(
    fake: FigshareFake, target: Target, container: Container
) -> None:
    target.listing(container)
    fake.fault("status 404", "GET", "/upload/")
    with pytest.raises(TargetFault) as raised:
        target.put(container, file("a.txt", b"alpha"), None)
    assert (raised.value.code, raised.value.retryable) == ("target-unavailable", True)
    target.put(container, file("a.txt", b"alpha"), None)
    target.commit(container)
    assert [found.name for found in fake.files.values()] == ["a.txt"]


def test_a_file_of_our_name_that_is_not_ours_takes_no_place(
    fake: FigshareFake, target: Target
) -> None:
    project = fake.new_project("Theirs")
    article = fake.new_article(project.id, "Theirs")
    fake.new_file(article.id, "a.txt", b"old")
    container = target.container(request_for(f"{project.id}:{article.id}"))
    there = target.listing(container)[PurePosixPath("a.txt")]
    fake.fault("status 503", "POST", f"/articles/{article.id}/files")
    with pytest.raises(TargetFault):
        target.put(container, file("a.txt", b"new"), there)
    fake.new_file(article.id, "a.txt", b"theirs")
    target.commit(container)
    assert len(fake.files) == 2
    assert container.identity == str(article.id)


def test_an_upload_with_the_parts_of_another_file_is_begun_anew(
    fake: FigshareFake, target: Target, container: Container
) -> None:
    begun = fake.new_file(article_of(container), "a.txt", b"alpha", is_begun=True)
    begun.upload.size = 3
    target.listing(container)
    target.put(container, file("a.txt", b"alpha"), None)
    assert begun.id not in fake.files
    assert fake.tree(article_of(container))["a.txt"].kept == b"alpha"


def test_a_locked_part_is_waited_for(
    fake: FigshareFake, target: Target, container: Container, slept: list[float]
) -> None:
    begun = fake.new_file(article_of(container), "a.txt", b"alpha", is_begun=True)
    begun.upload.locks[1] = 3
    target.listing(container)
    target.put(container, file("a.txt", b"alpha"), None)
    assert slept.count(2.0) == 3
    assert fake.count("GET", begun.upload.token) == 4


def test_a_part_that_stays_locked_is_reported(
    fake: FigshareFake, target: FigshareTarget, container: Container
) -> None:
    told: list[tuple[str, float]] = []
    target.waits_for = lambda what, seconds: told.append((what, seconds))
    begun = fake.new_file(article_of(container), "a.txt", b"alpha", is_begun=True)
    begun.upload.locks[1] = 10**6
    target.listing(container)
    with pytest.raises(TargetFault) as raised:
        target.put(container, file("a.txt", b"alpha"), None)
    assert raised.value.retryable
    assert raised.value.code == "target-unavailable"
    assert told[0] == ("a part of a.txt that another request holds", 30.0)
    assert told[-1] == ("", 0.0)


def test_only_the_computed_digest_counts_and_is_waited_for(
    fake: FigshareFake, target: FigshareTarget, container: Container, slept: list[float]
) -> None:
    fake.polls = 5
    heard: list[bool] = []
    target.heard = lambda: heard.append(True)
    fake.fault("spoil", "PUT", "/upload/")
    item = target.put(container, file("a.txt", b"alpha"), None)
    wanted = fake.tree(article_of(container))["a.txt"].digests["md5"]
    assert item.digests == {"md5": wanted}
    assert wanted != file("a.txt", b"alpha").digests["md5"]
    assert slept[-4:] == [0.2, 0.5, 1.0, 2.0]
    assert len(heard) >= 9


@pytest.mark.parametrize("word", [None, "", "virus_checking", "quarantined", "x" * 5000])
def test_a_file_whose_status_nobody_knows_is_waited_for(
    fake: FigshareFake,
    target: FigshareTarget,
    container: Container,
    monkeypatch: pytest.MonkeyPatch,
    word: str | None,
) -> None:
    fake.polls = 20
    monkeypatch.setattr("tests.fakes.figshare.PENDING", (word, word))
    item = target.put(container, file("a.txt", b"alpha"), None)
    assert set(item.digests) == {"md5"}


@pytest.mark.parametrize("word", [None, "", "virus_checking", "x" * 5000])
def test_a_file_whose_status_nobody_knows_is_named_when_no_digest_comes(
    fake: FigshareFake,
    target: FigshareTarget,
    container: Container,
    slept: list[float],
    monkeypatch: pytest.MonkeyPatch,
    word: str | None,
) -> None:
    fake.polls = 10**6
    monkeypatch.setattr("tests.fakes.figshare.PENDING", (word, word))
    with pytest.raises(TargetFault) as raised:
        target.put(container, file("a.txt", b"alpha"), None)
    assert raised.value.code == "target-misbehaved"
    assert repr(str(word)[:40]) in raised.value.message
    assert len(raised.value.message) < 200
    assert 600 < sum(slept) < 900


@pytest.mark.parametrize("word", ["aborted", "ABORTED"])
def test_a_file_whose_upload_figshare_has_aborted_is_not_waited_for(
    fake: FigshareFake,
    target: FigshareTarget,
    container: Container,
    slept: list[float],
    monkeypatch: pytest.MonkeyPatch,
    word: str,
) -> None:
    fake.polls = 10**6
    monkeypatch.setattr("tests.fakes.figshare.PENDING", (word, word))
    with pytest.raises(TargetFault) as raised:
        target.put(container, file("a.txt", b"alpha"), None)
    assert raised.value.code == "target-misbehaved"
    assert len(raised.value.message) < 200
    assert sum(slept) < 10


def test_a_digest_that_never_comes_is_unknown(
    fake: FigshareFake, target: Target, container: Container
) -> None:
    fake.polls = 10**6
    item = target.put(container, file("a.txt", b"alpha"), None)
    assert item.digests == {}
    assert target.digest(container, item, ("md5",)) == {}
    listed = target.listing(container)[PurePosixPath("a.txt")]
    assert listed.digests == {}
    fake.polls = 0
    next(iter(fake.files.values())).polls = 1
    assert set(target.digest(container, listed, ("md5",))) == {"md5"}


def test_an_update_deletes_the_old_file_only_when_the_new_one_is_verified(
    fake: FigshareFake, target: Target, container: Container
) -> None:
    old = fake.new_file(article_of(container), "a.txt", b"old")
    item = target.listing(container)[PurePosixPath("a.txt")]
    fake.fault("spoil", "PUT", "/upload/")
    wrong = target.put(container, file("a.txt", b"new"), item)
    assert old.id in fake.files
    right = target.put(container, file("a.txt", b"new"), wrong)
    assert old.id not in fake.files
    assert [str(found) for found in fake.files] == [right.state["id"]]
    methods = [seen.method for seen in fake.requests]
    assert methods.index("DELETE") > max(i for i, name in enumerate(methods) if name == "PUT")


def test_an_update_that_arrives_wrong_twice_keeps_the_old_file(
    fake: FigshareFake, target: Target, container: Container
) -> None:
    old = fake.new_file(article_of(container), "a.txt", b"old")
    item = target.listing(container)[PurePosixPath("a.txt")]
    fake.fault("spoil", "PUT", "/upload/", times=2)
    for _ in range(2):
        item = target.put(container, file("a.txt", b"new"), item)
    target.commit(container)
    assert sorted(fake.files) == sorted([old.id, int(item.state["id"])])


def test_an_update_whose_answer_was_lost_leaves_no_old_file(
    fake: FigshareFake, config: TargetConfig, tmp_path: Path
) -> None:
    project = fake.new_project("Theirs")
    article = fake.new_article(project.id, "Theirs")
    fake.new_file(article.id, "a.txt", b"old")
    fake.fault("status 503", "GET", f"/files/{max(fake.files) + 1}", after=2)
    job = job_for(
        staged(tmp_path, {"a.txt": b"new"}, extra=("md5",)),
        config,
        token=TOKEN,
        resource_id=f"{project.id}:{article.id}",
        action=DuplicateAction.UPDATE,
    )
    result = run(Supervisor(), job)
    assert result.updated == ("/a.txt",)
    assert fake.tree(article.id)["a.txt"].kept == b"new"
    assert len(fake.files) == 1


@pytest.mark.parametrize(("times", "failed"), [(1, ()), (2, ("/Project/a.txt",))])
def test_a_spoilt_file_is_sent_once_more(
    fake: FigshareFake, config: TargetConfig, tmp_path: Path, times: int, failed: tuple[str, ...]
) -> None:
    fake.fault("spoil", "PUT", "/upload/", times=times)
    result = send(Supervisor(), config, tmp_path, {"Project/a.txt": b"alpha"})
    assert result.failed_fixity == failed
    assert fake.count("PUT") == 2
    assert len(fake.files) == 1


def test_an_empty_file_is_refused_by_name_before_anything_is_created(
    fake: FigshareFake, config: TargetConfig, target: Target, container: Container, tmp_path: Path
) -> None:
    fake.projects.clear()
    with pytest.raises(UserFault, match=r"/Project/empty\.txt") as raised:
        send(Supervisor(), config, tmp_path, {"Project/empty.txt": b"", "Project/a.txt": b"a"})
    assert raised.value.code == "bad-request"
    assert fake.projects == {}
    with pytest.raises(UserFault, match="empty"):
        target.put(container, file("empty.txt", b""), None)


def test_a_title_that_is_too_short_is_refused_before_anything_is_created(
    fake: FigshareFake, config: TargetConfig, tmp_path: Path
) -> None:
    folder = staged(tmp_path, extra=("md5",))
    with pytest.raises(UserFault, match="at least 3"):
        run(Supervisor(), job_for(folder, config, token=TOKEN, title="ab"))
    assert fake.count("POST") == 0


def test_titles_are_numbered_as_presqt_does_for_figshare(
    fake: FigshareFake, config: TargetConfig, tmp_path: Path
) -> None:
    for _ in range(3):
        send(Supervisor(), config, tmp_path)
    titles = [project.attributes["title"] for project in fake.projects.values()]
    assert titles == ["Project", "Project(PresQT1)", "Project(PresQT2)"]


def test_the_secret_of_an_upload_is_in_no_error(
    fake: FigshareFake, target: Target, container: Container
) -> None:
    begun = fake.new_file(article_of(container), "a.txt", b"alpha", is_begun=True)
    target.listing(container)
    secret = begun.upload.token
    fake.fault("status 503", "PUT", "/upload/")
    with pytest.raises(PresqtError) as raised:
        target.put(container, file("a.txt", b"alpha"), None)
    assert secret not in repr(raised.getrepr(style="long"))
    begun.upload.token = "forgotten"
    fake.fault("status 404", "GET", f"/files/{begun.id}")
    assert not any(TOKEN in seen.target for seen in fake.requests)
    with pytest.raises(UserFault) as refused:
        target._http.ask("GET", f"{fake.uploads}/{secret}", doing="a question")  # type: ignore[attr-defined]
    assert "There is no upload ***" in refused.value.message


def test_publishing_is_done_only_when_it_is_asked_for(
    fake: FigshareFake, config: TargetConfig, tmp_path: Path
) -> None:
    first = Supervisor()
    result = send(first, config, tmp_path)
    assert result.note is not None
    assert fake.published == []
    refused = send(Supervisor(), replace(config, publish="after_verified"), tmp_path)
    said = {finding.code: finding.message for finding in refused.warnings}
    assert "description: is required; authors: is required" in said["not-published"]


DESCRIBED = (
    ("External-Description", "Counts of birds"),
    ("Creator", "Lovelace, Ada"),
    ("Keywords", "birds"),
    ("License", "CC-BY-4.0"),
    ("Category", "Animal behaviour"),
    ("Resource-Type", "Dataset"),
)


def with_info(folder: Path, info: tuple[tuple[str, str], ...]) -> Path:
    """The ticket's folder; bag-info.txt was read as these labels."""
    payload = folder / "payload.jsonl"
    with Payload(payload) as before:
        head, rows = before.head, list(before.files())
    write_payload(payload, replace(head, bag=replace(head.bag, info=info)), rows)
    return folder


def test_a_bag_that_says_everything_is_published_once(
    fake: FigshareFake, config: TargetConfig, tmp_path: Path
) -> None:
    config = replace(config, publish="after_verified")
    folder = with_info(staged(tmp_path, extra=("md5",)), DESCRIBED)
    result = run(Supervisor(), job_for(folder, config, token=TOKEN))
    (article,) = fake.articles.values()
    assert article.attributes["license"] == 1
    assert article.attributes["categories"] == [24136]
    assert article.attributes["defined_type"] == "dataset"
    assert (result.warnings, result.note) == ((), None)
    assert result.link == "https://figshare.com/articles/x"
    assert run(Supervisor(), job_for(folder, config, token=TOKEN)) == result
    assert fake.published == [article.id]


@pytest.mark.parametrize("how", ["swallow", "status 503"])
def test_a_publication_whose_answer_was_lost_is_not_asked_for_twice(
    fake: FigshareFake, config: TargetConfig, tmp_path: Path, how: str
) -> None:
    fake.fault(how, "POST", "/publish")
    config = replace(config, publish="after_verified")
    folder = with_info(staged(tmp_path, extra=("md5",)), DESCRIBED)
    result = run(Supervisor(), job_for(folder, config, token=TOKEN))
    assert (result.warnings, result.note) == ((), None)
    assert len(fake.published) == 1


def test_what_figshare_has_no_place_for_is_said_by_name(
    fake: FigshareFake, config: TargetConfig, tmp_path: Path
) -> None:
    info = (
        *(row for row in DESCRIBED if row[0] not in {"License", "Category", "Resource-Type"}),
        ("License", "Beerware"),
        ("Category", "Anatomy"),
        ("Category", "Zoology"),
        ("Resource-Type", "Physical thing"),
        ("Contact-Name", "Mary Contact"),
        ("External-Identifier", "birds-7"),
    )
    folder = with_info(staged(tmp_path, extra=("md5",)), info)
    result = run(Supervisor(), job_for(folder, config, token=TOKEN))
    assert {finding.code for finding in result.warnings} == {"metadata-not-passed"}
    said = [finding.message for finding in result.warnings]
    for words in (
        "licence 'Beerware'", "categories 'Anatomy; Zoology'", "resource type 'Physical thing'",
        "contact 'Mary Contact'", "related identifiers 'birds-7'",
    ):  # fmt: skip
        assert sum(words in message for message in said) == 1
    assert ["cannot be published without" in message for message in said].count(True) == 3
    (article,) = fake.articles.values()
    assert not {"license", "categories", "defined_type"} & set(article.attributes)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("CC-BY-4.0", 1),
        ("CC BY 4.0", 1),
        ("http://creativecommons.org/licenses/by/4.0/legalcode", 1),
        ("CC0-1.0", 2),
        ("mit", 3),
        ("GPL-3.0-or-later", 6),
        ("6", 6),
        ("CC BY", None),
        ("CC-BY-3.0", None),
    ],
)
def test_a_licence_is_found_by_any_of_its_names(text: str, number: int | None) -> None:
    assert terms_from({"license": text}, LICENSES, ()).license == number


@pytest.mark.parametrize(
    ("text", "number"),
    [("24139", 24139), ("320101", 25001), ("anatomy", None), ("Zoology", None), ("24130", None)],
)
def test_a_category_is_found_by_number_or_a_title_of_its_own(text: str, number: int | None) -> None:
    found = terms_from({"categories": [text]}, (), CATEGORIES)
    assert found.categories == (() if number is None else (number,))
    assert bool(found.unknown) is (number is None)


@pytest.mark.parametrize("point", ["POST /articles", "PUT /upload/", "POST /files/"])
def test_a_killed_upload_goes_on_where_it_was(
    fake: FigshareFake, config: TargetConfig, tmp_path: Path, point: str
) -> None:
    method, part = point.split()
    fake.hides = fake.polls = 0
    payload = {f"Project/sub/{name}.txt": name.encode() * 99 for name in "abcdef"}
    folder = staged(tmp_path, payload, extra=("md5",))
    fake.fault("hang", method, part, after=0 if part == "/articles" else 4)
    job = Job(folder=str(folder), type="figshare", url=fake.api, token=TOKEN)
    with job.start() as process:
        wanted = 1 if part == "/articles" else 5
        wait_until(lambda: fake.count(method, part) >= wanted)
        if part != "/articles":
            wait_until(lambda: sum(found.status == "available" for found in list_of(fake)) == 5)
        process.kill()
    assert job.run()["failed"] == []
    assert (len(fake.projects), len(fake.articles)) == (1, 1)
    assert set(fake.tree(next(iter(fake.articles)))) == {f"sub/{name}.txt" for name in "abcdef"}
    assert len(fake.files) == 6
    assert fake.count("PUT", "/upload/") == (7 if method == "PUT" else 6)


def test_a_large_file_takes_little_memory(fake: FigshareFake, tmp_path: Path, full: bool) -> None:
    size = 1 << 30 if full else 200 << 20
    fake.part_size = size if full else 20 << 20
    folder = staged_sparse(tmp_path, size, ("md5",))
    done = Job(folder=str(folder), type="figshare", url=fake.api, token=TOKEN).run()
    stored = fake.tree(next(iter(fake.articles)))["large.bin"]
    assert (stored.size, done["failed"]) == (size, [])
    assert done["memory"] < MOST_MEMORY


def run(supervisor: Supervisor, job: SendJob) -> UploadResult:
    def connect(config: TargetConfig, token: str | None) -> Target:
        return FigshareTarget(config, token or "", sleep=supervisor.sleep)

    return supervisor.send(job, connect=connect)


def test_a_description_that_is_refused_is_left_out_and_said(
    fake: FigshareFake, target: Target
) -> None:
    fields = {"keywords": ["x" * 200], "description": "About it"}
    container = target.container(
        ContainerRequest(ticket=TICKET, resource_id=None, title="Project", fields=fields)
    )
    assert "at most 100" in container.state[UNDESCRIBED]
    assert fake.articles[article_of(container)].attributes["tags"] == [MARK + TICKET]


def send(
    supervisor: Supervisor,
    config: TargetConfig,
    root: Path,
    payload: Mapping[str, bytes] | None = None,
) -> UploadResult:
    return run(supervisor, job_for(staged(root, payload, extra=("md5",)), config, token=TOKEN))


def list_of(fake: FigshareFake) -> list[File]:
    with fake.lock:
        return list(fake.files.values())


@pytest.mark.parametrize(
    ("url", "is_trusted"),
    [
        ("https://ndownloader.figshare.com/files/1", True),
        ("https://figshare.com.example.org/files/1", False),
        ("https://evilfigshare.com/files/1", False),
        ("http://ndownloader.figshare.com/files/1", False),
        ("https://example.org/", False),
    ],
)
def test_the_token_stays_within_figshares_own_domain(url: str, is_trusted: bool) -> None:
    assert is_same_site(url, "https://api.figshare.com/v2/account/") is is_trusted
    assert not is_same_site(url, "http://localhost:1/v2/account/")


def test_a_file_that_is_only_a_link_is_not_followed(
    fake: FigshareFake, config: TargetConfig, target: FigshareTarget
) -> None:
    project = fake.new_project("Theirs")
    article = fake.new_article(project.id, "Theirs")
    fake.new_file(article.id, "a.txt", b"x").is_link = True
    container = target.container(request_for(f"{project.id}:{article.id}"))
    (item,) = target.listing(container).values()
    assert target.fetch(container, item, 100) is None
    assert all(seen.path.startswith("/v2/account/") for seen in fake.seen("GET", "/files/"))


def test_a_title_of_1000_characters_can_be_taken_three_times_and_is_found_again(
    fake: FigshareFake, config: TargetConfig, tmp_path: Path
) -> None:
    title = "x" * 1000
    for number in range(3):
        folder = staged(tmp_path / str(number))
        Supervisor().send(job_for(folder, config, title=title, token=TOKEN))
    titles = {project.attributes["title"] for project in fake.projects.values()}
    assert titles == {title, f"{'x' * 991}(PresQT1)", f"{'x' * 991}(PresQT2)"}
    fake.fault("swallow", "POST", "/account/projects")
    Supervisor().send(job_for(staged(tmp_path / "more"), config, title=title, token=TOKEN))
    assert len(fake.projects) == 4

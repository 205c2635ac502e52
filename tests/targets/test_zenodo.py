import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

import pytest

from presqt_daemon.config import TargetConfig, UploadsConfig
from presqt_daemon.digest import digest_stream
from presqt_daemon.errors import TargetFault, UserFault
from presqt_daemon.messages import Created, Go, Report, WantsContainer, WantsCreate
from presqt_daemon.model import DuplicateAction, PayloadFile
from presqt_daemon.records.payload import read_head
from presqt_daemon.targets.base import Container, ContainerRequest, Target, connect
from presqt_daemon.targets.left_out import UNDESCRIBED, left_out_in, remarks_in
from presqt_daemon.targets.web.http import Http
from presqt_daemon.targets.zenodo import creation
from presqt_daemon.targets.zenodo.content import DraftContent
from presqt_daemon.targets.zenodo.creation import Lookout, description_state
from presqt_daemon.targets.zenodo.description.metadata import record_metadata
from presqt_daemon.targets.zenodo.files import DraftFiles
from presqt_daemon.targets.zenodo.parts import AT_ONCE
from presqt_daemon.targets.zenodo.records import RecordsApi
from presqt_daemon.targets.zenodo.target import ZenodoTarget, api_url
from presqt_daemon.targets.zenodo.words import words_of
from presqt_daemon.upload.calls.patience import MustWait
from presqt_daemon.upload.send import send
from tests.fakes.contract import Contract
from tests.fakes.zenodo import OWNER, STRANGER, TOKEN, FakeZenodo, stem_of
from tests.payloads import write_payload
from tests.targets.conformance import BIG, OTHER_TICKET, TICKET, Conformance, Site, sending
from tests.targets.turns import send_at_once
from tests.upload.tickets import Supervisor, job_for, staged

MD5 = ("md5",)
ZIP = "Project.presqt.zip"
NOT_IN_DOCUMENT = (
    r"GET /api/user/records",
    r"GET /api/records/[^/]+(/files(/.*)?)?$",
    r"DELETE ",
    r"POST .*/commit$",
    r"POST .*/actions/publish$",
    r"GET .*/content$",
    r"PUT .*/files/empty/content$",
    r"\S+ /api/(deposit|files)/",
)
"""The document lacks the first two, of the next three it names another status than the API answers,
it takes the content of a file for JSON, does not know that one may be empty, and lacks the older
API."""


DESCRIBED = {
    "creators": [{"name": "Doe, Jane"}],
    "descriptions": [{"description": "What it is"}],
    "types": {"resourceTypeGeneral": "Dataset"},
}


def config_for(fake: FakeZenodo, api: str, **changes: Any) -> TargetConfig:
    return TargetConfig(
        name="zenodo", type="zenodo", url=f"{fake.url}/api", own={"api": api}, **changes
    )


def plain(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Files by the names that were asked for; AssertionError where two stand for one."""
    found = {stem_of(key): content for key, content in files.items()}
    assert len(found) == len(files)
    return found


def contract_of(fake: FakeZenodo) -> Contract:
    """What the requests and answers of the records API are held against."""
    return Contract("inveniordm-upload.json", fake.url, undescribed=NOT_IN_DOCUMENT)


@pytest.fixture(autouse=True)
def no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """An index that is late is so by numbers of lists here; nobody waits half a minute for it."""
    monkeypatch.setattr(creation, "LOST_SECONDS", (0.01,) * 8)
    monkeypatch.setattr(creation, "SHOWN_SECONDS", (0.01,))


class ZenodoSite:
    """The account, seen by its owner; its packed bags are called as they were asked for."""

    token: str | None = TOKEN

    def __init__(self, fake: FakeZenodo, api: str) -> None:
        self.fake = fake
        self.config = config_for(fake, api)

    def files(self, container_id: str) -> Mapping[str, bytes]:
        return plain(self.fake.contents(container_id))

    def make(self, title: str, files: Mapping[str, bytes]) -> str:
        return self.fake.make(title, files)

    def file_id(self, container_id: str, path: str) -> str:
        raise NotImplementedError

    def lie(self) -> None:
        """Its lists have no pages."""

    def spoil(self, path: str) -> None:
        self.fake.spoils[path] = 1

    def fault(self, kind: str) -> None:
        hows = {
            "limited": "status 429 7",
            "unavailable": "status 503",
            "cut": "cut",
            "lost": "swallow",
        }
        self.fake.fault(hows[kind], "PUT")


class ZenodoConformance(Conformance):
    faults: ClassVar[frozenset[str]] = frozenset({
        "limited", "unavailable", "cut", "lost", "unauthorized",
    })  # fmt: skip
    titles_are_unique = False  # two drafts may share a title
    has_file_ids = False  # a file's id is a UUID that no other call takes

    def test_two_tickets_of_one_title_get_two_containers(self, site: Site, tmp_path: Path) -> None:
        """At once, but creating one after another, as the supervisor has it done."""
        creating = threading.Lock()
        supervisors = [Supervisor(), Supervisor()]

        def run(supervisor: Supervisor) -> None:
            def ask(question: WantsCreate | WantsContainer) -> Go:
                if isinstance(question, WantsCreate):
                    creating.acquire()
                return Go()

            def report(report: Report) -> None:
                supervisor.reports.append(report)
                if isinstance(report, Created):
                    creating.release()

            job = job_for(staged(tmp_path), site.config, token=site.token)
            send(job, ask, report, sleep=supervisor.sleep)

        threads = [threading.Thread(target=run, args=(one,)) for one in supervisors]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        opened = [supervisor.opened for supervisor in supervisors]
        assert sorted(one.title for one in opened) == ["Project", "Project (PresQT1)"]
        assert [set(site.files(one.container_id)) for one in opened] == [{ZIP}, {ZIP}]


class TestRecords(ZenodoConformance):
    @pytest.fixture
    def site(self) -> Iterator[Site]:
        with (
            FakeZenodo(has_deposit=False) as fake,
            contract_of(fake),
        ):
            yield ZenodoSite(fake, "auto")


class TestDeposit(ZenodoConformance):
    @pytest.fixture
    def site(self) -> Iterator[Site]:
        with FakeZenodo(has_records=False) as fake:
            yield ZenodoSite(fake, "auto")


@pytest.fixture
def fake() -> Iterator[FakeZenodo]:
    with FakeZenodo() as server, contract_of(server):
        yield server


@pytest.fixture(params=["records", "deposit"])
def config(fake: FakeZenodo, request: pytest.FixtureRequest) -> TargetConfig:
    return config_for(fake, request.param)


@pytest.fixture
def target(config: TargetConfig) -> Iterator[Target]:
    connection = connect(config, TOKEN)
    yield connection
    connection.close()


@pytest.fixture
def parts(fake: FakeZenodo) -> Iterator[ZenodoTarget]:
    """A connection that sends everything from 10 bytes in parts of 4."""
    target = in_parts(fake.url, large_bytes=10, sleep=lambda _seconds: None)
    yield target
    target.close()


def in_parts(
    url: str,
    part_bytes: int = 4,
    *,
    large_bytes: int = 10,
    smaller: int = 2,
    sleep: Callable[[float], None] = time.sleep,
    **options: Any,
) -> ZenodoTarget:
    http = Http("zenodo", own_urls=(url,), credentials={"Authorization": f"Bearer {TOKEN}"})
    http.sleep = sleep
    content = DraftContent(http, large_bytes=large_bytes, part_sizes=(part_bytes, smaller))
    files = DraftFiles(http, f"{url}/api/records", content=content, **options)
    config = TargetConfig(name="zenodo", type="zenodo", url=f"{url}/api", own={"api": "records"})
    spoken = RecordsApi(http, f"{url}/api", is_public=False, files=files)
    return ZenodoTarget(http, f"{url}/api", config, spoken=spoken)


def new(target: Target, title: str = "Project", ticket: str = TICKET, **fields: Any) -> Container:
    return target.container(
        ContainerRequest(ticket=ticket, resource_id=None, title=title, fields=fields)
    )


def existing(target: Target, resource_id: str) -> Container:
    return target.container(
        ContainerRequest(ticket=TICKET, resource_id=resource_id, title="Project")
    )


class TestChoosingAnApi:
    def test_the_server_is_asked_once(self, fake: FakeZenodo) -> None:
        target = connect(config_for(fake, "auto"), TOKEN)
        new(target)
        target.titles()
        target.close()
        assert fake.count("POST", "/api/records") == 1
        asked = [one for one in fake.seen("GET", "/api/user/records") if one.query["size"] == "1"]
        assert len(asked) == 1

    def test_a_server_without_records_is_spoken_to_in_the_older_way(self, fake: FakeZenodo) -> None:
        fake.has_records = False
        target = connect(config_for(fake, "auto"), TOKEN)
        container = new(target)
        target.close()
        assert container.link == f"{fake.url}/deposit/{container.id}"

    def test_what_is_configured_is_not_asked_for(
        self, fake: FakeZenodo, config: TargetConfig, target: Target
    ) -> None:
        new(target)
        unwanted = "/deposit/" if config.own["api"] == "records" else "records"
        assert fake.count("*", unwanted) == 0

    def test_a_container_of_one_api_goes_on_in_the_other(self, fake: FakeZenodo) -> None:
        first = connect(config_for(fake, "records"), TOKEN)
        container = new(first)
        second = connect(config_for(fake, "deposit"), TOKEN)
        item = second.put(container, sending("a.txt", b"alpha", MD5), None)
        assert second.listing(container) == first.listing(container)
        assert item.digests == digest_of(b"alpha")
        first.close()
        second.close()

    @pytest.mark.parametrize(
        ("given", "api"),
        [
            ("https://zenodo.org", "https://zenodo.org/api"),
            ("https://sandbox.zenodo.org/api/", "https://sandbox.zenodo.org/api"),
            ("http://host/data/api", "http://host/data/api"),
        ],
    )
    def test_the_sites_address_is_enough(self, given: str, api: str) -> None:
        assert api_url(given) == api

    def test_no_token_is_the_operators_to_mend(self, fake: FakeZenodo) -> None:
        with pytest.raises(UserFault) as raised:
            connect(config_for(fake, "auto"), None)
        assert raised.value.code == "unauthorized"


class TestToken:
    def test_it_goes_by_header_and_never_by_address(self, fake: FakeZenodo, target: Target) -> None:
        target.put(new(target), sending("a.txt", b"alpha", MD5), None)
        for one in fake.seen():
            assert TOKEN not in one.target
            assert one.headers["Authorization"] == f"Bearer {TOKEN}"


class TestContainer:
    def test_titles_are_those_of_the_account(self, fake: FakeZenodo, target: Target) -> None:
        for number in range(10):
            fake.make(f"Title {number}")
        fake.make("Somebody else's", owner=STRANGER)
        assert sorted(target.titles()) == [f"Title {number}" for number in range(10)]

    def test_two_bags_of_one_title_one_after_another_are_numbered(
        self, fake: FakeZenodo, config: TargetConfig, tmp_path: Path
    ) -> None:
        fake.index_lag = 1
        titles = []
        for _ in range(3):
            supervisor = Supervisor()
            supervisor.send(job_for(staged(tmp_path), config, token=TOKEN))
            titles.append(supervisor.opened.title)
        assert titles == ["Project", "Project (PresQT1)", "Project (PresQT2)"]

    def test_a_creation_whose_answer_was_lost_is_found_though_the_index_lags(
        self, fake: FakeZenodo, config: TargetConfig, tmp_path: Path
    ) -> None:
        fake.index_lag = 2
        fake.fault("swallow", "POST")
        supervisor = Supervisor()
        supervisor.send(job_for(staged(tmp_path), config, token=TOKEN))
        assert list(fake.drafts) == [supervisor.opened.container_id]

    def test_a_kill_before_the_index_knows_the_draft_makes_no_second_one(
        self, fake: FakeZenodo, config: TargetConfig, tmp_path: Path
    ) -> None:
        folder = staged(tmp_path)
        fake.index_lag = 4
        assert killed_at("zenodo-created", folder, config) == -signal.SIGKILL
        assert len(fake.drafts) == 1
        supervisor = Supervisor()
        supervisor.send(job_for(folder, config, token=TOKEN))
        assert list(fake.drafts) == [supervisor.opened.container_id]

    def test_the_mark_of_another_ticket_is_not_ours(self, fake: FakeZenodo, target: Target) -> None:
        assert new(target).id != new(target, ticket=OTHER_TICKET).id

    def test_a_refused_description_costs_the_description_only(
        self, fake: FakeZenodo, target: Target
    ) -> None:
        fake.refuses_metadata = True
        container = new(target, description="odd", keywords=["kept"])
        assert left_out_in(container.state) == [("description", "odd")]
        assert UNDESCRIBED not in container.state
        assert fake.drafts[container.id].metadata["title"] == "Project"

    def test_what_zenodo_would_refuse_is_left_out_and_named(
        self, fake: FakeZenodo, target: Target, config: TargetConfig
    ) -> None:
        fields: dict[str, Any] = {
            "license": "Beerware",
            "resource_type": "Physical thing",
            "publication_date": "last spring",
            "publisher": "The Press",
            "organisation": "The Lab",
            "categories": ["Zoology"],
            "related_identifiers": [
                {"relation": "cites", "identifier": "https://example.org/x"},
                {"relation": "cites", "identifier": "birds-7"},
            ],
            "description": "About it",
        }
        container = new(target, **fields)
        names = [name for name, _value in left_out_in(container.state)]
        wanted = ["categories", "organisation", "resource_type", "publication_date"]
        older = ["publisher", "license"] if config.own["api"] == "deposit" else []
        assert names == [*wanted, "related_identifiers", *older]
        assert dict(left_out_in(container.state))["related_identifiers"] == "birds-7 (cites)"
        assert fake.drafts[container.id].metadata["description"] == "About it"
        assert UNDESCRIBED not in container.state

    def test_an_existing_draft_is_opened_with_its_title_and_page(
        self, fake: FakeZenodo, target: Target, config: TargetConfig
    ) -> None:
        identity = fake.make("Theirs")
        container = existing(target, identity)
        page = "uploads" if config.own["api"] == "records" else "deposit"
        assert (container.title, container.is_new) == ("Theirs", False)
        assert container.link == f"{fake.url}/{page}/{identity}"

    def test_a_published_record_is_refused_with_what_to_do(
        self, fake: FakeZenodo, target: Target
    ) -> None:
        identity = fake.make("Published", published=True)
        with pytest.raises(UserFault, match="make a new version") as raised:
            existing(target, identity)
        assert raised.value.code == "bad-request"

    def test_somebody_elses_draft_is_forbidden(self, fake: FakeZenodo, target: Target) -> None:
        identity = fake.make("Not ours", owner=STRANGER)
        with pytest.raises(UserFault) as raised:
            existing(target, identity)
        assert raised.value.code == "forbidden"

    @pytest.mark.parametrize("identity", ["12345", "../../user/records", "a b", "x?y=z#"])
    def test_no_such_record_is_said_in_presqts_words(self, target: Target, identity: str) -> None:
        with pytest.raises(UserFault) as raised:
            existing(target, identity)
        assert raised.value.code == "resource-not-found"
        assert raised.value.message == f"Can't find the resource with id {identity}, on Zenodo"

    def test_the_account_is_the_owner_of_its_records(
        self, fake: FakeZenodo, target: Target
    ) -> None:
        fake.make("Mine")
        assert target.account().id == str(OWNER)


class TestLookout:
    """The list of drafts is a search index, which hears of a new one a moment late."""

    DRAFT: ClassVar[dict[str, Any]] = {"id": 7, "metadata": record_metadata("T", {}, TICKET)}
    REQUEST = ContainerRequest(ticket=TICKET, resource_id=None, title="T")

    def lookout(self, slept: list[float], shows_after: int, adoptable: bool = True) -> Lookout:
        rows = [self.DRAFT]
        return Lookout(
            lambda _query: rows if len(slept) >= shows_after else [],
            lambda _row: adoptable,
            lambda seconds, _what: slept.append(seconds),
        )

    def test_a_new_draft_is_given_whether_the_list_shows_it_or_not(self) -> None:
        for after in (0, 1, 99):
            slept = list[float]()
            draft = self.lookout(slept, after).create(lambda: self.DRAFT, self.REQUEST)
            assert draft["id"] == 7
            assert len(slept) <= 1

    def test_only_after_a_lost_answer_a_draft_is_looked_for_again(self) -> None:
        slept = list[float]()
        lookout = self.lookout(slept, 3)
        assert lookout.find(TICKET, was_creating=False) is None
        assert slept == []

        def lose() -> dict[str, Any]:
            raise TargetFault("target-unavailable", "no answer", outcome_unknown=True)

        with pytest.raises(TargetFault):
            lookout.create(lose, self.REQUEST)
        assert lookout.find(TICKET, was_creating=False) is self.DRAFT

    def test_one_that_an_earlier_go_may_have_created_is_waited_for(self) -> None:
        assert self.lookout([], 3).find(TICKET, was_creating=True) is self.DRAFT

    def test_an_index_that_is_twelve_seconds_late_makes_no_second_draft(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.undo()
        slept = list[float]()
        rows = [self.DRAFT]
        lookout = Lookout(
            lambda _query: rows if sum(slept) >= 12 else [],
            lambda _row: True,
            lambda seconds, _what: slept.append(seconds),
        )
        assert lookout.find(TICKET, was_creating=True) is self.DRAFT

    def test_a_site_that_understands_no_such_query_shows_it_on_its_newest_page(self) -> None:
        lookout = Lookout(
            lambda query: [] if query else [self.DRAFT],
            lambda _row: True,
            lambda _seconds, _what: None,
        )
        assert lookout.find(TICKET, was_creating=True) is self.DRAFT

    def test_a_later_one_is_named(self) -> None:
        lookout = self.lookout([], 10**6)
        request = replace(self.REQUEST, was_creating=True)
        assert lookout.find(TICKET, was_creating=True) is None
        draft = lookout.create(lambda: self.DRAFT, request)
        remarks = dict(remarks_in(description_state(draft, request, ())))
        assert "may be an empty draft" in remarks["maybe-left-behind"]


class TestFiles:
    def test_an_older_file_is_replaced_only_when_told(
        self, fake: FakeZenodo, target: Target
    ) -> None:
        identity = fake.make("Theirs", {"a.txt": b"theirs", "b.txt": b"stays"})
        container = existing(target, identity)
        old = target.listing(container)[PurePosixPath("a.txt")]
        item = target.put(container, sending("a.txt", b"ours", MD5), old)
        assert item.digests == digest_of(b"ours")
        assert fake.contents(identity) == {"a.txt": b"ours", "b.txt": b"stays"}

    def test_an_old_file_stays_when_the_new_one_cannot_be_opened(
        self, fake: FakeZenodo, target: Target
    ) -> None:
        identity = fake.make("Theirs", {"a.txt": b"theirs"})
        container = existing(target, identity)
        old = target.listing(container)[PurePosixPath("a.txt")]

        def unreadable() -> Any:
            raise OSError("gone")

        file = sending("a.txt", b"ours", MD5)
        broken = type(file)(path=file.path, size=4, digests=file.digests, open=unreadable)
        with pytest.raises(OSError, match="gone"):
            target.put(container, broken, old)
        assert fake.contents(identity) == {"a.txt": b"theirs"}

    @pytest.mark.parametrize("name", ["with space.zip", "Grüße €.zip", "100%20#&'.zip", "a+b.zip"])
    def test_odd_names_arrive_as_they_are(
        self, fake: FakeZenodo, target: Target, name: str
    ) -> None:
        container = new(target)
        target.put(container, sending(name, b"x", MD5), None)
        assert fake.contents(container.id) == {name: b"x"}
        assert PurePosixPath(name) in target.listing(container)

    def test_an_empty_file_is_stored(self, fake: FakeZenodo, target: Target) -> None:
        container = new(target)
        item = target.put(container, sending("empty", b"", MD5), None)
        assert item.digests == digest_of(b"")

    def test_a_full_record_is_not_tried_again(self, fake: FakeZenodo, target: Target) -> None:
        container = new(target)
        fake.quota = 10
        with pytest.raises(TargetFault) as raised:
            target.put(container, sending("a.bin", BIG, MD5), None)
        assert raised.value.code == "target-full"
        assert not raised.value.retryable

    def test_a_retry_after_on_a_good_answer_means_nothing(
        self, config: TargetConfig, tmp_path: Path
    ) -> None:
        supervisor = Supervisor()
        supervisor.send(job_for(staged(tmp_path), config, token=TOKEN))
        assert supervisor.slept == []

    def test_a_named_wait_is_kept(
        self, fake: FakeZenodo, config: TargetConfig, tmp_path: Path
    ) -> None:
        fake.fault("status 429 7", "PUT")
        supervisor = Supervisor()
        supervisor.send(job_for(staged(tmp_path), config, token=TOKEN))
        assert sum(supervisor.slept) >= 7

    def test_a_wait_beside_another_error_means_nothing(
        self, fake: FakeZenodo, config: TargetConfig, tmp_path: Path
    ) -> None:
        fake.fault("status 502 1000", "PUT")
        result = Supervisor().send(job_for(staged(tmp_path), config, token=TOKEN))
        assert result.failed_fixity == ()

    def test_a_long_wait_parks_the_ticket(
        self, fake: FakeZenodo, config: TargetConfig, tmp_path: Path
    ) -> None:
        fake.fault("status 429 1000", "PUT")
        with pytest.raises(MustWait) as raised:
            Supervisor().send(job_for(staged(tmp_path), config, token=TOKEN))
        assert raised.value.limited.seconds == 1000


class TestRecordsFiles:
    @pytest.fixture
    def config(self, fake: FakeZenodo) -> TargetConfig:
        return config_for(fake, "records")

    def test_no_checksum_of_ours_is_sent_that_the_server_would_only_echo(
        self, fake: FakeZenodo, parts: ZenodoTarget
    ) -> None:
        container = new(parts)
        fake.spoils["a.bin"] = 1
        item = parts.put(container, sending("a.bin", b"0123456789ab", MD5), None)
        digests = item.digests or parts.digest(container, item, MD5)
        assert digests
        assert digests != digest_of(b"0123456789ab")

    def test_a_file_that_was_begun_counts_as_absent_and_is_taken_over(
        self, fake: FakeZenodo, target: Target
    ) -> None:
        container = new(target)
        fake.fault("cut", "PUT")
        with pytest.raises(TargetFault):
            target.put(container, sending("a.bin", BIG, MD5), None)
        assert target.listing(container) == {}
        assert target.put(container, sending("a.bin", BIG, MD5), None).digests == digest_of(BIG)

    @pytest.mark.parametrize("part", ["/draft/files", "/commit"])
    def test_an_answer_lost_at_any_step_is_got_over(
        self, fake: FakeZenodo, config: TargetConfig, tmp_path: Path, part: str
    ) -> None:
        fake.fault("swallow", "POST", part)
        supervisor = Supervisor()
        result = supervisor.send(job_for(staged(tmp_path), config, token=TOKEN))
        assert (result.failed_fixity, result.unverified_fixity) == ((), ())
        assert fake.stored == {ZIP: 1}


class TestParts:
    def test_a_large_file_goes_in_parts(self, fake: FakeZenodo, parts: ZenodoTarget) -> None:
        container = new(parts)
        item = parts.put(container, sending("a.bin", b"0123456789", MD5), None)
        assert sorted(one.size or 0 for one in fake.seen("PUT")) == [2, 4, 4]
        assert fake.contents(container.id) == {"a.bin": b"0123456789"}
        assert item.digests == digest_of(b"0123456789")

    def test_a_small_one_goes_whole(self, fake: FakeZenodo, parts: ZenodoTarget) -> None:
        parts.put(new(parts), sending("a.bin", b"012345678", MD5), None)
        assert [one.size for one in fake.seen("PUT")] == [9]

    def test_a_server_that_takes_no_parts_gets_it_whole(
        self, fake: FakeZenodo, parts: ZenodoTarget
    ) -> None:
        fake.takes_parts = False
        container = new(parts)
        for name in ("a.bin", "b.bin"):
            parts.put(container, sending(name, b"0123456789", MD5), None)
        assert [one.size for one in fake.seen("PUT")] == [10, 10]
        assert fake.count("POST", "/draft/files") - fake.count("POST", "/commit") == 3

    def test_the_md5_is_waited_for(self, fake: FakeZenodo, parts: ZenodoTarget) -> None:
        fake.checksum_polls = 3
        container = new(parts)
        item = parts.put(container, sending("a.bin", b"0123456789", MD5), None)
        assert item.digests == digest_of(b"0123456789")

    def test_an_md5_that_never_comes_is_no_digest(self, fake: FakeZenodo) -> None:
        now = [0.0]

        def sleep(seconds: float) -> None:
            now[0] += seconds

        target = in_parts(fake.url, large_bytes=1, sleep=sleep, clock=lambda: now[0])
        fake.checksum_polls = 10**6
        container = new(target)
        item = target.put(container, sending("a.bin", b"0123456789", MD5), None)
        assert item.digests == {}
        assert now[0] <= 900
        target.close()

    def test_a_cut_costs_one_part(self, fake: FakeZenodo, parts: ZenodoTarget) -> None:
        container = new(parts)
        fake.fault("cut", "PUT", after=2)
        file = sending("a.bin", b"0123456789abcdef", MD5)
        with pytest.raises(TargetFault):
            parts.put(container, file, None)
        item = parts.put(container, file, None)
        assert item.digests == digest_of(b"0123456789abcdef")
        assert fake.count("PUT", "/content/") == 5

    def test_noted_parts_of_another_content_are_sent_again(
        self, fake: FakeZenodo, parts: ZenodoTarget
    ) -> None:
        container = new(parts)
        fake.fault("cut", "PUT", after=2)
        file = sending("a.bin", b"0123456789abcdef", MD5)
        with pytest.raises(TargetFault):
            parts.put(container, file, None)
        other = replace(sending("a.bin", b"fedcba9876543210", MD5), notes=file.notes)
        assert parts.put(container, other, None).digests == digest_of(b"fedcba9876543210")

    def test_a_kill_costs_no_part_that_was_noted(self, fake: FakeZenodo, tmp_path: Path) -> None:
        folder = staged(tmp_path, {"P/big.bin": bytes(3000)})
        code = (
            "import sys\n"
            "from pathlib import Path\n"
            "from presqt_daemon.config import TargetConfig\n"
            "from tests.targets.test_zenodo import in_parts\n"
            "from tests.upload.tickets import Supervisor, job_for\n"
            "config = TargetConfig(name='zenodo', type='zenodo')\n"
            "connect = lambda *_: in_parts(sys.argv[2], 1000, large_bytes=1)\n"
            "Supervisor().send(job_for(Path(sys.argv[1]), config), connect=connect)\n"
        )
        for point in ("zenodo-part:2", "zenodo-part", "zenodo-sent"):
            assert run_to(point, code, str(folder), fake.url) == -signal.SIGKILL
        config = TargetConfig(name="zenodo", type="zenodo")
        result = Supervisor().send(
            job_for(folder, config),
            connect=lambda *_: in_parts(fake.url, 1000, large_bytes=1),
        )
        assert (result.failed_fixity, result.unverified_fixity) == ((), ())
        sent = Counter(one.path.rpartition("/")[2] for one in fake.seen("PUT", "/content/"))
        assert len(sent) >= 4
        # parts that were under way at a kill are not noted
        assert sum(count - 1 for count in sent.values()) <= 2 * AT_ONCE

    def test_another_connection_begins_anew(self, fake: FakeZenodo, parts: ZenodoTarget) -> None:
        container = new(parts)
        fake.fault("cut", "PUT", after=2)
        with pytest.raises(TargetFault):
            parts.put(container, sending("a.bin", b"0123456789abcdef", MD5), None)
        other = connect(config_for(fake, "records"), TOKEN)
        item = other.put(container, sending("a.bin", b"another content", MD5), None)
        other.close()
        assert item.digests == digest_of(b"another content")


class TestUpload:
    def test_a_bag_arrives_as_one_zip_in_a_draft(
        self, fake: FakeZenodo, config: TargetConfig, tmp_path: Path
    ) -> None:
        supervisor = Supervisor()
        result = supervisor.send(job_for(staged(tmp_path), config, token=TOKEN))
        assert set(plain(fake.contents(supervisor.opened.container_id))) == {ZIP}
        assert result.algorithm == "md5"
        assert (result.failed_fixity, result.unverified_fixity) == ((), ())
        assert result.note == (
            f"Draft, not published: open {supervisor.opened.link}. Its files are restricted: make "
            "them public there before you publish it."
        )
        assert not fake.drafts[supervisor.opened.container_id].published

    @pytest.mark.parametrize(("times", "failed"), [(1, ()), (2, (f"/Project/{ZIP}",))])
    def test_a_file_spoilt_once_is_sent_again_and_spoilt_twice_is_told(
        self,
        fake: FakeZenodo,
        config: TargetConfig,
        tmp_path: Path,
        times: int,
        failed: tuple[str, ...],
    ) -> None:
        fake.spoils[ZIP] = times
        result = Supervisor().send(job_for(staged(tmp_path), config, token=TOKEN))
        assert result.failed_fixity == failed
        assert fake.stored[ZIP] == 2

    @pytest.mark.parametrize("action", DuplicateAction)
    def test_a_zip_of_that_name_follows_the_action(
        self, fake: FakeZenodo, config: TargetConfig, tmp_path: Path, action: DuplicateAction
    ) -> None:
        identity = fake.make("Theirs", {ZIP: b"theirs", "keep.txt": b"keep"})
        job = job_for(staged(tmp_path), config, token=TOKEN, resource_id=identity, action=action)
        result = Supervisor().send(job)
        is_update = action is DuplicateAction.UPDATE
        assert (plain(fake.contents(identity))[ZIP] == b"theirs") is not is_update
        assert fake.contents(identity)["keep.txt"] == b"keep"
        assert result.updated == ((f"/Project/{ZIP}",) if is_update else ())
        assert result.ignored_different == (() if is_update else (f"/Project/{ZIP}",))

    def test_too_large_a_bag_is_refused_before_anything_is_made(
        self, fake: FakeZenodo, config: TargetConfig, tmp_path: Path
    ) -> None:
        """A file that takes no room on the disk, one byte longer than Zenodo takes."""
        folder = sparse_ticket(tmp_path, 50 * 10**9 + 1)
        with pytest.raises(UserFault, match=r"P/P\.presqt\.zip.*at most 50\.0 GB") as raised:
            Supervisor().send(job_for(folder, config, token=TOKEN))
        assert raised.value.code == "too-large"
        assert fake.count("POST") + fake.count("PUT") == 0
        assert not (folder / ".packed.zip").exists()

    def test_two_tickets_into_one_draft_at_once_lose_nothing(
        self, fake: FakeZenodo, config: TargetConfig, tmp_path: Path
    ) -> None:
        identity = fake.make("Theirs", {"keep.txt": b"keep"})
        results = send_at_once(
            job_for(
                staged(tmp_path, {f"{who}/a.txt": who.encode()}),
                config,
                token=TOKEN,
                resource_id=identity,
            )
            for who in ("one", "two")
        )
        names = {"keep.txt", "one.presqt.zip", "two.presqt.zip"}
        assert set(plain(fake.contents(identity))) == names
        assert all(result.failed_fixity == () for result in results)
        assert fake.count("PUT") == 2

    def test_a_process_killed_in_the_middle_leaves_what_the_next_one_finishes(
        self, fake: FakeZenodo, config: TargetConfig, tmp_path: Path
    ) -> None:
        folder = staged(tmp_path)
        fake.index_lag = 4
        points = ["send-intent", "zenodo-created", "send-created", "zenodo-begun", "zenodo-sent"]
        for point in points:
            assert killed_at(point, folder, config) == -signal.SIGKILL
        supervisor = Supervisor()
        result = supervisor.send(job_for(folder, config, token=TOKEN))
        assert (result.failed_fixity, result.ignored) == ((), ())
        assert {warning.code for warning in result.warnings} <= {"metadata-missing"}
        assert list(fake.drafts) == [supervisor.opened.container_id]
        assert set(plain(fake.contents(supervisor.opened.container_id))) == {ZIP}
        assert fake.count("PUT") == 1
        assert fake.stored == {ZIP: 1}


class TestPublishing:
    FIELDS: ClassVar[dict[str, Any]] = {
        "description": "What it is",
        "creators": [{"name": "Doe, Jane"}],
        "resource_type": "Dataset",
    }

    @pytest.fixture
    def config(self, fake: FakeZenodo, request: pytest.FixtureRequest) -> TargetConfig:
        return config_for(fake, request.param, publish="after_verified")

    both = pytest.mark.parametrize("config", ["records", "deposit"], indirect=True)

    @both
    def test_it_happens_once_and_gives_the_records_page(
        self, fake: FakeZenodo, target: Target, config: TargetConfig
    ) -> None:
        container = new(target, **self.FIELDS)
        link = target.publish(container)
        assert fake.drafts[container.id].published
        assert target.publish(container) == link
        assert link is not None
        assert "/record" in link
        assert fake.count("POST", "/actions/publish") == 1

    @both
    def test_a_504_that_hides_a_success_is_a_success(
        self, fake: FakeZenodo, target: Target
    ) -> None:
        container = new(target, **self.FIELDS)
        fake.overloaded_publish = 1
        assert "/record" in str(target.publish(container))
        assert fake.count("POST", "/actions/publish") == 1

    @both
    def test_a_refusal_names_what_is_missing(self, target: Target) -> None:
        with pytest.raises(TargetFault, match=r"metadata\.creators: Missing data"):
            target.publish(new(target))

    @both
    def test_a_bag_with_failed_fixity_is_not_published(
        self, fake: FakeZenodo, config: TargetConfig, tmp_path: Path
    ) -> None:
        fake.spoils[ZIP] = 2
        supervisor = Supervisor()
        result = supervisor.send(job_for(staged(tmp_path), config, token=TOKEN))
        assert result.failed_fixity
        assert not fake.drafts[supervisor.opened.container_id].published
        assert fake.count("POST", "/actions/publish") == 0

    @both
    def test_an_upload_that_died_after_publishing_ends_well(
        self, fake: FakeZenodo, config: TargetConfig, tmp_path: Path
    ) -> None:
        folder = staged(tmp_path, {"P/datacite.json": json.dumps(DESCRIBED).encode()})
        job = job_for(folder, config, token=TOKEN, uploads=UploadsConfig())
        result = Supervisor().send(job)
        assert {warning.code for warning in result.warnings} == {"metadata-assumed"}
        assert result.note is None
        again = Supervisor().send(job)
        assert replace(again, warnings=()) == replace(result, warnings=())
        assert fake.count("POST", "/actions/publish") == 1
        assert dict(fake.stored) == {"P.presqt.zip": 1, "PRESQT_FTS_METADATA.json": 1}

    @both
    def test_a_draft_that_cannot_be_published_stays_one_with_a_warning(
        self, fake: FakeZenodo, config: TargetConfig, tmp_path: Path
    ) -> None:
        supervisor = Supervisor()
        result = supervisor.send(job_for(staged(tmp_path), config, token=TOKEN))
        assert "not-published" in {warning.code for warning in result.warnings}
        assert result.note == (
            f"Draft, not published: open {supervisor.opened.link}. Its files are restricted: make "
            "them public there before you publish it."
        )

    @pytest.mark.parametrize("config", ["records"], indirect=True)
    def test_private_files_of_a_record_we_publish_are_restricted(
        self, fake: FakeZenodo, target: Target
    ) -> None:
        container = new(target, **self.FIELDS)
        assert fake.drafts[container.id].access == {"record": "public", "files": "restricted"}

    @pytest.mark.parametrize("config", ["deposit"], indirect=True)
    def test_so_they_are_in_the_older_api(self, fake: FakeZenodo, target: Target) -> None:
        container = new(target, **self.FIELDS)
        assert fake.drafts[container.id].metadata["access_right"] == "restricted"


def test_a_refusal_is_told_with_its_fields() -> None:
    tree = {
        "message": "A validation error occurred.",
        "errors": [{"field": "metadata.title", "messages": ["Too short."]}],
    }
    assert words_of(tree) == "A validation error occurred; metadata.title: Too short"
    assert words_of([]) is None


def digest_of(content: bytes) -> dict[str, str]:
    return digest_stream(io.BytesIO(content), MD5, len(content))


def sparse_ticket(root: Path, size: int) -> Path:
    """A ticket whose one file has so many bytes, none of which is read before the refusal."""
    folder = staged(root, {"P/large.bin": b""})
    head = read_head(folder / "payload.jsonl")
    os.truncate(folder / "bag" / "data" / "P" / "large.bin", size)
    row = PayloadFile(path=PurePosixPath("P/large.bin"), size=size, digests={"sha512": "0" * 128})
    write_payload(folder / "payload.jsonl", head, [row])
    return folder


def killed_at(point: str, folder: Path, config: TargetConfig) -> int:
    """The exit code of an upload in a process of its own that is armed to die."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from presqt_daemon.config import TargetConfig\n"
        "from presqt_daemon.targets.zenodo import creation\n"
        "from tests.upload.tickets import Supervisor, job_for\n"
        "creation.LOST_SECONDS = (0.01,) * 8\n"
        "own = {'api': sys.argv[3]}\n"
        "config = TargetConfig(name='zenodo', type='zenodo', url=sys.argv[2], own=own)\n"
        "Supervisor().send(job_for(Path(sys.argv[1]), config, token=sys.argv[4]))\n"
    )
    return run_to(point, code, str(folder), str(config.url), config.own["api"], TOKEN)


def run_to(point: str, code: str, *arguments: str) -> int:
    """The exit code of a process that is armed to die."""
    environment = {**os.environ, "PRESQT_DAEMON_FAILPOINT": point}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, env=environment, check=False, timeout=60).returncode

"""What every adapter must do: a class of tests that an adapter's own test inherits.

The adapter's test gives a `site` fixture, the target as its owner sees it, and names in class
attributes where the target deviates, each with the reason beside it.
"""

import contextlib
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Protocol

import pytest

from presqt_daemon.config import TargetConfig, UploadsConfig
from presqt_daemon.digest import STRENGTH, strongest_common
from presqt_daemon.errors import PayloadSpoilt, PresqtError, TargetFault, UserFault
from presqt_daemon.metadata.fts_document import (
    INVALID_NAME,
    NAME,
    READABLE_NAMES,
    FtsMetadata,
    fts_bytes,
    parse_fts,
    upload_action,
)
from presqt_daemon.model import DuplicateAction, UploadResult
from presqt_daemon.records.receipt import write_receipt
from presqt_daemon.records.record import open_record
from presqt_daemon.targets.abilities import CanDiscard, CanFetch
from presqt_daemon.targets.base import (
    Body,
    Container,
    ContainerRequest,
    Item,
    Sending,
    Target,
    Traits,
    connect,
)
from presqt_daemon.tickets.store import TicketFolder
from presqt_daemon.upload.ask_again import Now, PlaceAtTarget, ask_again
from presqt_daemon.upload.calls.patience import MustWait
from presqt_daemon.upload.fts_metadata import METADATA_ERROR
from presqt_daemon.upload.send import SendJob
from tests.targets.turns import send_at_once
from tests.tickets.infos import finished_info
from tests.upload.tickets import Supervisor, digests_of, job_for, staged

TICKET = "0b8c1f7e-3b1e-4a56-9a55-3f0f6f0c5d11"
OTHER_TICKET = "7d9a2c44-91f0-4a1b-8a43-5b1e3b2a9c22"
LIMITED_SECONDS = 7.0
"""How long a target's limit asks to wait; no number that our own code could come upon."""

BIG = bytes(range(256)) * (10 << 10)
"""Two and a half blocks of a megabyte."""

BOTH = ("one", "two")
"""Two who send into one container."""

NASTY = {
    "P/with space.txt": b"space",
    "P/Grüße €.txt": b"unicode",
    "P/e\u0301.txt": b"decomposed",
    "P/100%20#&'.txt": b"encoded?",
    "P/a+b=c;d,e@f!$().txt": b"reserved",
    "P/.hidden": b"dot",
    "P/deep/er/and/deeper/still.txt": b"deep",
    "P/empty.txt": b"",
    "P/README": b"no ending",
}

ACTION = upload_action(
    ticket=OTHER_TICKET,
    target_type="osf",
    account="Somebody",
    container_title="Theirs",
    results=(),
    now=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
)
"""An upload that PresQT has recorded before."""


class Site(Protocol):
    """The target as its owner sees it, not through the adapter."""

    config: TargetConfig
    token: str | None

    def files(self, container_id: str) -> Mapping[str, bytes]:
        """Every file in a container, by path."""
        ...

    def make(self, title: str, files: Mapping[str, bytes]) -> str:
        """Somebody else's container; its id as a sender would write it."""
        ...

    def file_id(self, container_id: str, path: str) -> str:
        """The id of a file, to be refused as a container."""
        ...

    def lie(self) -> None:
        """From now on pages of lists repeat an entry in the place of another; nothing without."""
        ...

    def spoil(self, path: str) -> None:
        """The target stores other bytes than it gets for the file that is being sent now."""
        ...

    def fault(self, kind: str) -> None:
        """The next write meets a fault, one of those in `Conformance.faults`."""
        ...


@dataclass
class TestBody(BytesIO):
    """A body in memory that says when it is read for the second time."""

    __test__ = False
    content: bytes
    on_second_read: Callable[[], None] = lambda: None
    reads: int = field(default=0)

    def __post_init__(self) -> None:
        super().__init__(self.content)

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        self._count()
        return super().readinto(buffer)

    def read(self, size: int | None = -1, /) -> bytes:
        self._count()
        return super().read(size)

    def _count(self) -> None:
        self.reads += 1
        if self.reads == 2:
            self.on_second_read()


def sending(
    path: str,
    content: bytes,
    algorithms: tuple[str, ...],
    on_second_read: Callable[[], None] = lambda: None,
) -> Sending:
    """A file to put, with digests in these algorithms."""

    @contextmanager
    def opened() -> Iterator[Body]:
        with TestBody(content, on_second_read) as body:
            yield body

    def open_body() -> AbstractContextManager[Body]:
        return opened()

    return Sending(
        path=PurePosixPath(path),
        size=len(content),
        digests=digests_of(content, algorithms),
        open=open_body,
    )


@dataclass
class Stop:
    """Ends an upload at its so many-th call; `left` are the calls that it would still let pass."""

    left: int

    def __call__(self, _name: str) -> None:
        self.left -= 1
        if self.left == 0:
            raise UserFault("cancelled", "Stop.")


class Watched:
    """A connection that tells of each call before it is made, and after."""

    def __init__(
        self,
        target: Target,
        before: Callable[[str], None],
        after: Callable[[str], None] = lambda _name: None,
    ) -> None:
        self.__dict__.update(_target=target, _before=before, _after=after)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if name not in CALLS:
            return found

        def call(*args: Any) -> Any:
            self._before(name)
            answer = found(*args)
            self._after(name)
            return answer

        return call

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._target, name, value)


CALLS = ("listing", "put", "stat", "digest", "commit")
"""Before which somebody else may write."""


class Conformance:
    """The suite. Skips what the target cannot do, by its traits or by the class attributes."""

    faults: ClassVar[frozenset[str]] = frozenset()
    """What the site can make happen: `limited` (by LIMITED_SECONDS), `unavailable`, `cut`, `lost`,
    `unauthorized`."""

    refused_names: ClassVar[frozenset[str]] = frozenset()
    """Paths of NASTY that the target cannot hold, each with the reason beside it."""

    names_are_unique = True
    """Whether two files of one name cannot stand side by side."""

    titles_are_unique = True
    """Whether the target itself refuses a title that is taken."""

    has_file_ids = True
    """Whether a file has an id that could be taken for a container's."""

    @pytest.fixture
    def site(self) -> Site:
        raise NotImplementedError

    def connect(self, site: Site, token: str | None = None) -> Target:
        """A connection; with another token where one is given."""
        return connect(site.config, token or site.token)

    def traits(self, site: Site) -> Traits:
        target = self.connect(site)
        target.close()
        return target.traits

    def send(self, site: Site, supervisor: Supervisor, job: SendJob) -> UploadResult:
        """An upload, as the worker makes it."""
        return supervisor.send(job, connect=lambda _config, _token: self.connect(site))

    @pytest.fixture
    def target(self, site: Site) -> Iterator[Target]:
        target = self.connect(site)
        yield target
        target.close()

    def algorithms(self, site: Site) -> tuple[str, ...]:
        offered = self.traits(site).algorithms
        return tuple(name for name in STRENGTH if name in offered)[:2] or ("sha256",)

    def put(
        self, site: Site, target: Target, container: Container, path: str, content: bytes
    ) -> Item:
        """One file, its folders made, and the target's last word on it."""
        made = target.listing(container)
        for parent in reversed(PurePosixPath(path).parents[:-1]):
            if target.traits.needs_folders and parent not in made:
                target.make_folder(container, parent)
        item = target.put(
            container, sending(path, content, self.algorithms(site)), made.get(PurePosixPath(path))
        )
        return target.commit(container).get(PurePosixPath(path), item)

    def digest_agrees(self, item: Item, content: bytes) -> bool:
        """Whether the target's strongest digest is that of the content."""
        algorithm = strongest_common(item.digests, item.digests)
        assert algorithm is not None
        return item.digests[algorithm] == digests_of(content, [algorithm])[algorithm]

    def new(self, target: Target, title: str = "Conformance", ticket: str = TICKET) -> Container:
        return target.container(ContainerRequest(ticket=ticket, resource_id=None, title=title))

    def existing(self, target: Target, resource_id: str, ticket: str = TICKET) -> Container:
        return target.container(
            ContainerRequest(ticket=ticket, resource_id=resource_id, title="Conformance")
        )

    def test_the_account_has_a_name(self, target: Target) -> None:
        assert target.account().id

    def test_a_new_container_is_empty_and_listed(self, target: Target) -> None:
        container = self.new(target)
        assert container.is_new
        assert container.link
        assert container.title in target.titles()
        added = {PurePosixPath(name) for name in container.added}
        assert set(target.listing(container)) <= added

    def test_a_container_that_carries_the_mark_is_not_made_twice(
        self, site: Site, target: Target
    ) -> None:
        if not target.traits.carries_mark:
            pytest.skip("the target cannot list a mark")
        first = self.new(target)
        again = self.connect(site)
        assert self.new(again, "Another title").id == first.id
        again.close()

    def test_two_tickets_of_one_title_get_two_containers(self, site: Site, tmp_path: Path) -> None:
        folders = [staged(tmp_path), staged(tmp_path)]
        supervisors = [Supervisor(), Supervisor()]
        jobs = [job_for(folder, site.config, token=site.token) for folder in folders]
        threads = [
            threading.Thread(target=self.send, args=(site, *pair))
            for pair in zip(supervisors, jobs, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ids = {supervisor.opened.container_id for supervisor in supervisors}
        titles = sorted(supervisor.opened.title for supervisor in supervisors)
        assert len(ids) == 2
        numbered = self.traits(site).title_format.format(title="Project", number=1)
        assert titles == ["Project", numbered]
        for identity in ids if self.traits(site).has_folders else ():
            assert site.files(identity) == {"a.txt": b"alpha\n", "sub/b.txt": b"beta\n"}

    def test_a_container_survives_json_and_another_connection(
        self, site: Site, target: Target
    ) -> None:
        container = self.new(target)
        self.put(site, target, container, "a.txt", b"alpha")
        other = self.connect(site)
        assert PurePosixPath("a.txt") in other.listing(container)
        self.put(site, other, container, "b.txt", b"beta")
        other.close()
        kept = {
            name: content
            for name, content in site.files(container.id).items()
            if name not in container.added
        }
        assert kept == {"a.txt": b"alpha", "b.txt": b"beta"}

    def test_what_put_says_is_what_is_stored(self, site: Site, target: Target) -> None:
        container = self.new(target)
        item = self.put(site, target, container, "big.bin", BIG)
        assert site.files(container.id)["big.bin"] == BIG
        if target.traits.algorithms:
            assert self.digest_agrees(item, BIG)

    def test_the_listing_agrees_with_the_put(self, site: Site, target: Target) -> None:
        container = self.new(target)
        path = "dir/a.txt" if target.traits.has_folders else "a.txt"
        self.put(site, target, container, path, b"alpha")
        item = target.listing(container)[PurePosixPath(path)]
        digests = item.digests or target.digest(container, item, self.algorithms(site))
        assert item.size in {None, 5}
        assert not item.is_folder
        if target.traits.algorithms:
            assert self.digest_agrees(Item(path=item.path, digests=digests), b"alpha")

    def test_a_put_can_be_repeated(self, site: Site, target: Target) -> None:
        container = self.new(target)
        for content in (b"first", b"first", b"second"):
            self.put(site, target, container, "a.txt", content)
            assert site.files(container.id)["a.txt"] == content

    def test_a_name_taken_since_the_listing_is_not_overwritten(
        self, site: Site, target: Target
    ) -> None:
        identity = site.make("Theirs", {"a.txt": b"theirs"})
        container = self.existing(target, identity)
        if target.traits.deferred:
            pytest.skip("nothing is stored before the commit")
        with pytest.raises(FileExistsError):
            target.put(container, sending("a.txt", b"ours", self.algorithms(site)), None)
        assert site.files(identity)["a.txt"] == b"theirs"

    def test_puts_run_from_as_many_threads_as_promised(self, site: Site, target: Target) -> None:
        container = self.new(target)
        width = target.traits.parallel_puts
        names = [f"{number}.bin" for number in range(3 * width)]
        errors: list[BaseException] = []

        def put(mine: list[str]) -> None:
            try:
                for name in mine:
                    file = sending(name, name.encode() * 999, self.algorithms(site))
                    target.put(container, file, None)
            except BaseException as error:  # noqa: BLE001
                errors.append(error)

        threads = [threading.Thread(target=put, args=(names[i::width],)) for i in range(width)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        target.commit(container)
        assert errors == []
        stored = site.files(container.id)
        assert all(stored[name] == name.encode() * 999 for name in names)

    def test_a_file_the_target_spoils_is_noticed(self, site: Site, target: Target) -> None:
        if not target.traits.algorithms:
            pytest.skip("the target gives no digest")
        container = self.new(target)
        file = sending("a.bin", BIG, self.algorithms(site), lambda: site.spoil("a.bin"))
        item = target.put(container, file, None)
        item = target.commit(container).get(PurePosixPath("a.bin"), item)
        digests = item.digests or target.digest(container, item, self.algorithms(site))
        assert not self.digest_agrees(Item(path=item.path, digests=digests), BIG)

    def test_no_such_resource_is_said(self, target: Target) -> None:
        with pytest.raises(UserFault) as raised:
            self.existing(target, "99999999")
        assert raised.value.code in {"resource-not-found", "resource-gone"}

    def test_a_file_is_no_container(self, site: Site, target: Target) -> None:
        if not self.has_file_ids:
            pytest.skip("files have no ids there")
        identity = site.make("Theirs", {"a.txt": b"theirs"})
        with pytest.raises(UserFault) as raised:
            self.existing(target, site.file_id(identity, "a.txt"))
        assert raised.value.code == "bad-request"

    def test_nasty_names_arrive_as_they_are(self, site: Site, tmp_path: Path) -> None:
        traits = self.traits(site)
        if not traits.has_folders:
            pytest.skip("the names travel inside a zip")
        payload = {
            name: content
            for name, content in NASTY.items()
            if name not in self.refused_names and (content or traits.takes_empty_files)
        }
        folder = staged(tmp_path, payload, extra=self.algorithms(site))
        supervisor = Supervisor()
        result = self.send(site, supervisor, job_for(folder, site.config, token=site.token))
        stored = site.files(supervisor.opened.container_id)
        assert {name.removeprefix("P/"): content for name, content in payload.items()}.items() <= (
            stored.items()
        )
        assert (result.failed_fixity, result.ignored) == ((), ())
        if traits.algorithms:
            assert result.unverified_fixity == ()

    def test_an_empty_folder_is_kept_or_listed(self, site: Site, tmp_path: Path) -> None:
        traits = self.traits(site)
        folder = staged(tmp_path, {"Egg/egg.json": b"{}"}, folders=("Egg/Empty",))
        supervisor = Supervisor()
        result = self.send(
            site, supervisor, job_for(folder, site.config, token=site.token, title="Egg Box")
        )
        is_kept = traits.keeps_empty_folders or not traits.has_folders
        assert result.ignored == (() if is_kept else ("/Egg/Empty",))
        if traits.keeps_empty_folders:
            target = self.connect(site)
            container = self.existing(target, supervisor.opened.container_id)
            assert target.listing(container)[PurePosixPath("Empty")].is_folder
            target.close()

    @pytest.mark.parametrize("action", DuplicateAction)
    def test_duplicates_in_an_existing_container_follow_the_action(
        self, site: Site, tmp_path: Path, action: DuplicateAction
    ) -> None:
        traits = self.traits(site)
        if not traits.has_folders:
            pytest.skip("a zip is the only file")
        theirs = {"keep.txt": b"keep", "same.txt": b"same", "other.txt": b"theirs"}
        identity = site.make("Theirs", theirs)
        ours = {"same.txt": b"same", "other.txt": b"ours!!", "dir/new.txt": b"new"}
        folder = staged(tmp_path, ours, extra=self.algorithms(site))
        job = job_for(folder, site.config, token=site.token, resource_id=identity, action=action)
        result = self.send(site, Supervisor(), job)
        is_update = action is DuplicateAction.UPDATE
        assert site.files(identity) == {
            **theirs,
            "dir/new.txt": b"new",
            "other.txt": b"ours!!" if is_update else b"theirs",
        }
        if traits.algorithms:
            assert result.updated == (("/other.txt",) if is_update else ())
            assert result.ignored == (("/same.txt",) if is_update else ("/other.txt", "/same.txt"))
        else:
            both = ("/other.txt", "/same.txt")
            assert (result.updated, result.ignored) == ((both, ()) if is_update else ((), both))
        assert result.failed_fixity == ()

    def test_sending_twice_sends_nothing_and_changes_nothing(
        self, site: Site, tmp_path: Path
    ) -> None:
        folder = staged(tmp_path, extra=self.algorithms(site))
        first, second = Supervisor(), Supervisor()
        job = job_for(folder, site.config, token=site.token)
        result = self.send(site, first, job)
        stored = dict(site.files(first.opened.container_id))
        assert self.send(site, second, job) == result
        assert second.asked == 0
        assert second.opened == first.opened
        assert dict(site.files(second.opened.container_id)) == stored

    def test_a_deposit_is_known_again_and_a_changed_file_is_found(
        self, site: Site, tmp_path: Path
    ) -> None:
        traits = self.traits(site)
        folder = staged(tmp_path, extra=self.algorithms(site))
        supervisor = Supervisor()
        self.send(site, supervisor, job_for(folder, site.config, token=site.token))
        info = finished_info(ticket_number=folder.name)
        write_receipt(TicketFolder(folder), info, now=info.updated_at)
        same = Now.SAME if traits.algorithms else Now.UNKNOWN
        assert set(self.known_again(site, folder).values()) == {same}
        if not traits.has_folders or not traits.algorithms:
            return
        identity = supervisor.opened.container_id
        other = staged(tmp_path, {"sub/b.txt": b"changed"}, extra=self.algorithms(site))
        update = job_for(
            other,
            site.config,
            token=site.token,
            resource_id=identity,
            action=DuplicateAction.UPDATE,
        )
        self.send(site, Supervisor(), update)
        assert self.known_again(site, folder) == {
            "/Project/a.txt": Now.SAME,
            "/Project/sub/b.txt": Now.CHANGED,
        }

    def known_again(self, site: Site, folder: Path) -> dict[str, Now]:
        """What the target says today of the files in a ticket's record."""
        target = self.connect(site)
        with open_record(folder / "receipt.json") as record:
            resource = record.tree["resource"]
            place = PlaceAtTarget(
                ticket=folder.name,
                resource_id=resource["id"],
                title=resource["title"],
                link=resource["link"],
                state=resource["state"],
            )
            assert record.files is not None
            found = dict(ask_again(target, place, record.files))
        target.close()
        return found

    def both_into_one(self, site: Site, tmp_path: Path) -> tuple[str, list[SendJob]]:
        """Somebody's container, and two tickets for it; each brings 20 files and `both.txt`."""
        identity = site.make("Theirs", {"keep.txt": b"keep"})
        payloads = [
            {**{f"{who}/{number}": b"x" for number in range(20)}, "both.txt": who.encode()}
            for who in BOTH
        ]
        return identity, [
            job_for(
                staged(tmp_path, payload, extra=self.algorithms(site)),
                site.config,
                token=site.token,
                resource_id=identity,
            )
            for payload in payloads
        ]

    def test_two_tickets_into_one_container_at_once_lose_nothing(
        self, site: Site, tmp_path: Path
    ) -> None:
        if not self.traits(site).has_folders:
            pytest.skip("a bag is one file of its own")
        identity, jobs = self.both_into_one(site, tmp_path)
        results = send_at_once(jobs, connect=lambda _config, _token: self.connect(site))
        assert [result.failed_fixity for result in results] == [(), ()]
        ignored = [result.ignored for result in results]
        assert sorted(ignored) == [(), ("/both.txt",)]
        stored = site.files(identity)
        assert len(stored) == 42
        assert stored["both.txt"].decode() == BOTH[ignored.index(())]

    def test_two_installations_at_one_container_are_told_what_is_there(
        self, site: Site, tmp_path: Path
    ) -> None:
        """They know nothing of each other, so no turns are taken."""
        if not self.traits(site).has_folders or not self.names_are_unique:
            pytest.skip("what both bring stands side by side")
        identity, jobs = self.both_into_one(site, tmp_path)
        with ThreadPoolExecutor(2) as pool:
            results = list(pool.map(lambda job: self.send(site, Supervisor(), job), jobs))
        stored = site.files(identity)
        assert len(stored) == 42
        theirs = BOTH.index(stored["both.txt"].decode())
        kept, lost = results[theirs], results[1 - theirs]
        assert (kept.failed_fixity, kept.ignored) == ((), ())
        is_told = "/both.txt" in (*lost.failed_fixity, *lost.ignored)
        replaced = {one.path for one in kept.warnings if one.code == "has-replaced"}
        # that it is another's by now can only be told of one that had not ended before
        assert is_told or replaced == {"/both.txt"}
        assert lost.ignored == ("/both.txt",) or replaced == {"/both.txt"}

    def test_a_bad_token_is_the_operators_to_mend(self, site: Site) -> None:
        if "unauthorized" not in self.faults:
            pytest.skip("the target has no accounts")
        target = self.connect(site, "wrong")
        with pytest.raises(UserFault) as raised:
            target.account()
        target.close()
        assert raised.value.code == "unauthorized"
        assert "wrong" not in raised.value.message

    def test_the_token_is_in_nothing_that_is_kept_or_told(self, site: Site, tmp_path: Path) -> None:
        if site.token is None:
            pytest.skip("the target has no accounts")
        folder = staged(tmp_path, {"P/a.bin": BIG, "P/b/c.txt": b"c"}, extra=self.algorithms(site))
        supervisor = Supervisor()
        result = self.send(site, supervisor, job_for(folder, site.config, token=site.token))
        target = self.connect(site)
        container = self.existing(target, supervisor.opened.container_id)
        told = [result, container, supervisor.reports, target.listing(container)]
        target.close()
        told += [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
        assert site.token not in urllib.parse.unquote(repr(told))

    @pytest.mark.parametrize(
        ("kind", "code"), [("limited", "rate-limited"), ("unavailable", "target-unavailable")]
    )
    def test_what_will_pass_is_reported_with_its_time(
        self, site: Site, target: Target, kind: str, code: str
    ) -> None:
        if kind not in self.faults:
            pytest.skip("the target has no such fault")
        container = self.new(target)
        site.fault(kind)
        with pytest.raises(TargetFault) as raised:
            self.put(site, target, container, "a.txt", b"alpha")
        assert raised.value.code == code
        assert raised.value.retryable
        if kind == "limited":
            assert raised.value.retry_after == LIMITED_SECONDS

    @pytest.mark.parametrize("kind", ["cut", "lost"])
    def test_a_connection_cut_leaves_the_outcome_open(
        self, site: Site, target: Target, kind: str
    ) -> None:
        if kind not in self.faults:
            pytest.skip("the target has no connection")
        container = self.new(target)
        site.fault(kind)
        with pytest.raises((PresqtError, OSError)) as raised:
            self.put(site, target, container, "a.bin", BIG)
        error = raised.value
        assert not isinstance(error, PresqtError) or (error.retryable and error.outcome_unknown)

    @pytest.mark.parametrize("kind", ["limited", "unavailable", "cut", "lost"])
    def test_an_upload_gets_over_a_fault_and_sends_nothing_twice(
        self, site: Site, tmp_path: Path, kind: str
    ) -> None:
        if kind not in self.faults:
            pytest.skip("the target has no such fault")
        folder = staged(tmp_path, {"P/a.bin": BIG, "P/b.txt": b"b"}, extra=self.algorithms(site))
        job = job_for(folder, site.config, token=site.token)
        supervisor = Supervisor()
        site.fault(kind)
        try:
            result = self.send(site, supervisor, job)
        except MustWait:
            result = self.send(site, supervisor, job)
        stored = site.files(supervisor.opened.container_id)
        if self.traits(site).has_folders:
            assert {"a.bin": BIG, "b.txt": b"b"}.items() <= stored.items()
        assert (result.failed_fixity, result.ignored) == ((), ())

    @pytest.mark.parametrize("is_lost", [False, True])
    @pytest.mark.parametrize("call", CALLS)
    def test_what_another_writes_meanwhile_is_never_replaced_under_ignore(
        self, site: Site, tmp_path: Path, call: str, is_lost: bool
    ) -> None:
        """Before the first or second call of each kind, with a lost answer, and with a retry."""
        if not self.traits(site).has_folders:
            pytest.skip("a zip is the only file, under a name with its digest or of its bag")
        if is_lost and "lost" not in self.faults:
            pytest.skip("the target has no connection")
        if call == "put" and not self.names_are_unique:
            pytest.skip("nothing is replaced there: both stand side by side")
        for number in (1, 2):
            identity = site.make(f"Theirs{number}", {"keep.txt": b"keep"})
            written: list[bool] = []
            calls: list[str] = []

            def write(name: str, identity: str = identity, written: list[bool] = written) -> None:
                calls.append(name)  # noqa: B023
                if name == call and calls.count(name) == number:  # noqa: B023
                    take(identity, written)
                stores = "commit" if self.traits(site).deferred else "put"
                if is_lost and name == stores and calls.count(name) == 1:  # noqa: B023
                    site.fault("lost")

            def take(identity: str, written: list[bool]) -> None:
                other = self.connect(site)
                container = self.existing(other, identity, OTHER_TICKET)
                try:
                    if PurePosixPath("a.bin") not in other.listing(container):
                        written.append(True)
                        with contextlib.suppress(PresqtError):
                            # it may be this one whose answer is lost
                            self.put(site, other, container, "a.bin", b"theirs")
                finally:
                    other.close()

            folder = staged(tmp_path, {"a.bin": BIG, "b.txt": b"b"}, extra=self.algorithms(site))
            # one after another, so that each call's place in the upload is known
            config = replace(site.config, connections=1)
            job = job_for(folder, config, token=site.token, resource_id=identity)
            for _ in range(2):
                try:
                    result = Supervisor().send(
                        job,
                        connect=lambda _config, _token, write=write: Watched(
                            self.connect(site), write
                        ),
                    )
                except MustWait:
                    continue
            stored = site.files(identity)
            assert stored["keep.txt"] == b"keep"
            if written:
                assert stored["a.bin"] == b"theirs"
                assert result.ignored_different == ("/a.bin",) or not self.traits(site).algorithms
            else:
                assert stored["a.bin"] == BIG

    @pytest.mark.parametrize("how", ["before", "after"])
    def test_what_another_writes_between_two_goes_is_never_replaced_under_ignore(
        self, site: Site, tmp_path: Path, how: str, full: bool
    ) -> None:
        """A go that ends before, or just after, any call; then others write; then a resume."""
        if not self.traits(site).has_folders:
            pytest.skip("a zip is the only file, under a name with its digest or of its bag")
        names = ("a.bin", "b.txt", "c.txt")
        for number in range(2, 12) if full else (5, 7):
            identity = site.make(f"Theirs{number}", {"keep.txt": b"keep"})
            payload = {"a.bin": BIG, "b.txt": b"bb", "c.txt": b""}
            if not self.traits(site).takes_empty_files:
                payload["c.txt"] = b"c"
            folder = staged(tmp_path, payload, extra=self.algorithms(site))
            config = replace(site.config, connections=1)
            job = job_for(folder, config, token=site.token, resource_id=identity)
            stop = Stop(number)
            with contextlib.suppress(UserFault):
                Supervisor().send(
                    job,
                    connect=lambda _config, _token, stop=stop: Watched(
                        self.connect(site),
                        stop if how == "before" else lambda _name: None,
                        stop if how == "after" else lambda _name: None,
                    ),
                )
            other = self.connect(site)
            container = self.existing(other, identity, OTHER_TICKET)
            there = set(map(str, other.listing(container)))
            free = [name for name in names if name not in there]
            # one of ours is edited, and every name that is free is taken
            for name in [*sorted(there & set(names))[:1], *free]:
                self.put(site, other, container, name, b"theirs")
            other.close()
            theirs = {
                name: text for name, text in site.files(identity).items() if text == b"theirs"
            }
            result = self.send(site, Supervisor(), job)
            assert theirs.items() <= site.files(identity).items(), (number, how)
            assert site.files(identity)["keep.txt"] == b"keep"
            if self.traits(site).algorithms:
                assert set(result.ignored_different) == {f"/{name}" for name in theirs}, number
            if stop.left > 0:
                return

    def test_a_folder_of_250_files_is_listed_whole_though_pages_lie_or_the_error_says_so(
        self, site: Site, target: Target
    ) -> None:
        if not self.traits(site).has_folders:
            pytest.skip("the files are inside a zip")
        names = {f"{number:03}.txt" for number in range(250)}
        identity = site.make("Theirs", {name: name.encode() for name in names})
        assert set(map(str, target.listing(self.existing(target, identity)))) == names
        site.lie()
        other = self.connect(site)
        why: TargetFault | None = None
        try:
            listed = set(map(str, other.listing(self.existing(other, identity))))
        except TargetFault as error:
            listed, why = names, error
        finally:
            other.close()
        assert listed == names
        assert why is None or (why.retryable and "repeats entries" in why.message)

    @pytest.mark.parametrize(
        "names",
        [
            (" a ", "b\u00a0", "\u2003c", "d e"),
            ("data.csv", "data.csv "),
            ("dir/a", "dir /a"),
            ("e\u0301", "\u00e9"),
            ("README", "readme"),
        ],
    )
    def test_odd_names_and_twins_arrive_as_declared_or_are_refused_before_anything_is_made(
        self, site: Site, tmp_path: Path, names: tuple[str, ...]
    ) -> None:
        traits = self.traits(site)
        if not traits.has_folders:
            pytest.skip("the names travel inside a zip")
        rules = traits.names
        paths = [PurePosixPath(name) for name in names]
        files = {f"P/{name}": name.encode() for name in names}
        folder = staged(tmp_path, files, extra=self.algorithms(site))
        job = job_for(folder, site.config, token=site.token)
        supervisor = Supervisor()
        whole = {part for path in paths for part in (path, path.parent)}
        if len({rules.key(path) for path in whole}) < len(whole) or any(map(rules.why_not, paths)):
            with pytest.raises(UserFault) as raised:
                self.send(site, supervisor, job)
            assert raised.value.code == "bad-request"
            assert supervisor.asked == 0
            return
        result = self.send(site, supervisor, job)
        stored = site.files(supervisor.opened.container_id)
        assert {str(rules.stored(path)): str(path).encode() for path in paths}.items() <= (
            stored.items()
        )
        assert (result.failed_fixity, result.ignored) == ((), ())
        altered = {str(path) for path in paths if rules.stored(path) != path}
        warned = {one.path for one in result.warnings if one.code == "name-altered"}
        assert warned == {f"/P/{name}" for name in altered}

    def test_an_update_whose_bytes_break_off_leaves_the_old_file(
        self, site: Site, target: Target
    ) -> None:
        identity = site.make("Theirs", {"a.bin": b"old"})
        container = self.existing(target, identity)
        old = target.listing(container)[PurePosixPath("a.bin")]

        def break_off() -> None:
            raise PayloadSpoilt

        file = sending("a.bin", BIG, self.algorithms(site), break_off)

        def update() -> None:
            target.put(container, file, old)
            target.commit(container)

        with pytest.raises(PayloadSpoilt):
            update()
        other = self.connect(site)
        item = other.stat(self.existing(other, identity), PurePosixPath("a.bin"))
        other.close()
        assert item is not None, "the old file was let go first"
        assert item.size in {None, 3}

    def test_an_update_interrupted_at_any_call_loses_nothing(
        self, site: Site, tmp_path: Path
    ) -> None:
        if not self.traits(site).has_folders:
            pytest.skip("the files are inside a zip, which has a key of its own")
        for number in range(1, 8):
            identity = site.make(f"Theirs{number}", {"a.txt": b"old", "keep.txt": b"keep"})
            folder = staged(tmp_path, {"a.txt": b"new!"}, extra=self.algorithms(site))
            job = job_for(
                folder,
                site.config,
                token=site.token,
                resource_id=identity,
                action=DuplicateAction.UPDATE,
            )
            left = [number]

            def stop(_name: str, left: list[int] = left) -> None:
                left[0] -= 1
                if left[0] == 0:
                    raise UserFault("cancelled", "Stop.")

            with contextlib.suppress(UserFault):
                Supervisor().send(
                    job,
                    connect=lambda _config, _token, stop=stop: Watched(self.connect(site), stop),
                )
            stored = site.files(identity)
            assert stored["keep.txt"] == b"keep"
            assert stored["a.txt"] in {b"old", b"new!"}
            result = self.send(site, Supervisor(), job)
            assert site.files(identity)["a.txt"] == b"new!"
            assert (result.failed_fixity, result.ignored) == ((), ())

    def test_one_file_that_the_target_does_not_take_holds_no_target(
        self, site: Site, tmp_path: Path
    ) -> None:
        """Its account's question is answered, so it is this ticket's trouble, told in words."""
        fault = TargetFault("target-unavailable", "500: poison", retryable=True)

        def poison(name: str) -> None:
            if name == "put":
                raise fault

        folder = staged(tmp_path, extra=self.algorithms(site))
        job = job_for(folder, site.config, token=site.token)
        with pytest.raises(TargetFault, match="poison"):
            Supervisor().send(
                job, connect=lambda _config, _token: Watched(self.connect(site), poison)
            )

    def test_two_ids_of_one_container_have_one_identity(self, site: Site, target: Target) -> None:
        made = self.new(target)
        again = self.existing(target, made.id)
        assert (made.identity or made.id) == (again.identity or again.id)

    def test_one_path_can_be_asked_for(self, site: Site, target: Target) -> None:
        container = self.new(target)
        path = PurePosixPath("dir/a.txt" if target.traits.has_folders else "a.txt")
        other = self.connect(site)
        assert other.stat(container, path) is None
        self.put(site, target, container, str(path), b"alpha")
        item = other.stat(container, path)
        other.close()
        assert item is not None
        assert item.size in {None, 5}
        assert (item.asked or item.path) == path
        assert target.stat(container, path.with_name("none.txt")) is None

    def test_presqts_record_of_uploads_lies_beside_the_files(
        self, site: Site, tmp_path: Path
    ) -> None:
        if site.config.type not in READABLE_NAMES:
            pytest.skip("only PresQT's targets get one")
        folder = staged(tmp_path, extra=self.algorithms(site))
        job = job_for(folder, site.config, token=site.token, uploads=UploadsConfig())
        first, second = Supervisor(), Supervisor()
        result = self.send(site, first, job)
        stored = dict(site.files(first.opened.container_id))
        document = parse_fts(stored[NAME])
        assert document is not None
        assert [action["id"] for action in document.actions] == [folder.name]
        assert METADATA_ERROR not in {warning.code for warning in result.warnings}
        assert self.send(site, second, job) == result
        assert dict(site.files(first.opened.container_id)) == stored

    def recorded(self, site: Site, tmp_path: Path, there: bytes) -> tuple[str, Mapping[str, bytes]]:
        """The ticket, and what a container with a record then holds after an upload into it."""
        if site.config.type not in READABLE_NAMES:
            pytest.skip("only PresQT's targets get one")
        identity = site.make("Theirs", {NAME: there})
        folder = staged(tmp_path, extra=self.algorithms(site))
        job = job_for(
            folder, site.config, token=site.token, resource_id=identity, uploads=UploadsConfig()
        )
        result = self.send(site, Supervisor(), job)
        assert METADATA_ERROR not in {warning.code for warning in result.warnings}
        return folder.name, site.files(identity)

    def test_a_record_that_is_there_already_is_gone_on_with(
        self, site: Site, tmp_path: Path
    ) -> None:
        there = fts_bytes(FtsMetadata(actions=(ACTION,), keywords=("rocks",)))
        ticket, stored = self.recorded(site, tmp_path, there)
        document = parse_fts(stored[NAME])
        assert document is not None
        assert [action["id"] for action in document.actions] == [ticket, OTHER_TICKET]
        assert document.keywords == ("rocks",)
        assert INVALID_NAME not in stored

    def test_an_invalid_record_is_kept_under_another_name(self, site: Site, tmp_path: Path) -> None:
        ticket, stored = self.recorded(site, tmp_path, b"not a record")
        document = parse_fts(stored[NAME])
        assert document is not None
        assert [action["id"] for action in document.actions] == [ticket]
        assert stored[INVALID_NAME] == b"not a record"

    def test_a_small_file_can_be_read_back(self, site: Site, target: Target) -> None:
        if not isinstance(target, CanFetch):
            pytest.skip("the target is not read")
        container = self.existing(target, site.make("Theirs", {"a.txt": b"theirs"}))
        item = target.listing(container)[PurePosixPath("a.txt")]
        assert target.fetch(container, item, 6) == b"theirs"
        assert target.fetch(container, item, 5) is None

    def test_only_what_is_new_can_be_discarded(self, site: Site, target: Target) -> None:
        if not isinstance(target, CanDiscard):
            pytest.skip("the target does not let go of anything")
        theirs = site.make("Theirs", {"a.txt": b"theirs"})
        assert not target.discard(self.existing(target, theirs))
        assert site.files(theirs) == {"a.txt": b"theirs"}
        container = self.new(target, "A trial")
        self.put(site, target, container, "a.txt", b"alpha")
        assert target.discard(container)
        assert "A trial" not in target.titles()
        assert target.discard(container) in {True, False}
        assert site.files(theirs) == {"a.txt": b"theirs"}

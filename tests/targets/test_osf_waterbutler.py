"""What a real WaterButler does to names, puts and refusals, and what comes of it here."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import cast

import pytest

from presqt_daemon.config import TargetConfig
from presqt_daemon.errors import PresqtError, TargetFault, UserFault
from presqt_daemon.model import UploadResult
from presqt_daemon.targets.base import Container, ContainerRequest, Sending, Target, connect
from tests.fakes.osf import TOKEN, OsfFake, stored_name
from tests.fakes.server import Reply, Request, Seen
from tests.targets.conformance import TICKET, Watched, sending
from tests.targets.waiting import wait_until
from tests.upload.tickets import Supervisor, job_for, staged

STRIPPED = [" x", "x ", "\u00a0x", "x\u3000", "x\u2028", "\tx\n", "\x01x", "x\x1f", "\x85x"]


@pytest.fixture
def fake() -> Iterator[OsfFake]:
    with OsfFake() as fake:
        yield fake


@pytest.fixture
def config(fake: OsfFake) -> TargetConfig:
    return TargetConfig(name="osf", type="osf", url=fake.api)


@pytest.fixture
def target(config: TargetConfig) -> Iterator[Target]:
    target = connect(config, TOKEN)
    yield target
    target.close()


@pytest.fixture
def container(target: Target) -> Container:
    return target.container(ContainerRequest(ticket=TICKET, resource_id=None, title="Project"))


def opened(target: Target, resource_id: str) -> Container:
    return target.container(ContainerRequest(ticket=TICKET, resource_id=resource_id, title="x"))


def file(name: str, content: bytes) -> Sending:
    return sending(name, content, ("sha256", "md5"))


def path(name: str) -> PurePosixPath:
    return PurePosixPath(name)


@pytest.mark.parametrize("name", [*STRIPPED, "a\x02b", "\u200bx"])
def test_the_answer_says_the_name_that_was_stored_and_so_does_the_rule(
    fake: OsfFake, target: Target, container: Container, name: str
) -> None:
    item = target.put(container, file(name, b"alpha"), None)
    assert list(fake.tree(container.id)) == [str(item.path)]
    assert item.path == target.traits.names.stored(path(name))
    target.make_folder(container, path(f"d{name}"))
    assert str(target.traits.names.stored(path(f"d{name}"))) in fake.tree(container.id)


@pytest.mark.parametrize("name", [" ", "\u3000", "\x01", "\t"])
def test_a_name_of_white_space_is_a_500_each_time_and_forbidden_by_the_rule(
    target: Target, container: Container, name: str
) -> None:
    for _ in range(3):
        with pytest.raises(TargetFault) as raised:
            target.put(container, file(name, b"alpha"), None)
        assert raised.value.code == "target-unavailable"
    assert target.traits.names.why_not(path(name)) is not None


def test_names_that_differ_by_a_blank_are_one_by_the_rule() -> None:
    rules = connect(TargetConfig(name="o", type="osf", url="http://127.0.0.1"), "t").traits.names
    assert {rules.key(path(f"P/{name}")) for name in STRIPPED} == {path("P/x")}
    assert all(str(rules.stored(path(name))) == stored_name(name) for name in STRIPPED)


def test_a_folder_is_stripped_as_a_file_is_and_what_lies_in_it_says_so(
    fake: OsfFake, target: Target, container: Container
) -> None:
    target.make_folder(container, path("dir "))
    item = target.put(container, file("dir/a.txt", b"alpha"), None)
    assert item.path == path("dir/a.txt")
    assert list(fake.tree(container.id)) == ["dir", "dir/a.txt"]


def test_a_bag_with_two_names_that_are_one_is_refused_before_anything_is_made(
    fake: OsfFake, config: TargetConfig, tmp_path: Path
) -> None:
    for one, other in (("data.csv", "data.csv "), ("dir/a", "dir /a"), ("a", "\u3000a")):
        payload = {f"P/{one}": b"one", f"P/{other}": b"two"}
        folder = staged(tmp_path, payload, extra=("sha256",))
        with pytest.raises(UserFault) as raised:
            Supervisor().send(job_for(folder, config, token=TOKEN))
        assert raised.value.code == "bad-request"
    assert not fake.nodes
    assert fake.count("PUT") == fake.count("POST") == 0


def test_a_name_with_a_blank_is_verified_under_the_name_that_was_stored(
    fake: OsfFake, config: TargetConfig, tmp_path: Path
) -> None:
    payload = {"P/data.csv ": b"one", "P/ dir/\u00a0a": b"two"}
    folder = staged(tmp_path, payload, extra=("sha256",))
    supervisor = Supervisor()
    result = supervisor.send(job_for(folder, config, token=TOKEN))
    assert (result.failed_fixity, result.unverified_fixity) == ((), ())
    assert set(fake.tree(supervisor.opened.container_id)) == {"data.csv", "dir", "dir/a"}
    assert any("data.csv" in warning.message for warning in result.warnings)


def test_two_puts_of_one_name_are_never_under_way_together(
    fake: OsfFake, target: Target, container: Container
) -> None:
    errors: list[BaseException] = []

    def put_second() -> None:
        try:
            target.put(container, file("a.txt", b"two"), None)
        except FileExistsError as error:
            errors.append(error)

    second = threading.Thread(target=put_second)

    def meanwhile() -> None:
        wait_until(lambda: fake.looked_up == 1)
        second.start()
        # it must wait for the first to end, so this waits in vain
        second.join(0.5)

    item = target.put(container, sending("a.txt", b"one" * 300_000, ("md5",), meanwhile), None)
    second.join()
    assert len(errors) == 1
    assert not item.has_replaced
    assert [entity.versions for entity in fake.entities.values()] == [1]


@pytest.mark.parametrize(
    ("theirs", "has_replaced", "versions"), [(b"theirs", True, 2), (b"ours" * 300_000, False, 1)]
)
def test_what_came_while_a_body_was_sent_is_replaced_and_told(
    fake: OsfFake,
    config: TargetConfig,
    target: Target,
    container: Container,
    theirs: bytes,
    has_replaced: bool,
    versions: int,
) -> None:
    other = connect(config, TOKEN)

    def meanwhile() -> None:
        wait_until(lambda: fake.looked_up == 1)
        assert not other.put(container, file("a.txt", theirs), None).has_replaced

    ours = sending("a.txt", b"ours" * 300_000, ("sha256",), meanwhile)
    item = target.put(container, ours, None)
    other.close()
    assert item.has_replaced is has_replaced
    assert [entity.versions for entity in fake.entities.values()] == [versions]


def test_of_two_installations_that_send_one_name_at_once_each_is_told_what_is_there(
    fake: OsfFake, config: TargetConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = fake.new_node("Theirs").id
    both_have_looked = threading.Barrier(2)

    def between(seen: Seen) -> None:
        if seen.query.get("name") == "both.txt":
            both_have_looked.wait(60)

    def after(name: str) -> None:
        if name == "put":
            wait_until(lambda: [one.versions for one in fake.entities.values()] == [2])

    def send(who: str) -> UploadResult:
        folder = staged(tmp_path, {"both.txt": who.encode()}, extra=("sha256",))
        job = job_for(folder, config, token=TOKEN, resource_id=node)
        return Supervisor().send(
            job,
            connect=lambda of, token: cast(
                "Target", Watched(connect(of, token), before=lambda _name: None, after=after)
            ),
        )

    monkeypatch.setattr(fake, "between", between)
    with ThreadPoolExecutor(2) as pool:
        results = dict(zip(("one", "two"), pool.map(send, ("one", "two")), strict=True))
    kept = results.pop(fake.tree(node)["both.txt"].kept.decode())  # type: ignore[union-attr]
    (lost,) = results.values()
    assert (kept.failed_fixity, kept.ignored) == ((), ())
    assert [(one.code, one.path) for one in kept.warnings] == [("has-replaced", "/both.txt")]
    assert (lost.failed_fixity, lost.ignored) == (("/both.txt",), ())
    assert [(one.code, one.path) for one in lost.warnings] == [
        ("changed-at-the-target", "/both.txt")
    ]


def test_a_409_tells_no_code_and_is_a_taken_name(
    fake: OsfFake, target: Target, container: Container
) -> None:
    fake.new_entity(container.id, "file", "a.txt", "", b"theirs")
    with pytest.raises(FileExistsError):
        target.put(container, file("a.txt", b"ours"), None)
    assert fake.tree(container.id)["a.txt"].kept == b"theirs"  # type: ignore[union-attr]


def test_a_put_over_a_file_with_equal_bytes_makes_no_version(
    fake: OsfFake, target: Target, container: Container
) -> None:
    there = fake.new_entity(container.id, "file", "a.txt", "", b"same")
    item = target.stat(container, path("a.txt"))
    again = target.put(container, file("a.txt", b"same"), item)
    assert (there.versions, again.has_replaced) == (1, False)
    target.put(container, file("a.txt", b"other"), item)
    assert there.versions == 2


def test_a_file_that_somebody_has_checked_out_is_told_in_osfs_words(
    fake: OsfFake, target: Target, container: Container
) -> None:
    there = fake.new_entity(container.id, "file", "a.txt", "", b"theirs")
    there.checkout = "abcde"
    with pytest.raises(UserFault) as raised:
        target.put(container, file("a.txt", b"ours"), target.stat(container, path("a.txt")))
    assert raised.value.code == "forbidden"
    assert "Forbidden: This file is checked out: its checkout status" in raised.value.message


def test_a_refused_token_is_told_in_waterbutlers_words_without_its_markup(
    fake: OsfFake, target: Target, container: Container
) -> None:
    fake.token = "another-token"
    with pytest.raises(UserFault) as raised:
        target.put(container, file("a.txt", b"ours"), None)
    assert raised.value.code == "unauthorized"
    assert "Unauthorized: You must log in." in raised.value.message


def test_a_limit_of_no_seconds_is_waited_for_and_not_asked_in_a_loop(
    fake: OsfFake, config: TargetConfig, tmp_path: Path
) -> None:
    fake.limits = [0, 0, 0]
    supervisor = Supervisor()
    folder = staged(tmp_path, {"Project/a.txt": b"alpha"}, extra=("sha256",))
    result = supervisor.send(job_for(folder, config, token=TOKEN))
    assert result.failed_fixity == ()
    assert sum(supervisor.slept) >= 2.9
    assert fake.count("PUT") == 4


def test_a_limit_says_what_it_is_before_the_body_is_read(
    fake: OsfFake, target: Target, container: Container
) -> None:
    fake.limits = [7]
    with pytest.raises(TargetFault) as raised:
        target.put(container, file("a.txt", b"x" * 5_000_000), None)
    assert (raised.value.code, raised.value.retry_after) == ("rate-limited", 7.0)
    assert "too many requests" in raised.value.message


def test_a_full_storage_is_told_in_osfs_words(
    fake: OsfFake, target: Target, container: Container
) -> None:
    fake.quota = 3
    with pytest.raises(TargetFault) as raised:
        target.put(container, file("a.txt", b"alpha"), None)
    assert raised.value.code == "target-full"
    assert "Storage limit reached: The storage quota would be exceeded." in raised.value.message


def test_a_body_over_the_limit_gets_a_bare_400_which_is_told_as_that(
    fake: OsfFake, target: Target, container: Container
) -> None:
    fake.most_bytes = 4
    with pytest.raises(PresqtError) as raised:
        target.put(container, file("a.txt", b"alpha"), None)
    assert raised.value.code == "too-large"
    assert "5 bytes" in raised.value.message
    assert not fake.tree(container.id)


def test_a_400_with_words_is_told_in_them(target: Target, container: Container) -> None:
    item = target.put(container, file("a.txt", b"alpha"), None)
    odd = f"{item.state['upload']}&name=b"
    with pytest.raises(TargetFault, match="doesn't apply to actions on files"):
        target.put(
            container,
            file("a.txt", b"alpha"),
            type(item)(path=item.path, state={"upload": odd}),
        )


def test_a_folder_of_250_files_is_listed_whole_though_unsorted_pages_lie(
    fake: OsfFake, target: Target
) -> None:
    fake.page = 10
    node = fake.new_node("Theirs").id
    names = {f"{number:03}.txt" for number in range(250)}
    for name in names:
        fake.new_entity(node, "file", name, "", b"x")
    assert set(map(str, target.listing(opened(target, node)))) == names
    lists = fake.seen("GET", "/v2/")
    assert all("sort=" in seen.target for seen in lists if "/files/" in seen.target)


def test_pages_that_repeat_entries_although_they_are_sorted_are_not_believed(
    fake: OsfFake, target: Target
) -> None:
    fake.page, fake.ignores_order = 10, True
    node = fake.new_node("Theirs").id
    names = {f"{number:03}.txt" for number in range(250)}
    for name in names:
        fake.new_entity(node, "file", name, "", b"x")
    listing = target.listing(opened(target, node))
    assert set(map(str, listing)) == names
    assert all(item.digests for item in listing.values())
    assert fake.count("GET", "/v1/") == 1


def test_a_list_that_lacks_what_it_counts_is_not_believed(fake: OsfFake, target: Target) -> None:
    fake.page = 10
    node = fake.new_node("Theirs").id
    names = {f"{number:03}.txt" for number in range(25)}
    for name in names:
        fake.new_entity(node, "file", name, "", b"x")
    container = opened(target, node)
    fake.loses = 1
    assert set(map(str, target.listing(container))) == names


def test_titles_on_pages_that_repeat_entries_are_asked_for_again_and_then_refused(
    fake: OsfFake, target: Target
) -> None:
    fake.ignores_order = True
    for number in range(7):
        fake.new_node(f"Title {number}")
    with pytest.raises(TargetFault) as raised:
        target.titles()
    assert (raised.value.code, raised.value.retryable) == ("target-unavailable", True)
    assert "repeats entries" in raised.value.message


def test_one_file_is_looked_up_by_one_request_for_its_folder(
    fake: OsfFake, config: TargetConfig, target: Target, container: Container
) -> None:
    for number in range(60):
        target.make_folder(container, path(f"{number}"))
        target.put(container, file(f"{number}/a.txt", b"alpha"), None)
    before = len(fake.requests)
    item = target.stat(container, path("7/a.txt"))
    assert item is not None
    assert set(item.digests) == {"md5", "sha256"}
    assert target.stat(container, path("8/b.txt")) is None
    assert len(fake.requests) - before == 2
    other = connect(config, TOKEN)
    before = len(fake.requests)
    assert other.stat(container, path("7/a.txt")) == item
    assert other.stat(container, path("nowhere/a.txt")) is None
    assert len(fake.requests) - before == 3
    other.close()


def test_what_stands_in_a_folder_that_somebody_removed_is_nothing(
    fake: OsfFake, target: Target, container: Container
) -> None:
    target.make_folder(container, path("dir"))
    fake.entities.clear()
    assert target.stat(container, path("dir/a.txt")) is None
    fake.new_entity(container.id, "folder", "dir")
    target.put(container, file("dir/a.txt", b"alpha"), None)
    assert "dir/a.txt" in fake.tree(container.id)


class Restarting(OsfFake):
    """A WaterButler that is started anew once, in the middle of the puts."""

    down_at = 150
    lost = 0

    def before(self, request: Request) -> Reply | None:
        is_down = self.down_at <= self.count("PUT", "kind=file") and self.lost < 8
        if request.path.startswith("/v1/") and is_down:
            self.lost += 1
            return Reply(status=503, tree={"message": "starting"})
        return super().before(request)


def test_a_restart_under_300_files_in_60_folders_costs_a_handful_of_lists(
    tmp_path: Path,
) -> None:
    payload = {f"P/d{number % 60}/{number}.txt": b"%d" % number for number in range(300)}
    with Restarting(page=100) as fake:
        config = TargetConfig(name="osf", type="osf", url=fake.api)
        folder = staged(tmp_path, payload, extra=("sha256",))
        result = Supervisor().send(job_for(folder, config, token=TOKEN))
        assert result.failed_fixity == ()
        assert fake.lost == 8
        whole = [seen for seen in fake.seen("GET") if "/files/osfstorage/" in seen.target]
        single = fake.count("GET", "/v1/")
        # the list before and the one after all puts have one request a folder each
        assert len(whole) <= 2 * 61
        assert single <= 20


def test_a_put_waits_for_no_put_of_another_name(
    fake: OsfFake, target: Target, container: Container
) -> None:
    fake.fault("hang", "PUT", "slow.txt")

    def put_slow() -> None:
        with pytest.raises(PresqtError):
            target.put(container, file("slow.txt", b"x"), None)

    slow = threading.Thread(target=put_slow)
    slow.start()
    wait_until(lambda: fake.count("PUT", "slow.txt"))
    target.put(container, file("fast.txt", b"alpha"), None)
    assert "fast.txt" in fake.tree(container.id)
    fake.released.set()
    slow.join()


@pytest.mark.parametrize("form", ["{node}", "{node}:osfstorage", "{folder}"])
def test_every_id_of_a_place_says_that_it_is_the_same_place(
    fake: OsfFake, target: Target, form: str
) -> None:
    node = fake.new_node("Theirs").id
    folder = fake.new_entity(node, "folder", "dir")
    container = opened(target, form.format(node=node, folder=folder.id))
    assert container.identity == node
    item = target.put(container, file("a.txt", b"alpha"), None)
    assert item.path == path("a.txt")


@pytest.mark.parametrize("title", ["A / B", "x" * 512, "\u00fc" * 512])
def test_osf_takes_titles_of_512_characters_and_with_a_slash(
    fake: OsfFake, target: Target, title: str
) -> None:
    container = target.container(ContainerRequest(ticket=TICKET, resource_id=None, title=title))
    assert container.title == title
    assert fake.nodes[container.id].title == title


def test_a_title_of_512_characters_can_be_taken_three_times(
    fake: OsfFake, config: TargetConfig, tmp_path: Path
) -> None:
    title = "x" * 512
    for number in range(3):
        folder = staged(tmp_path / str(number))
        Supervisor().send(job_for(folder, config, title=title, token=TOKEN))
    assert sorted(node.title for node in fake.nodes.values()) == sorted(
        [title, f"{'x' * 502} (PresQT1)", f"{'x' * 502} (PresQT2)"]
    )


def test_a_title_of_the_metadata_stands_before_the_description(
    fake: OsfFake, target: Target
) -> None:
    fields = {"described_title": "A Study", "description": "About it"}
    container = target.container(
        ContainerRequest(ticket=TICKET, resource_id=None, title="Project", fields=fields)
    )
    assert fake.nodes[container.id].attributes["description"] == "A Study\n\nAbout it"

"""The OSF adapter against a fake OSF: the suite of all adapters, and what is OSF's own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import ClassVar

import pytest

from presqt_daemon.config import TargetConfig
from presqt_daemon.errors import TargetFault, UserFault
from presqt_daemon.model import DuplicateAction, UploadResult
from presqt_daemon.targets.base import Container, ContainerRequest, Sending, Target, connect
from presqt_daemon.targets.left_out import MARK, UNDESCRIBED
from tests.fakes.contract import Contract
from tests.fakes.osf import TOKEN, OsfFake
from tests.fakes.server import Content
from tests.targets.conformance import TICKET, Conformance, Site, sending
from tests.targets.large_files import MOST_MEMORY, staged_sparse
from tests.targets.sender import Job
from tests.targets.turns import send_at_once
from tests.targets.waiting import wait_until
from tests.upload.tickets import Supervisor, job_for, staged

NOT_IN_IT = (r"GET /users/me/", r"GET /files/", r"GET /guids/", r"GET /nodes/[^/]+/contributors/")
"""The document knows no users, guids and contributors, and calls the API's single file a list."""

UNCHECKED = (400, 403, 404, 410, 429, 503)
"""Refusals are not in the document."""

UNLIKE = (r"GET /nodes/[^/]+/files/osfstorage/[0-9a-f]+/(\?.*)? -> 200",)
"""The document knows one answer for a file and for a folder, that of a file."""

WITHOUT = ("relationships",)
"""Texts in the document, and objects at OSF."""


@dataclass
class OsfSite:
    """The fake, as its owner sees it."""

    fake: OsfFake
    config: TargetConfig
    token: str | None = TOKEN

    def files(self, container_id: str) -> Mapping[str, bytes]:
        entity = self.fake.entities.get(container_id)
        node, below = (entity.node, entity.id) if entity else (container_id.partition(":")[0], "")
        tree = self.fake.tree(node, below)
        return {
            name: content.kept
            for name, content in tree.items()
            if content is not None and content.kept is not None
        }

    def make(self, title: str, files: Mapping[str, bytes]) -> str:
        node = self.fake.new_node(title)
        for name, content in files.items():
            self.fake.new_entity(node.id, "file", name, "", content)
        return node.id

    def file_id(self, container_id: str, path: str) -> str:
        return next(
            entity.id
            for entity in self.fake.entities.values()
            if (entity.node, entity.name) == (container_id, path)
        )

    def lie(self) -> None:
        self.fake.ignores_order, self.fake.page = True, 10

    def spoil(self, path: str) -> None:
        self.fake.fault("spoil", part=f"name={path}")

    def fault(self, kind: str) -> None:
        how = {"limited": "status 429 7", "unavailable": "status 503", "lost": "swallow"}
        self.fake.fault(how.get(kind, kind), "PUT", "kind=file")


def contract_of(fake: OsfFake) -> Contract:
    return Contract(
        "osf-upload.json",
        fake.api,
        undescribed=NOT_IN_IT,
        unchecked=UNCHECKED,
        unlike=UNLIKE,
        without=WITHOUT,
    )


@pytest.fixture
def fake() -> Iterator[OsfFake]:
    with OsfFake() as fake, contract_of(fake):
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


def request_for(resource_id: str) -> ContainerRequest:
    return ContainerRequest(ticket=TICKET, resource_id=resource_id, title="Project")


def file(name: str, content: bytes) -> Sending:
    return sending(name, content, ("sha256", "md5"))


class TestOsf(Conformance):
    faults: ClassVar[frozenset[str]] = frozenset(
        {"limited", "unavailable", "cut", "lost", "unauthorized"}
    )

    titles_are_unique = False
    """OSF takes any title, so whoever creates takes turns."""

    @pytest.fixture
    def site(self, fake: OsfFake, config: TargetConfig) -> OsfSite:
        return OsfSite(fake, config)

    def test_two_tickets_of_one_title_get_two_containers(self, site: Site, tmp_path: Path) -> None:
        send_at_once(job_for(staged(tmp_path), site.config, token=TOKEN) for _ in range(2))
        target = self.connect(site)
        assert sorted(target.titles()) == ["Project", "Project (PresQT1)"]
        target.close()


def test_a_new_project_is_private_and_carries_the_ticket(fake: OsfFake, target: Target) -> None:
    fields = {"description": "About it", "keywords": ["rocks"]}
    container = target.container(
        ContainerRequest(ticket=TICKET, resource_id=None, title="Project", fields=fields)
    )
    node = fake.nodes[container.id]
    assert node.attributes["public"] is False
    assert node.attributes["tags"] == ["rocks", MARK + TICKET]
    assert node.attributes["description"] == "About it"
    assert container.link == f"https://osf.io/{node.id}/"


def test_a_project_is_public_only_where_that_is_configured(
    fake: OsfFake, config: TargetConfig
) -> None:
    target = connect(replace(config, visibility="public"), TOKEN)
    container = target.container(ContainerRequest(ticket=TICKET, resource_id=None, title="P"))
    target.close()
    assert fake.nodes[container.id].attributes["public"] is True


def test_titles_are_those_of_top_level_projects_on_all_pages(fake: OsfFake, target: Target) -> None:
    nodes = [fake.new_node(f"Title {number}") for number in range(7)]
    fake.new_node("A component", parent=nodes[0].id)
    assert sorted(target.titles()) == [f"Title {number}" for number in range(7)]
    assert fake.count("GET", "page=3") == 1


def test_a_listing_has_every_page_of_every_folder(fake: OsfFake, target: Target) -> None:
    node = fake.new_node("Theirs").id
    folder = fake.new_entity(node, "folder", "dir")
    inner = fake.new_entity(node, "folder", "inner", folder.id)
    for number in range(7):
        fake.new_entity(node, "file", f"{number}.txt", inner.id, b"x")
    listing = target.listing(target.container(request_for(node)))
    assert sorted(map(str, listing)) == [
        "dir", "dir/inner", *(f"dir/inner/{number}.txt" for number in range(7))
    ]  # fmt: skip
    assert set(listing[PurePosixPath("dir/inner/0.txt")].digests) == {"md5", "sha256"}


def test_a_folder_that_holds_itself_under_ever_new_addresses_ends_as_misbehaved(
    fake: OsfFake, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("presqt_daemon.targets.web.pages.MAX_DEPTH", 30)
    node = fake.new_node("Theirs").id
    last = ""
    for _ in range(40):
        args = (node, "folder", "again", last) if last else (node, "folder", "again")
        last = fake.new_entity(*args).id
    container = target.container(request_for(node))
    with pytest.raises(TargetFault) as caught:
        target.listing(container)
    assert caught.value.code == "target-misbehaved"
    assert "without end" in caught.value.message
    assert fake.count("GET", "/files/osfstorage/") < 40


def test_a_folder_that_is_there_is_used_though_nothing_is_told_of_it(
    fake: OsfFake, config: TargetConfig, target: Target, container: Container
) -> None:
    path = PurePosixPath("dir")
    target.make_folder(container, path)
    other = connect(config, TOKEN)
    before = len(fake.requests)
    other.make_folder(container, path)
    other.put(container, file("dir/a.txt", b"alpha"), None)
    other.close()
    asked = [(seen.method, "dir" in seen.target) for seen in fake.requests[before:]]
    assert asked == [("PUT", True), ("GET", False), ("PUT", False)]
    assert list(fake.tree(container.id)) == ["dir", "dir/a.txt"]


def test_a_new_connection_finds_the_folders_by_itself(
    fake: OsfFake, config: TargetConfig, target: Target, container: Container
) -> None:
    for name in ("dir", "dir/inner", "dir/other", "other"):
        target.make_folder(container, PurePosixPath(name))
    other = connect(config, TOKEN)
    other.put(container, file("dir/inner/a.txt", b"alpha"), None)
    other.close()
    assert "dir/inner/a.txt" in fake.tree(container.id)


@pytest.mark.parametrize("kinds", [("folder", "file"), ("file", "folder")])
def test_a_file_and_a_folder_may_share_a_name(
    fake: OsfFake, target: Target, kinds: tuple[str, str]
) -> None:
    node = fake.new_node("Theirs").id
    both = {kind: fake.new_entity(node, kind, "both") for kind in kinds}
    fake.new_entity(node, "file", "a.txt", both["folder"].id, b"alpha")
    listing = target.listing(target.container(request_for(node)))
    assert not listing[PurePosixPath("both")].is_folder
    assert listing[PurePosixPath("both/a.txt")].size == 5


@pytest.mark.parametrize("theirs", ["file", "folder"])
def test_a_bag_goes_beside_a_file_or_folder_of_its_name(
    fake: OsfFake, config: TargetConfig, tmp_path: Path, theirs: str
) -> None:
    node = fake.new_node("Theirs").id
    there = fake.new_entity(node, theirs, "both", "", b"theirs" if theirs == "file" else None)
    payload = {"both/a.txt": b"ours"} if theirs == "file" else {"both": b"ours"}
    folder = staged(tmp_path, payload, extra=("sha256",))
    result = Supervisor().send(job_for(folder, config, token=TOKEN, resource_id=node))
    assert (result.failed_fixity, result.ignored) == ((), ())
    kinds = sorted(one.kind for one in fake.entities.values() if one.name == "both")
    assert kinds == ["file", "folder"]
    assert there.id in fake.entities
    assert there.content is None or there.content.kept == b"theirs"


def test_an_update_is_a_new_version_of_the_same_file(fake: OsfFake, target: Target) -> None:
    node = fake.new_node("Theirs").id
    theirs = fake.new_entity(node, "file", "a.txt", "", b"theirs")
    container = target.container(request_for(node))
    item = target.listing(container)[PurePosixPath("a.txt")]
    target.put(container, file("a.txt", b"ours"), item)
    assert theirs.versions == 2
    assert fake.tree(node)["a.txt"] is theirs.content
    assert "name" not in fake.seen("PUT")[-1].query


def test_every_upload_says_its_length_and_an_empty_one_too(
    fake: OsfFake, target: Target, container: Container
) -> None:
    target.put(container, file("empty.txt", b""), None)
    target.put(container, file("a.txt", b"alpha"), None)
    assert [seen.size for seen in fake.seen("PUT")] == [0, 5]
    assert all(seen.headers["Transfer-Encoding"] is None for seen in fake.requests)


def test_a_folder_and_a_storage_are_containers_too(fake: OsfFake, target: Target) -> None:
    node = fake.new_node("Theirs").id
    folder = fake.new_entity(node, "folder", "dir")
    for resource_id in (f"{node}:osfstorage", folder.id):
        container = target.container(request_for(resource_id))
        target.put(container, file("a.txt", b"alpha"), None)
        assert container.link == f"https://osf.io/{node}/"
        assert not container.is_new
    assert set(fake.tree(node)) == {"a.txt", "dir", "dir/a.txt"}


@pytest.mark.parametrize("bad", ["nope1", "nope1:osfstorage", "..", "a/b", "a?b", ":", "x:"])
def test_what_is_not_there_is_said_in_presqts_words(target: Target, bad: str) -> None:
    with pytest.raises(UserFault) as raised:
        target.container(request_for(bad))
    assert raised.value.code == "resource-not-found"
    assert raised.value.message == f"Resource with id '{bad}' not found for this user."


def test_a_storage_that_the_project_has_not_is_said(fake: OsfFake, target: Target) -> None:
    node = fake.new_node("Theirs").id
    with pytest.raises(UserFault, match="has no storage provider 'figshare'") as raised:
        target.container(request_for(f"{node}:figshare"))
    assert raised.value.status_code == 404


def test_a_file_is_refused_in_presqts_words(fake: OsfFake, target: Target) -> None:
    there = fake.new_entity(fake.new_node("Theirs").id, "file", "a.txt", "", b"x")
    with pytest.raises(UserFault) as raised:
        target.container(request_for(there.id))
    assert raised.value.message == f"The Resource provided, {there.id}, is not a container"
    assert raised.value.status_code == 400


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (403, "User does not have access to this resource with the token provided."),
        (410, "The requested resource is no longer available."),
    ],
)
def test_what_is_closed_or_gone_is_said_in_presqts_words(
    fake: OsfFake, target: Target, status: int, words: str
) -> None:
    node = fake.new_node("Theirs", status=status)
    with pytest.raises(UserFault) as raised:
        target.container(request_for(node.id))
    assert (raised.value.status_code, raised.value.message) == (status, words)


def test_the_storage_of_a_new_project_may_come_late(
    fake: OsfFake, config: TargetConfig, tmp_path: Path
) -> None:
    fake.fault("status 404", "GET", "/files/?", times=2)
    fake.fault("status 404", "PUT", "a.txt", times=2)
    supervisor = Supervisor()
    result = send(supervisor, config, tmp_path)
    assert result.failed_fixity == ()
    assert len(fake.nodes) == 1
    assert sorted(fake.tree(supervisor.opened.container_id)) == ["a.txt", "sub", "sub/b.txt"]


def test_a_project_deleted_meanwhile_is_not_waited_for_without_end(
    fake: OsfFake, target: Target, container: Container
) -> None:
    fake.nodes.clear()
    codes = []
    for _ in range(11):
        with pytest.raises((TargetFault, UserFault)) as raised:
            target.put(container, file("a.txt", b"alpha"), None)
        codes.append(raised.value.code)
    assert codes[0] == "target-unavailable"
    assert codes[-1] == "target-refused"
    assert "Somebody may have removed it there." in raised.value.message


def test_a_lost_answer_to_the_creation_makes_no_second_project(
    fake: OsfFake, config: TargetConfig, tmp_path: Path
) -> None:
    fake.fault("swallow", "POST", "/nodes/")
    result = send(Supervisor(), config, tmp_path)
    assert result.failed_fixity == ()
    assert [node.title for node in fake.nodes.values()] == ["Project"]


def test_a_full_project_is_not_tried_again(
    fake: OsfFake, config: TargetConfig, tmp_path: Path
) -> None:
    fake.quota = 6
    with pytest.raises(TargetFault) as raised:
        send(Supervisor(), config, tmp_path)
    assert raised.value.code == "target-full"
    assert not raised.value.retryable
    assert fake.count("PUT", "kind=file") == 2


@pytest.mark.parametrize(("times", "failed"), [(1, ()), (2, ("/Project/a.txt",))])
def test_a_spoilt_file_is_sent_once_more(
    fake: OsfFake, config: TargetConfig, tmp_path: Path, times: int, failed: tuple[str, ...]
) -> None:
    fake.fault("spoil", "PUT", "kind=file", times=times)
    supervisor = Supervisor()
    result = send(supervisor, config, tmp_path, {"Project/a.txt": b"alpha"})
    assert result.failed_fixity == failed
    assert fake.count("PUT", "kind=file") == 2


def test_the_wait_that_osf_asks_for_is_kept(
    fake: OsfFake, config: TargetConfig, tmp_path: Path
) -> None:
    fake.fault("status 429 7", "PUT", "kind=file")
    supervisor = Supervisor()
    send(supervisor, config, tmp_path, {"Project/a.txt": b"alpha"})
    assert sum(supervisor.slept) >= 6.9


def test_no_request_names_the_token_and_every_address_is_canonical(
    fake: OsfFake, config: TargetConfig, tmp_path: Path
) -> None:
    send(Supervisor(), config, tmp_path)
    assert not any(TOKEN in seen.target for seen in fake.requests)
    assert all(seen.path.endswith("/") for seen in fake.seen(part="/v2/"))


def test_two_uploads_of_one_title_one_after_another_are_numbered(
    fake: OsfFake, config: TargetConfig, tmp_path: Path
) -> None:
    for _ in range(3):
        send(Supervisor(), config, tmp_path)
    titles = [node.title for node in fake.nodes.values()]
    assert titles == ["Project", "Project (PresQT1)", "Project (PresQT2)"]


@pytest.mark.parametrize("point", ["GET /files/", "PUT name=sub", "PUT c.txt"])
def test_a_killed_upload_goes_on_where_it_was(
    fake: OsfFake, config: TargetConfig, tmp_path: Path, point: str
) -> None:
    method, part = point.split()
    payload = {f"Project/sub/{name}.txt": name.encode() * 99 for name in "abcdef"}
    folder = staged(tmp_path, payload, extra=("sha256",))
    fake.fault("hang", method, part)
    job = Job(folder=str(folder), type="osf", url=fake.api, token=TOKEN)
    with job.start() as process:
        wait_until(lambda: fake.running and fake.count(method, part))
        if part == "c.txt":
            wait_until(lambda: sum(content is not None for content in tree_of(fake).values()) == 5)
        process.kill()
    assert job.run()["failed"] == []
    assert len(fake.nodes) == 1
    assert set(tree_of(fake)) == {"sub", *(f"sub/{name}.txt" for name in "abcdef")}
    sent = [fake.count("PUT", f"name={name}.txt") for name in "abcdef"]
    assert sent == [1, 1, 2 if part == "c.txt" else 1, 1, 1, 1]


def test_a_large_file_takes_little_memory(fake: OsfFake, tmp_path: Path, full: bool) -> None:
    size = 1 << 30 if full else 200 << 20
    folder = staged_sparse(tmp_path, size, ("sha256",))
    done = Job(folder=str(folder), type="osf", url=fake.api, token=TOKEN).run()
    stored = tree_of(fake)["large.bin"]
    assert stored is not None
    assert (stored.size, done["failed"]) == (size, [])
    assert done["memory"] < MOST_MEMORY


def test_an_independent_client_works_with_the_fake(fake: OsfFake, tmp_path: Path) -> None:
    """What osfclient writes the adapter lists, and the other way round."""
    osfclient = pytest.importorskip("osfclient")
    osf = osfclient.OSF(token=TOKEN)
    osf.session.base_url = fake.api
    # it waits until a second has passed since this moment
    never = property(lambda _session: None, lambda _session, _moment: None)
    kind = type(osf.session)
    osf.session.__class__ = type("Unpaced", (kind,), {"last_request": never})
    supervisor = Supervisor()
    send(supervisor, TargetConfig(name="osf", type="osf", url=fake.api), tmp_path)
    storage = osf.project(supervisor.opened.container_id).storage()
    source = tmp_path / "c.txt"
    source.write_bytes(b"gamma")
    with source.open("rb") as stream:
        storage.create_file("sub/c.txt", stream)
    with source.open("rb") as stream, pytest.raises(FileExistsError):
        storage.create_file("sub/c.txt", stream)
    written = {}
    for stored in storage.files:
        with (tmp_path / "back").open("wb") as stream:
            stored.write_to(stream)
        written[stored.path] = (tmp_path / "back").read_bytes()
    assert written == {"/a.txt": b"alpha\n", "/sub/b.txt": b"beta\n", "/sub/c.txt": b"gamma"}


def test_an_update_sends_only_what_differs(
    fake: OsfFake, config: TargetConfig, tmp_path: Path
) -> None:
    node = fake.new_node("Theirs").id
    fake.new_entity(node, "file", "same.txt", "", b"same")
    fake.new_entity(node, "file", "other.txt", "", b"theirs")
    payload = {"same.txt": b"same", "other.txt": b"ours"}
    folder = staged(tmp_path, payload, extra=("sha256",))
    job = job_for(folder, config, token=TOKEN, resource_id=node, action=DuplicateAction.UPDATE)
    result = Supervisor().send(job)
    assert (result.updated, result.ignored) == (("/other.txt",), ("/same.txt",))
    assert fake.count("PUT") == 1


def test_a_description_that_is_refused_is_left_out_and_said(fake: OsfFake, target: Target) -> None:
    fields = {"keywords": ["x" * 200], "description": "About it"}
    container = target.container(
        ContainerRequest(ticket=TICKET, resource_id=None, title="Project", fields=fields)
    )
    assert "no more than 128" in container.state[UNDESCRIBED]
    assert fake.nodes[container.id].attributes["tags"] == [MARK + TICKET]


def send(
    supervisor: Supervisor,
    config: TargetConfig,
    root: Path,
    payload: Mapping[str, bytes] | None = None,
) -> UploadResult:
    folder = staged(root, payload, extra=("sha256",))
    return supervisor.send(job_for(folder, config, token=TOKEN))


def tree_of(fake: OsfFake) -> dict[str, Content | None]:
    """What the only project holds."""
    return fake.tree(next(iter(fake.nodes))) if fake.nodes else {}

"""A directory as a target: the embedded default, and the reference for every other adapter.

A deposit is `<path>/<title>/`. Everything below the archive is reached from descriptors, step by
step and through no link: who else may write there can spoil what is there, never anything else.

A new deposit is known again by its inode, noted in a folder beside it that is the service's own and
closed to all others (`owned`); before the inode is noted, an empty folder of that title is ours
when it has our owner and is not older than the intent. Nobody else can make such a one.

Digests are of what was read back from the disk after it was synced,
never of what was written.
"""

import contextlib
import os
import stat
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from presqt_daemon.config import TargetConfig
from presqt_daemon.digest import BLOCK_BYTES, digest_stream, strongest_common
from presqt_daemon.errors import TargetFault, UserFault
from presqt_daemon.system.failpoints import reach
from presqt_daemon.system.files import folder_mode, set_mode
from presqt_daemon.targets.base import Account, Container, ContainerRequest, Item, Sending, Traits
from presqt_daemon.targets.folder.container import existing, find_made, make, not_found
from presqt_daemon.targets.folder.faults import fault_from, faults_named
from presqt_daemon.targets.folder.owned import is_title
from presqt_daemon.targets.folder.side import SideFolder
from presqt_daemon.targets.folder.walk import (
    item_from_status,
    list_below,
    make_readable_folder,
    opened_folder,
    place_new,
    remove_below,
)

TRAITS = Traits(
    algorithms=(
        "sha512", "sha3512", "blake2b512", "blake2b", "sha384", "sha3384", "sha256", "sha3256",
        "blake2s256", "blake2s", "sha224", "sha3224", "sha1", "md5",
    ),
    needs_folders=True,
    creates_alone=True,
    keeps_empty_folders=True,
    parallel_puts=8,
)  # fmt: skip


def traits(config: TargetConfig) -> Traits:  # noqa: ARG001  (the same for every folder)
    """What a folder can do."""
    return TRAITS


def connect(config: TargetConfig, token: str | None) -> "FolderTarget":  # noqa: ARG001  (no account)
    """The folder, made where only its last part is missing.

    Raises TargetFault `target-unavailable` where its parent is missing too (a disk not mounted).
    """
    assert config.path is not None
    return FolderTarget(config.name, config.path.absolute(), config.mode)


class FolderTarget:
    """The deposits below one directory.

    `mode` is that of their files, whatever umask the service has; who may read may enter folders.
    """

    def __init__(self, name: str, path: Path, mode: int) -> None:
        self.traits = TRAITS
        self.heard: Callable[[], None] = lambda: None
        self._name = name
        self._path = path
        self._mode = mode | stat.S_IRUSR | stat.S_IWUSR
        self._lock = threading.Lock()
        self._sides: dict[str, SideFolder] = {}
        self._named: set[str] = set()
        """Deposits whose own names are durable."""
        self._is_committed = False
        with faults_named(name, "the deposit"):
            is_new = False
            with contextlib.suppress(FileExistsError):
                path.mkdir(folder_mode(self._mode))
                is_new = True
            self._root = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            if is_new:
                set_mode(self._root, folder_mode(self._mode))

    def account(self) -> Account:
        return Account(id=str(os.geteuid()), name=self._name)

    def titles(self) -> Collection[str]:
        with faults_named(self._name, "the list of deposits"), os.scandir(self._root) as entries:
            return [entry.name for entry in entries if not entry.name.startswith(".")]

    def container(self, request: ContainerRequest) -> Container:
        if request.resource_id is not None:
            status = existing(self._root, request.resource_id)
            return self._container(request.resource_id, request.ticket, status.st_ino, is_new=False)
        title = request.title
        if not is_title(title):
            raise UserFault("bad-request", f"{title!r} cannot be the title of a deposit.")
        with faults_named(self._name, title):
            side = self._side(request.ticket)
            made = find_made(self._root, side) or make(self._root, side, title, self._mode)
            # before the ticket notes it: a note of what a power loss takes could mean the next
            # folder of that title, which may well get the same inode
            os.fsync(self._root)
            self._named.add(made.title)
            return self._container(made.title, request.ticket, made.inode, is_new=True)

    def listing(self, container: Container) -> Mapping[PurePosixPath, Item]:
        with self._opened(container) as folder, faults_named(self._name, container.title):
            return list_below(folder)

    def stat(self, container: Container, path: PurePosixPath) -> Item | None:
        try:
            with self._opened(container) as root, opened_folder(root, path.parent) as parent:
                status = os.stat(path.name, dir_fd=parent, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise fault_from(error, self._name, str(path)) from error
        return item_from_status(path, status)

    def make_folder(self, container: Container, path: PurePosixPath) -> None:
        with self._parent(container, path) as parent:
            try:
                make_readable_folder(parent, path.name, self._mode)
            except FileExistsError:
                status = os.stat(path.name, dir_fd=parent, follow_symlinks=False)
                if not stat.S_ISDIR(status.st_mode):
                    raise UserFault(
                        "bad-request",
                        f"{path} is a folder in the bag, but a file or a link of that name is "
                        "already in the container: rename one of them.",
                    ) from None
        self._side_of(container).touch(path.parent)
        self._side_of(container).touch(path)

    def put(self, container: Container, file: Sending, replaces: Item | None) -> Item:
        side = self._side_of(container)
        with contextlib.ExitStack() as stack, faults_named(self._name, str(file.path)):
            temporary, handle = side.new_file()
            stack.callback(side.drop_file, temporary)
            stack.callback(os.close, handle)
            self._write(handle, file)
            size, digests = self._read_back(handle, file)
            reach("put-written")
            side.touch(file.path.parent)
            with self._parent(container, file.path) as parent:
                name = file.path.name
                if replaces is None:
                    place_new(side.handle, temporary, parent, name)
                else:
                    # in place of what stands there; a folder stays (OSError)
                    os.rename(temporary, name, src_dir_fd=side.handle, dst_dir_fd=parent)
                self._require_same(handle, parent, file.path)
            reach("put-placed")
        return Item(path=file.path, size=size, digests=digests)

    def digest(
        self, container: Container, item: Item, algorithms: Collection[str]
    ) -> Mapping[str, str]:
        chosen = strongest_common(algorithms, algorithms)
        if chosen is None or item.is_folder or item.size is None:
            return {}
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with self._parent(container, item.path) as parent:
            handle = os.open(item.path.name, flags, dir_fd=parent)
            with open(handle, "rb", buffering=0) as stream:
                return self._digests(stream, chosen)

    def commit(self, container: Container) -> Mapping[PurePosixPath, Item]:
        with self._opened(container) as root, faults_named(self._name, container.title):
            for path in self._side_of(container).touched():
                if not path.parts:
                    continue  # the container itself comes last
                with contextlib.suppress(FileNotFoundError), opened_folder(root, path) as folder:
                    os.fsync(folder)
                self.heard()
            os.fsync(root)
            if container.id not in self._named:
                os.fsync(self._root)
        self._is_committed = True
        return {}

    def publish(self, container: Container) -> str | None:  # noqa: ARG002  (there are no drafts)
        return None

    def discard(self, container: Container) -> bool:
        if not container.is_new:
            return False
        try:
            with self._opened(container) as folder, faults_named(self._name, container.title):
                remove_below(folder)
                os.rmdir(container.id, dir_fd=self._root)
        except UserFault as error:
            if error.code != "resource-not-found":
                raise
            return True
        self._is_committed = True
        return True

    def close(self) -> None:
        for side in self._sides.values():
            with contextlib.suppress(OSError):
                side.close(is_done=self._is_committed)
        os.close(self._root)

    def _container(self, path: str, ticket: str, inode: int | None, *, is_new: bool) -> Container:
        return Container(
            id=path,
            title=PurePosixPath(path).name,
            link=(self._path / path).as_uri(),
            is_new=is_new,
            state={"ticket": ticket, "inode": str(inode)},
            # one folder has many ids: through other letter cases, mounts bound to two places
            identity=f"{os.fstat(self._root).st_dev}:{inode}",
        )

    def _side(self, ticket: str) -> SideFolder:
        with self._lock:
            side = self._sides.get(ticket)
            if side is None:
                side = SideFolder(self._root, ticket, self._name)
                with faults_named(self._name, "the deposit"):
                    side.open()
                self._sides[ticket] = side
            return side

    def _side_of(self, container: Container) -> SideFolder:
        return self._side(container.state["ticket"])

    @contextlib.contextmanager
    def _opened(self, container: Container) -> Iterator[int]:
        """The container's folder; UserFault when another, or none, has taken its place."""
        with contextlib.ExitStack() as stack:
            try:
                place = opened_folder(self._root, PurePosixPath(container.id))
                folder = stack.enter_context(place)
            except (FileNotFoundError, NotADirectoryError):
                raise not_found(container.id) from None
            except OSError as error:
                raise fault_from(error, self._name, container.title) from error
            if str(os.fstat(folder).st_ino) != container.state["inode"]:
                raise not_found(container.id)
            yield folder

    @contextlib.contextmanager
    def _parent(self, container: Container, path: PurePosixPath) -> Iterator[int]:
        """The open folder that holds a path of the container."""
        with (
            self._opened(container) as root,
            faults_named(self._name, str(path)),
            opened_folder(root, path.parent) as parent,
        ):
            yield parent

    def _require_same(self, handle: int, parent: int, path: PurePosixPath) -> None:
        """Know that the file that has got the name is the one whose digest was taken."""
        status = os.stat(path.name, dir_fd=parent, follow_symlinks=False)
        if not os.path.samestat(status, os.fstat(handle)):
            raise TargetFault(
                "target-misbehaved",
                f"{self._name}: somebody has put another file in the place of {path} while it was "
                "being stored.",
            )

    def _write(self, handle: int, file: Sending) -> None:
        """Write the unfinished file and sync it."""
        buffer = memoryview(bytearray(max(1, min(BLOCK_BYTES, file.size))))
        with file.open() as body:
            while count := body.readinto(buffer):
                view = buffer[:count]
                while view:
                    view = view[os.write(handle, view) :]
                self.heard()
        os.fchmod(handle, self._mode)
        os.fdatasync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)

    def _read_back(self, handle: int, file: Sending) -> tuple[int, Mapping[str, str]]:
        """Size and digest of what the disk now holds."""
        chosen = strongest_common(file.digests, file.digests) or "sha512"
        os.lseek(handle, 0, os.SEEK_SET)
        with open(handle, "rb", buffering=0, closefd=False) as stream:
            return os.fstat(handle).st_size, self._digests(stream, chosen)

    def _digests(self, stream: BinaryIO, algorithm: str) -> Mapping[str, str]:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            return {}
        return digest_stream(stream, (algorithm,), status.st_size, lambda _count: self.heard())

"""A folder -> a bag -> a zip, for `submit`; the folder itself is never changed."""

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from presqt_daemon import __version__
from presqt_daemon.bagit.bag import compare_digests, read_structure
from presqt_daemon.bagit.findings import MAX_LISTED
from presqt_daemon.bagit.tree import tree_from_folder
from presqt_daemon.config import StagingConfig
from presqt_daemon.digest import digest_stream
from presqt_daemon.errors import HouseFault, UserFault
from presqt_daemon.findings import finding, shown
from presqt_daemon.model import Finding, Severity
from presqt_daemon.profile import read_profile
from presqt_daemon.staging.library import LibraryError, make_bag
from presqt_daemon.staging.refused import invalid, raise_unreadable
from presqt_daemon.system.files import remove_tree
from presqt_daemon.zips.writing import ZipContents, check_entries, write_zip

ALGORITHMS: tuple[str, ...] = ("sha256", "sha512")


def is_bag(folder: Path) -> bool:
    """Whether a folder is a bag already: it holds bagit.txt."""
    declaration = folder / "bagit.txt"
    return os.path.isfile(declaration) and not os.path.islink(declaration)


def bag_and_zip(
    folder: Path,
    destination: Path,
    *,
    scratch: Path,
    title: str | None = None,
    labels: Mapping[str, str] | None = None,
    config: StagingConfig | None = None,
) -> Path:
    """The zip of a bag of a folder, at `destination`, whole as soon as it has that name.

    What staging would refuse by `config` is refused before a byte is copied.

    A folder that is a bag already is zipped as it is, and then has no use for title and labels. Of
    any other the payload becomes `data/<folder name>/...`; it is linked or copied into `scratch`
    first. Changes the working directory for a while. Raises UserFault naming the files for which
    it cannot be done, HouseFault `out-of-space`.
    """
    folder = Path(os.path.abspath(folder))
    _check_places(folder, destination, scratch)
    contents = _survey(folder)
    check_folder(folder, contents, config or StagingConfig())
    if os.path.lexists(destination):
        raise UserFault(
            "bad-request", f"{shown(destination.name)} exists already: choose another name."
        )
    try:
        if is_bag(folder):
            return write_zip(folder, contents, destination)
        info = {"Bag-Software-Agent": f"presqt-daemon {__version__}", **(labels or {})}
        if title is not None:
            info["PresQT-Title"] = title
        place = Path(tempfile.mkdtemp(prefix=".bagging-", dir=scratch))
        try:
            bag = place / folder.name
            _link_aside(folder, contents, bag / folder.name)
            _make(folder, bag, info)
            return write_zip(bag, _survey(bag), destination)
        finally:
            remove_tree(place)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise HouseFault(
                "out-of-space", f"There is no space left to bag {shown(folder.name)}."
            ) from None
        raise


def check_folder(folder: Path, contents: ZipContents, config: StagingConfig) -> None:
    """Raise what staging would raise for the zip that would be made of a folder.

    UserFault `unsafe-archive`, `too-large` and, for a folder that is a bag, what is wrong with it.
    """
    is_bagged = is_bag(folder)
    start = f"{folder.name}/" if is_bagged else f"{folder.name}/data/{folder.name}/"
    sizes = {path: (folder / path).lstat().st_size for path in contents.files}
    check_entries([(start + path, size) for path, size in sizes.items()], config)
    if not is_bagged:
        return
    profile = None if config.profile is None else read_profile(config.profile)
    structure = read_structure(tree_from_folder(folder), profile, max_files=config.max_files)
    raise_unreadable(structure)
    digests = {
        path: _digests(folder / path, needed)
        for path in contents.files
        if (needed := structure.needed(path))
    }
    findings, total = compare_digests(structure, digests)
    errors = structure.of(Severity.ERROR)
    if errors or findings:
        raise invalid(
            structure, (*errors, *findings), structure.errors_total + total, "PresQT Error: "
        )


def _digests(path: Path, algorithms: Collection[str]) -> dict[str, str]:
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as stream:
        return digest_stream(stream, algorithms, os.fstat(stream.fileno()).st_size)


def _check_places(folder: Path, destination: Path, scratch: Path) -> None:
    try:
        mode = folder.lstat().st_mode
    except OSError as error:
        raise UserFault(
            "unreadable-file", f"{shown(str(folder))} cannot be read: {error.strerror}."
        ) from None
    if not stat.S_ISDIR(mode):
        raise UserFault(
            "bad-request", f"{shown(folder.name)} is no folder (links are not followed)."
        )
    if not folder.name:
        raise UserFault("bad-request", "The root of the file system cannot be bagged.")
    real = folder.resolve()
    for place in (destination.parent.resolve(), scratch.resolve()):
        if place == real or real in place.parents:
            raise UserFault(
                "bad-request",
                f"{shown(folder.name)} holds the folder in which its bag would be made: "
                "bag a folder that lies elsewhere.",
            )


def _survey(folder: Path) -> ZipContents:
    """All files and folders, sorted; UserFault naming what cannot be bagged."""
    files: list[str] = []
    folders: list[str] = []
    faults: list[Finding] = []
    stack = [""]
    while stack:
        inner = stack.pop()
        try:
            with os.scandir(folder / inner) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            faults.append(_fault("unreadable-file", inner or folder.name, error.strerror or ""))
            continue
        for entry in found:
            path = f"{inner}/{entry.name}" if inner else entry.name
            problem = _problem(entry)
            if problem is not None:
                faults.append(_fault(*problem[:1], path, problem[1]))
            elif entry.is_dir(follow_symlinks=False):
                folders.append(path)
                stack.append(path)
            else:
                files.append(path)
    if faults:
        _refuse(folder, faults)
    if not files:
        raise UserFault("bad-request", f"{shown(folder.name)} holds no file: nothing to bag.")
    return ZipContents(files=tuple(sorted(files)), folders=tuple(sorted(folders)))


def _problem(entry: os.DirEntry[str]) -> tuple[str, str] | None:
    """Code and words for an entry that cannot be bagged, None for one that can."""
    if entry.is_symlink():
        return ("symbolic-link", "is a symbolic link; put the file itself in its place")
    try:
        entry.name.encode("utf-8")
    except UnicodeEncodeError:
        return ("name-not-utf-8", "its name is not UTF-8; rename it")
    if entry.is_dir(follow_symlinks=False):
        return None
    if not entry.is_file(follow_symlinks=False):
        return ("special-file", "is no regular file (a pipe, socket or device); remove it")
    if not os.access(entry.path, os.R_OK):
        return ("unreadable-file", "cannot be read")
    return None


def _fault(code: str, path: str, what: str) -> Finding:
    return finding(code, path, what, severity=Severity.ERROR)


def _refuse(folder: Path, faults: Sequence[Finding]) -> None:
    code = "unreadable-file" if {f.code for f in faults} == {"unreadable-file"} else "bad-request"
    more = f" (and {len(faults) - 3} more)" if len(faults) > 3 else ""
    named = "; ".join(fault.message for fault in faults[:3])
    raise UserFault(
        code,
        f"{shown(folder.name)} cannot be bagged: {named}{more}.",
        findings=tuple(faults[:MAX_LISTED]),
        findings_total=len(faults),
    )


def _link_aside(folder: Path, contents: ZipContents, aside: Path) -> None:
    """Put the folder's files aside under the same names: linked where possible, else copied."""
    aside.mkdir(parents=True)
    for path in contents.folders:
        (aside / path).mkdir()
    linking = True
    for path in contents.files:
        source, place = folder / path, aside / path
        if linking:
            try:
                os.link(source, place, follow_symlinks=False)
            except OSError as error:
                # what speaks against one link alone; the others are worth a try
                linking = error.errno in {errno.EMLINK, errno.EPERM, errno.EACCES}
            else:
                continue
        shutil.copyfile(source, place, follow_symlinks=False)
        shutil.copystat(source, place, follow_symlinks=False)


def _make(folder: Path, bag: Path, info: Mapping[str, str]) -> None:
    """Have the library make the bag, and look at it before it is sent.

    Two names may become one in its manifests, such as a line feed and a literal `%0A`.
    """
    trouble = None
    try:
        make_bag(bag, info, ALGORITHMS)
    except LibraryError as error:
        trouble = error
    faults = read_structure(tree_from_folder(bag)).of(Severity.ERROR)
    if faults:
        _refuse(folder, faults)
    if trouble is not None:
        raise HouseFault(
            "internal-error", f"{shown(folder.name)} could not be bagged."
        ) from trouble

"""What a project's repository holds at a branch or commit, as GitLab lists it."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from presqt_daemon.digest import GIT_BLOB, GIT_BLOB_SHA256
from presqt_daemon.errors import PresqtError
from presqt_daemon.targets.base import Item
from presqt_daemon.targets.web.http import Http
from presqt_daemon.targets.web.pages import all_pages

_FILE_MODE = "100"
"""How the mode of a plain file begins; links (120000) and submodules (160000) have no digest."""


def tree_at(http: Http, project: str, ref: str, folder: str = "") -> Iterator[tuple[str, Item]]:
    """Path and entry of all files and folders at a branch or commit; none in an empty project.

    With `folder` what lies in it, and not below; none where it is not there.
    """
    params = {"per_page": "100", "pagination": "keyset", "ref": ref}
    rows = all_pages(
        http,
        f"{project}/repository/tree",
        {**params, "path": folder} if folder else {**params, "recursive": "true"},
        doing="the list of files",
        key="path",
    )
    try:
        for row in rows:
            path, mode = str(row["path"]), str(row["mode"])
            is_file = mode.startswith(_FILE_MODE)
            item = Item(
                path=PurePosixPath(path),
                digests=blob_digests(str(row["id"])) if is_file else {},
                is_folder=row["type"] == "tree",
            )
            yield path, item
    except PresqtError as error:
        is_none = "tree not found" in error.message.lower() or bool(folder)
        if error.code != "resource-not-found" or not is_none:
            raise


def blob_digests(name: str) -> Mapping[str, str]:
    """A blob's id under the name of its algorithm; 64 digits in repositories that use SHA-256."""
    algorithm = {40: GIT_BLOB, 64: GIT_BLOB_SHA256}.get(len(name))
    return {} if algorithm is None else {algorithm: name.lower()}

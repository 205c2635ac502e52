"""What OSF's two services say of files, folders and nodes, as values.

The API (api.osf.io, JSON:API) lists, WaterButler (files.osf.io) stores; both describe a file alike
(developer.osf.io, waterbutler.readthedocs.io).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from presqt_daemon.errors import TargetFault
from presqt_daemon.targets.base import Item
from presqt_daemon.targets.web.fields import object_in, text_in, whole_in

HASHES = ("sha256", "md5")
"""What WaterButler takes of the bytes on their way to the store."""

_TAG = re.compile(r"<[^<>]*>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """Where a folder is listed, and where files and folders are put into it.

    `contents` is WaterButler's list of it, `listing` the API's; the latter is empty where the
    answer did not name it.
    """

    upload: str
    new_folder: str
    listing: str

    @property
    def contents(self) -> str:
        """The address under which WaterButler lists the folder, whole."""
        return self.upload.partition("?")[0]


def folder_from_entry(entry: Mapping[str, Any], target: str) -> Folder:
    """A folder's, or a storage's, addresses. Raises TargetFault `target-misbehaved`."""
    links = object_in(entry, "links")
    upload, new_folder = links.get("upload"), links.get("new_folder")
    if not isinstance(upload, str) or not isinstance(new_folder, str):
        raise TargetFault("target-misbehaved", f"{target} does not say where files are put.")
    return Folder(upload=upload, new_folder=new_folder, listing=related(entry, "files"))


def item_from_entry(entry: Mapping[str, Any], path: PurePosixPath) -> Item:
    """A file or folder; its digests are those that the target lists."""
    attributes = object_in(entry, "attributes")
    hashes = object_in(attributes, "extra", "hashes")
    upload = object_in(entry, "links").get("upload")
    return Item(
        path=path,
        size=whole_in(attributes, "size"),
        digests={
            name: value.lower()
            for name in HASHES
            if isinstance(value := hashes.get(name), str) and value
        },
        is_folder=is_folder(entry),
        state={"upload": upload} if isinstance(upload, str) else {},
    )


def is_folder(entry: Mapping[str, Any]) -> bool:
    """Whether an entry is a folder's."""
    return object_in(entry, "attributes").get("kind") == "folder"


def name_of(entry: Mapping[str, Any]) -> str:
    """The name of a file or folder; empty where the entry has none."""
    return text_in(object_in(entry, "attributes"), "name")


def path_of(entry: Mapping[str, Any], root: str, parent: PurePosixPath) -> PurePosixPath:
    """Where the target says that something is, below the container whose own path is `root`.

    By its name in `parent`, the folder that was asked, where the answer tells no path.
    """
    attributes = object_in(entry, "attributes")
    whole = attributes.get("materialized") or attributes.get("materialized_path")
    if isinstance(whole, str) and whole.startswith(root) and whole.strip("/") != root.strip("/"):
        return PurePosixPath(whole[len(root) :])
    return parent / name_of(entry)


def has_older_version(entry: Mapping[str, Any]) -> bool:
    """Whether other bytes stood there before; WaterButler makes no version of equal ones."""
    version = object_in(entry, "attributes", "extra").get("version")
    return str(version) != "1"


def fields_from(fields: Mapping[str, object]) -> dict[str, Any]:
    """The attributes that describe a new node, of what OSF lets be said at once."""
    described: dict[str, Any] = {}
    keywords = fields.get("keywords")
    # a title that the bag has beside the chosen one has no place of its own
    said = [fields.get(name) for name in ("described_title", "description")]
    if text := "\n\n".join(part for part in said if isinstance(part, str) and part):
        described["description"] = text
    if isinstance(keywords, list) and keywords:
        described["tags"] = keywords
    return described


def related(entry: Mapping[str, Any], name: str) -> str:
    """The address of something that belongs to an entry; empty where it names none."""
    relation = object_in(entry, "relationships", name)
    links = object_in(relation, "links")
    return text_in(links, "related") or text_in(links.get("related"), "href")


def with_query(url: str, **values: str) -> str:
    """The address with these parameters, none of them twice."""
    query = url.partition("?")[2]  # not taken apart further: whoever asks it judges what it is
    known = {part.split("=", 1)[0] for part in query.split("&")}
    more = [
        f"{quote(name, safe='[]')}={quote(value, safe='')}"
        for name, value in values.items()
        if name not in known
    ]
    if not more:
        return url
    return f"{url}{'&' if query else '?'}{'&'.join(more)}"


def words_of(tree: Any) -> str | None:
    """The sentence in a refusal of either service.

    The API has `errors`; WaterButler its own `message` or `error`, or what osf.io told it:
    `message_short` and `message_long`, which is written for a browser.
    """
    if "errors" in tree:
        return "; ".join(str(error["detail"]) for error in tree["errors"])
    told = [tree.get(key) for key in ("message_short", "message_long")]
    whole = ": ".join(
        " ".join(_TAG.sub("", text).split()) for text in told if isinstance(text, str)
    )
    for words in (whole, tree.get("message"), tree.get("error")):
        if isinstance(words, str) and words:
            return words
    return None


def data_of(tree: Mapping[str, Any], target: str) -> Mapping[str, Any]:
    """The one entry of an answer. Raises TargetFault `target-misbehaved` when it has none."""
    data = tree.get("data")
    if not isinstance(data, dict):
        raise TargetFault(
            "target-misbehaved", f"{target} answered with JSON of an unexpected form."
        )
    return data

"""What both of Zenodo's APIs share: words, checksums, ids, and what a draft is called."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from presqt_daemon.errors import UserFault
from presqt_daemon.targets.base import Account
from presqt_daemon.targets.web.addresses import page_from
from presqt_daemon.targets.web.fields import objects_in, text_in

PAGE_ROWS = 100
"""The longest page that Zenodo gives; a shorter one says nothing about the end of the list."""

VANISHED = frozenset({404, 410})

PUBLISHED = (
    "The record {id} is published, and the files of a published record cannot change: open it, "
    "make a new version of it there, and give the id of that new draft."
)
METADATA_ONLY = (
    'The draft {id} is metadata-only and takes no files: open it, untick "Metadata-only record" '
    "there, save it, and retry."
)
_MD5 = re.compile(r"(?:md5:)?([0-9a-f]{32})")
_DOI = re.compile(r"(?:.*/|doi:)?10\.[0-9.]+/(?:[a-z]+\.)?([^/]+)", re.IGNORECASE)

_AFTER_PATH = re.compile(r"[?#]")

Row = dict[str, Any]


def record_id(text: str) -> str:
    """The id of a record or draft in any form in which a person may give it.

    That is the id itself, a DOI (`10.5281/zenodo.1234`), or an address of a page or of the API.
    """
    text = text.strip()
    if found := _DOI.fullmatch(text):
        return found[1]
    if not text.lower().startswith(("http://", "https://")):
        return text
    path = _AFTER_PATH.split(text, maxsplit=1)[0].partition("://")[2]
    parts = [unquote(part) for part in path.split("/")[1:] if part]
    kinds = ("records", "record", "uploads", "deposit", "depositions")
    after = [parts[at + 1] for at, part in enumerate(parts[:-1]) if part in kinds]
    return after[-1] if after else text


def account_of(owner: object, api: str) -> Account:
    """The account; neither API says whose a token is, so an account without records has no number.

    `owner` is the user number in one of the account's records, None where there is none.
    """
    if owner in {None, ""}:
        site = urlsplit(api).netloc
        return Account(id=site, name=f"an account without records at {site}")
    return Account(id=str(owner), name=f"user {owner}")


def md5_from(checksum: object) -> Mapping[str, str]:
    """The digest in a checksum: of `md5:<hex>` and `<hex>`; none in any placeholder."""
    found = _MD5.fullmatch(checksum.lower()) if isinstance(checksum, str) else None
    return {"md5": found[1]} if found else {}


def no_such_resource(resource_id: str) -> UserFault:
    """In PresQT's words."""
    return UserFault(
        "resource-not-found", f"Can't find the resource with id {resource_id}, on Zenodo"
    )


def draft_gone(which: str) -> UserFault:
    """A draft that was there before, in this upload or another."""
    return UserFault("resource-gone", f"The draft {which} is gone: somebody has deleted it.")


def token_refused(target: str, said: str) -> UserFault:
    """The refusal of a token, which InvenioRDM takes for nobody's: 403 where others say 401."""
    return UserFault(
        "unauthorized",
        f"{target} refuses the token, or it may not list the account's own records: {said} "
        "Give it one with `deposit:write`.",
    )


def words_of(tree: Any) -> str | None:
    """Invenio's sentence, with the fields that it complains about."""
    if not isinstance(tree, dict):
        return None
    words = [str(tree["message"]).rstrip(".")] if tree.get("message") else []
    words += [f"{field}: {said}" for field, said in complaints_in(tree)]
    return "; ".join(words) or None


def link_in(tree: Mapping[str, Any], name: str) -> str | None:
    """One of the addresses under `links`, None where that names no page of the web."""
    return page_from(text_in(tree.get("links"), name))


def complaints_in(tree: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Field and sentence of everything in `errors`, which stands in a 400 and also in a 201."""
    found = []
    for row in objects_in(tree, "errors"):
        said = row.get("messages") or row.get("message") or ()
        said = said if isinstance(said, list) else [said]
        found.append((str(row.get("field")), " ".join(map(str, said)).rstrip(".")))
    return found

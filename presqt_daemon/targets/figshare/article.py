"""What Figshare is told of a new article, and what of a bag's description it has no place for."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from presqt_daemon.targets.left_out import given

Row = Mapping[str, Any]

_TYPES: Mapping[str, str] = {
    "dataset": "dataset",
    "software": "software",
    "computationalnotebook": "software",
    "image": "figure",
    "audiovisual": "media",
    "sound": "media",
    "text": "journal contribution",
    "journalarticle": "journal contribution",
    "datapaper": "journal contribution",
    "conferencepaper": "conference contribution",
    "conferenceproceeding": "conference contribution",
    "dissertation": "thesis",
    "book": "book",
    "bookchapter": "book",
    "preprint": "preprint",
    "interactiveresource": "online resource",
}
"""DataCite's resourceTypeGeneral -> Figshare's `defined_type`."""

_CREATIVE_COMMONS = re.compile(
    r"https?://creativecommons\.org/(?:licenses/([a-z-]+)/([0-9.]+)|publicdomain/zero)"
)
_DOI = re.compile(r"(?:https?://(?:dx\.)?doi\.org/|doi:)?(10\.[0-9]{4,9}/\S+)", re.IGNORECASE)
_SAME_LICENSE: Mapping[str, str] = {
    "cc0": "cc0-1.0",
    "gpl-2.0-or-later": "gpl-2.0+",
    "gpl-3.0-or-later": "gpl-3.0+",
}
"""SPDX ids and Figshare's names for the same licence, without their spaces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Figshare's own ids of what a bag names in words; `unknown` are the names without one."""

    license: int | None = None
    categories: tuple[int, ...] = ()
    unknown: tuple[tuple[str, str], ...] = ()


def terms_from(
    fields: Mapping[str, object], licenses: Sequence[Row], categories: Sequence[Row]
) -> Terms:
    """What the fields mean by the account's lists of licences and categories."""
    text = str(fields.get("license") or "")
    license_id = _license_in(text, licenses) if text else None
    unknown = [("license", text)] if text and license_id is None else []
    found = []
    for name in _list(fields, "categories"):
        identity = _category_in(str(name), categories)
        if identity is None:
            unknown.append(("categories", str(name)))
        else:
            found.append(identity)
    return Terms(license=license_id, categories=tuple(found), unknown=tuple(unknown))


def article_from(
    title: str, fields: Mapping[str, object], mark: str, terms: Terms
) -> dict[str, object]:
    """The body that creates an article; what nobody said is left out."""
    tree: dict[str, object] = {"title": title, "tags": [*_list(fields, "keywords"), mark]}
    description = fields.get("description")
    if isinstance(description, str) and description:
        tree["description"] = description
    if authors := [_author_from(one) for one in _list(fields, "creators")]:
        tree["authors"] = authors
    if links := [link for _field, name in _pointers(fields) if (link := _link_from(name))]:
        tree["references"] = list(dict.fromkeys(links))
    if defined_type := _TYPES.get(str(fields.get("resource_type") or "").lower()):
        tree["defined_type"] = defined_type
    if terms.license is not None:
        tree["license"] = terms.license
    if terms.categories:
        tree["categories"] = list(terms.categories)
    return tree


def left_out(fields: Mapping[str, object], terms: Terms) -> Iterator[tuple[str, object]]:
    """Field and value of everything that was given and that the article does not say."""
    yield from terms.unknown
    yield from given(
        fields,
        "publication_date",
        "contact",
        "organisation",
        "publisher",
        "notes",
        "language",
        "version",
        "described_title",
    )
    if str(fields.get("resource_type") or "").lower() not in {"", *_TYPES}:
        yield from given(fields, "resource_type")
    for creator in _list(fields, "creators"):
        if creator.get("affiliation"):
            yield "creators", f"{creator['affiliation']} (affiliation of {creator['name']})"
    for field, name in _pointers(fields):
        if _link_from(name) is None:
            yield field, name


def _pointers(fields: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for row in _list(fields, "related_identifiers"):
        yield "related_identifiers", str(row.get("identifier"))
    for text in _list(fields, "references"):
        yield "references", str(text)


def _link_from(name: str) -> str | None:
    """An address, of a DOI too; None for what is none."""
    if name.startswith(("https://", "http://")) and not re.search(r"\s", name):
        return name
    found = _DOI.fullmatch(name.strip())
    return f"https://doi.org/{found[1]}" if found else None


def _license_in(text: str, rows: Sequence[Row]) -> int | None:
    """The id of the licence with this name, SPDX id, address or number."""
    wanted = _license_keys(text)
    for row in rows:
        value, name, url = row.get("value"), str(row.get("name")), str(row.get("url") or "")
        if isinstance(value, int) and wanted & {str(value), *_license_keys(name, url)}:
            return value
    return None


def _license_keys(*texts: str) -> set[str]:
    """All forms in which two namings of one licence can be compared."""
    keys = set()
    for text in texts:
        key = re.sub(r"[\s_]+", "-", text.strip().lower())
        if found := _CREATIVE_COMMONS.match(key):
            key = f"cc-{found[1]}-{found[2]}" if found[1] else "cc0-1.0"
        key = key.split("://")[-1].removeprefix("www.").rstrip("/")
        keys.add(_SAME_LICENSE.get(key, key))
    return keys - {""}


def _category_in(text: str, rows: Sequence[Row]) -> int | None:
    """The id of the only category with this number or title; None where two share the title."""
    wanted = text.strip().casefold()
    usable = [row for row in rows if row.get("is_selectable", True) and isinstance(row["id"], int)]
    for key in ("id", "source_id", "title"):
        found = {int(row["id"]) for row in usable if str(row.get(key)).casefold() == wanted}
        if len(found) == 1:
            return found.pop()
    return None


def _list(fields: Mapping[str, object], name: str) -> list[Any]:
    value = fields.get(name)
    return value if isinstance(value, list) else []


def _author_from(creator: Mapping[str, str]) -> dict[str, str]:
    given_name, family = creator.get("given_name"), creator.get("family_name")
    name = f"{given_name} {family}" if given_name and family else str(creator.get("name"))
    author = {"name": name}
    if creator.get("orcid"):
        author["orcid_id"] = creator["orcid"]
    return author

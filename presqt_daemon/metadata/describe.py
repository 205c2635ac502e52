"""What a bag says about itself, as descriptive fields that every target can map to its own.

Three sources, field by field: `datacite.json` before PresQT's `extra_metadata` before bag-info.txt.
Nothing is invented, and no e-mail address or telephone number is handed on.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

ALTERNATE = "isAlternateIdentifier"
_ORCID = re.compile(r"(?:https?://orcid\.org/)?([0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9]{3}[0-9Xx])")
_LISTED = re.compile(r"[;,\n]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who made it; `name` is `Family, Given`, or an organisation's."""

    name: str
    given_name: str | None = None
    family_name: str | None = None
    orcid: str | None = None
    affiliation: str | None = None
    is_organisation: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """Another thing; `relation` is one of DataCite's relationTypes."""

    relation: str
    identifier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """The descriptive fields; None or empty where nobody said anything.

    `publication_date` as given (`YYYY`, `YYYY-MM` or `YYYY-MM-DD`), `resource_type` is DataCite's
    resourceTypeGeneral, `contact` and `organisation` are names, `categories` titles or numbers in
    the target's own list.
    """

    title: str | None = None
    description: str | None = None
    creators: tuple[Person, ...] = ()
    keywords: tuple[str, ...] = ()
    license: str | None = None
    publication_date: str | None = None
    related_identifiers: tuple[Related, ...] = ()
    references: tuple[str, ...] = ()
    contact: str | None = None
    organisation: str | None = None
    publisher: str | None = None
    resource_type: str | None = None
    categories: tuple[str, ...] = ()
    notes: str | None = None
    language: str | None = None
    version: str | None = None

    def fields(self) -> dict[str, object]:
        """The same for `ContainerRequest.fields`: what was given, fit for JSON."""
        return {name: _plain(value) for name, value in asdict(self).items() if value}


def describe(
    info: Iterable[tuple[str, str]],
    extra: Mapping[str, Any] | None = None,
    datacite: Mapping[str, Any] | None = None,
) -> Description:
    """The description; `info` are the labels of bag-info.txt in their order."""
    sources = (_from_datacite(datacite or {}), _from_extra(extra or {}), _from_info(info))
    chosen = {
        name: next((value for source in sources if (value := source.get(name))), None)
        for name in Description.__dataclass_fields__
    }
    return Description(**{name: value for name, value in chosen.items() if value})


def _from_info(info: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """bag-info.txt: RFC 8493 section 2.2.2, and labels that are in common use."""
    labels: dict[str, list[str]] = {}
    for label, value in info:
        if value.strip():
            labels.setdefault(label.lower(), []).append(value.strip())

    def first(*names: str) -> str | None:
        return next((labels[name][0] for name in names if name in labels), None)

    def every(*names: str) -> list[str]:
        return [value for name in names for value in labels.get(name, ())]

    words = (word.strip() for text in every("keywords", "keyword") for word in _LISTED.split(text))
    return {
        "title": first("title"),
        "description": "\n\n".join(every("external-description")) or None,
        "creators": tuple(_person(name) for name in every("creator", "author")),
        "keywords": tuple(dict.fromkeys(word for word in words if word)),
        "license": first("license", "licence", "rights"),
        "publication_date": first("publication-date"),
        "related_identifiers": tuple(
            Related(relation=ALTERNATE, identifier=name) for name in every("external-identifier")
        ),
        "contact": first("contact-name"),
        "organisation": first("source-organization"),
        "resource_type": first("resource-type"),
        "categories": tuple(dict.fromkeys(every("category"))),
        "language": first("language"),
        "version": first("version"),
    }


def _from_extra(extra: Mapping[str, Any]) -> dict[str, Any]:
    """`extra_metadata` of PRESQT_FTS_METADATA.json."""
    related = (
        Related(relation=kind, identifier=name)
        for row in _rows(extra, "related_identifiers")
        if (kind := _text(row, "type")) and (name := _text(row, "identifier"))
    )
    references = _text(extra, "references")
    return {
        "title": _text(extra, "title"),
        "description": _text(extra, "description"),
        "creators": tuple(_persons_of_extra(extra)),
        "keywords": tuple(_texts(extra.get("keywords"))),
        "license": _text(extra, "license"),
        "publication_date": _text(extra, "publication_date"),
        "related_identifiers": tuple(related),
        "references": (references,) if references else (),
        "notes": _text(extra, "notes"),
    }


def _from_datacite(tree: Mapping[str, Any]) -> dict[str, Any]:
    """DataCite's JSON, bare or as its REST API answers (`data.attributes`)."""
    data = tree.get("data")
    inner = data.get("attributes") if isinstance(data, dict) else None
    tree = inner if isinstance(inner, dict) else tree
    contact = (
        _text(row, "name")
        for row in _rows(tree, "contributors")
        if row.get("contributorType") == "ContactPerson"
    )
    rights = (
        _text(row, "rightsIdentifier") or _text(row, "rightsUri") or _text(row, "rights")
        for row in _rows(tree, "rightsList")
    )
    publisher = tree.get("publisher")
    types = tree.get("types")
    return {
        "title": next((_text(row, "title") for row in _rows(tree, "titles")), None),
        "description": _described(tree, "Abstract"),
        "creators": tuple(_persons_of_datacite(tree)),
        "keywords": tuple(
            word for row in _rows(tree, "subjects") if (word := _text(row, "subject"))
        ),
        "license": next(filter(None, rights), None),
        "publication_date": _published(tree),
        "related_identifiers": tuple(_related_of_datacite(tree)),
        "contact": next(filter(None, contact), None),
        "publisher": publisher if isinstance(publisher, str) else _text(publisher, "name"),
        "resource_type": _text(types, "resourceTypeGeneral"),
        "notes": _described(tree, "Other"),
        "language": _text(tree, "language"),
        "version": _text(tree, "version"),
    }


def _persons_of_extra(extra: Mapping[str, Any]) -> Iterator[Person]:
    for row in _rows(extra, "creators"):
        given, family = _text(row, "first_name"), _text(row, "last_name")
        name = ", ".join(filter(None, (family, given)))
        if name:
            orcid = _orcid(_text(row, "ORCID"))
            yield Person(name=name, given_name=given, family_name=family, orcid=orcid)


def _persons_of_datacite(tree: Mapping[str, Any]) -> Iterator[Person]:
    for row in _rows(tree, "creators"):
        given, family = _text(row, "givenName"), _text(row, "familyName")
        name = _text(row, "name") or ", ".join(filter(None, (family, given)))
        if not name:
            continue
        orcids = (_orcid(_text(item, "nameIdentifier")) for item in _rows(row, "nameIdentifiers"))
        places = row.get("affiliation")
        names = (
            place if isinstance(place, str) else _text(place, "name")
            for place in (places if isinstance(places, list) else ())
        )
        yield Person(
            name=name,
            given_name=given,
            family_name=family,
            orcid=next(filter(None, orcids), None),
            affiliation=next(filter(None, names), None),
            is_organisation=row.get("nameType") == "Organizational",
        )


def _related_of_datacite(tree: Mapping[str, Any]) -> Iterator[Related]:
    for row in _rows(tree, "relatedIdentifiers"):
        relation, name = _text(row, "relationType"), _text(row, "relatedIdentifier")
        if relation and name:
            yield Related(relation=relation[0].lower() + relation[1:], identifier=name)
    for key, part in (
        ("identifiers", "identifier"),
        ("alternateIdentifiers", "alternateIdentifier"),
    ):
        for row in _rows(tree, key):
            if name := _text(row, part):
                yield Related(relation=ALTERNATE, identifier=name)


def _described(tree: Mapping[str, Any], kind: str) -> str | None:
    """The description of a kind; one without a kind counts as an abstract."""
    for row in _rows(tree, "descriptions"):
        if row.get("descriptionType", "Abstract") == kind and (text := _text(row, "description")):
            return text
    return None


def _published(tree: Mapping[str, Any]) -> str | None:
    for row in _rows(tree, "dates"):
        if row.get("dateType") == "Issued" and (day := _text(row, "date")):
            return day
    year = tree.get("publicationYear")
    return str(year) if isinstance(year, int | str) and year else None


def _person(text: str) -> Person:
    """A person of a `Creator` label: `Family, Given`, or any other name as it is."""
    family, comma, given = (part.strip() for part in text.partition(","))
    if not (comma and family and given):
        return Person(name=text)
    return Person(name=f"{family}, {given}", family_name=family, given_name=given)


def _orcid(text: str | None) -> str | None:
    found = _ORCID.fullmatch(text) if text else None
    return found[1].upper() if found else None


def _plain(value: Any) -> Any:
    """Lists for tuples, and rows without what nobody gave."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: item for key, item in value.items() if item}
    return value


def _rows(tree: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The objects in a list; anything else in it is passed over."""
    value = tree.get(key)
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _text(tree: Any, key: str) -> str | None:
    value = tree.get(key) if isinstance(tree, dict) else None
    return value.strip() or None if isinstance(value, str) else None


def _texts(value: Any) -> Iterator[str]:
    for item in value if isinstance(value, list) else ():
        if isinstance(item, str) and item.strip():
            yield item.strip()

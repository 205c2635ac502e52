"""Zenodo's descriptive fields, made from the neutral ones: pure, for both of its APIs.

Nothing is invented: what nobody gave is left out, and so is what Zenodo would refuse (a licence or
a relation that it does not know, an identifier of no known kind).
"""

import html
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from presqt_daemon.targets.left_out import given

MARK = "urn:uuid:"
"""A new draft carries `urn:uuid:<ticket>` as an alternate identifier of itself: both APIs list it,
readers of a record hardly see it, and it is true."""

_ALTERNATE = "isAlternateIdentifier"
_RELATIONS: Mapping[str, str] = {
    name.lower(): name
    for name in (
        "isCitedBy", "cites", "isSupplementTo", "isSupplementedBy", "isContinuedBy", "continues",
        "isDescribedBy", "describes", "hasMetadata", "isMetadataFor", "isNewVersionOf",
        "isPreviousVersionOf", "isPartOf", "hasPart", "isReferencedBy", "references",
        "isDocumentedBy", "documents", "isCompiledBy", "compiles", "isVariantFormOf",
        "isOriginalFormOf", "isIdenticalTo", _ALTERNATE, "isReviewedBy", "reviews",
        "isDerivedFrom", "isSourceOf", "requires", "isRequiredBy", "isObsoletedBy", "obsoletes",
    )
}  # fmt: skip
_SCHEMES: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "doi",
        re.compile(r"(?:https?://(?:dx\.)?doi\.org/|doi:)?(10\.[0-9]{4,9}/\S+)", re.IGNORECASE),
    ),
    ("arxiv", re.compile(r"(arxiv:[a-z.-]*/?[0-9.]+(?:v[0-9]+)?)", re.IGNORECASE)),
    ("ark", re.compile(r"(ark:/?[0-9]{5,9}/\S+)", re.IGNORECASE)),
    ("urn", re.compile(r"(urn:[a-z0-9][a-z0-9-]{1,31}:\S+)", re.IGNORECASE)),
    ("url", re.compile(r"(https?://\S+)", re.IGNORECASE)),
)
_LICENSES = frozenset({
    "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-sa-4.0",
    "cc-by-nc-nd-4.0", "cc0-1.0", "mit", "apache-2.0", "bsd-2-clause", "bsd-3-clause",
    "gpl-3.0-only", "gpl-3.0-or-later", "gpl-2.0-only", "gpl-2.0-or-later", "lgpl-3.0-only",
    "lgpl-3.0-or-later", "agpl-3.0-only", "agpl-3.0-or-later", "mpl-2.0", "odbl-1.0",
    "pddl-1.0", "odc-by-1.0", "eupl-1.2",
})  # fmt: skip
"""SPDX ids that both APIs know; the older one answers 500 to an id it does not know."""

_CC = re.compile(
    r"https?://creativecommons\.org/(?:licenses/([a-z-]+)/([0-9.]+)|publicdomain/zero)"
)
_TYPES: Mapping[str, str] = {
    "dataset": "dataset",
    "software": "software",
    "image": "image",
    "audiovisual": "video",
    "sound": "video",
    "text": "publication",
    "journalarticle": "publication-article",
    "report": "publication-report",
    "book": "publication-book",
    "bookchapter": "publication-section",
    "conferencepaper": "publication-conferencepaper",
    "dissertation": "publication-thesis",
    "preprint": "publication-preprint",
    "datapaper": "publication-datapaper",
    "outputmanagementplan": "publication-datamanagementplan",
    "physicalobject": "physicalobject",
    "workflow": "workflow",
    "model": "model",
    "other": "other",
}
"""DataCite's resourceTypeGeneral -> Zenodo's resource type."""

_DATE = re.compile(r"[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?")


def record_metadata(
    title: str, fields: Mapping[str, Any], ticket: str, *, publishes: date | None = None
) -> dict[str, Any]:
    """`metadata` of an InvenioRDM draft; `publishes` is the day when it will be published by us."""
    found: dict[str, Any] = {"title": title}
    found.update(_record_texts(fields))
    if creators := [_record_person(person) for person in _persons(fields)]:
        found["creators"] = creators
    if contact := _contact(fields):
        role = {"role": {"id": "contactperson"}}
        found["contributors"] = [{**_record_person(contact), **role}]
    if resource_type := _resource_type(fields):
        found["resource_type"] = {"id": resource_type}
    if license_id := known_license(fields.get("license")):
        found["rights"] = [{"id": license_id}]
    if day := _publication_date(fields, publishes):
        found["publication_date"] = day
    related = list(_related(fields))
    found["identifiers"] = [
        {"identifier": identifier, "scheme": scheme}
        for relation, identifier, scheme in related
        if relation == _ALTERNATE
    ]
    found["identifiers"].append({"identifier": f"{MARK}{ticket}", "scheme": "urn"})
    if others := [
        {"identifier": name, "scheme": scheme, "relation_type": {"id": relation.lower()}}
        for relation, name, scheme in related
        if relation != _ALTERNATE
    ]:
        found["related_identifiers"] = others
    return found


def deposit_metadata(
    title: str, fields: Mapping[str, Any], ticket: str, *, publishes: date | None = None
) -> dict[str, Any]:
    """`metadata` of a deposition in the older API."""
    found: dict[str, Any] = {"title": title}
    found.update(
        (key, value)
        for key, value in (
            ("description", _as_html(fields.get("description"))),
            ("notes", _as_html(fields.get("notes"))),
            ("keywords", list(_texts(fields, "keywords"))),
            ("references", list(_texts(fields, "references"))),
            ("license", known_license(fields.get("license"))),
            ("publication_date", _publication_date(fields, publishes)),
            ("creators", [_deposit_person(person) for person in _persons(fields)]),
        )
        if value
    )
    if contact := _contact(fields):
        found["contributors"] = [{**_deposit_person(contact), "type": "ContactPerson"}]
    if resource_type := _resource_type(fields):
        upload_type, _, finer = resource_type.partition("-")
        found["upload_type"] = upload_type
        if finer:
            found[f"{upload_type}_type"] = finer
    found["related_identifiers"] = [
        {"identifier": identifier, "relation": relation}
        for relation, identifier, _scheme in _related(fields)
    ]
    found["related_identifiers"].append({"identifier": f"{MARK}{ticket}", "relation": _ALTERNATE})
    return found


def left_out(fields: Mapping[str, Any], *, takes_publisher: bool) -> Iterator[tuple[str, object]]:
    """Field and value of everything that was given and that Zenodo would refuse or has not."""
    yield from given(fields, "categories", *(() if takes_publisher else ("publisher",)))
    if not fields.get("contact"):
        yield from given(fields, "organisation")
    if known_license(fields.get("license")) is None:
        yield from given(fields, "license")
    if _resource_type(fields) is None:
        yield from given(fields, "resource_type")
    if not _DATE.fullmatch(str(fields.get("publication_date") or "")):
        yield from given(fields, "publication_date")
    for row in fields.get("related_identifiers") or ():
        relation, identifier = str(row.get("relation") or ""), str(row.get("identifier") or "")
        if relation.lower() not in _RELATIONS or scheme_of(identifier) is None:
            yield "related_identifiers", f"{identifier} ({relation})"


def has_mark(metadata: Any, ticket: str) -> bool:
    """Whether a draft's metadata, in the form of either API, carries the ticket's mark."""
    if not isinstance(metadata, dict):
        return False
    rows = [*(metadata.get("identifiers") or ()), *(metadata.get("related_identifiers") or ())]
    return any(isinstance(row, dict) and row.get("identifier") == f"{MARK}{ticket}" for row in rows)


def known_license(text: object) -> str | None:
    """The licence's id, from an SPDX id or a Creative Commons address; None where it is unknown."""
    if not isinstance(text, str):
        return None
    text = text.strip().lower()
    if found := _CC.match(text):
        text = f"cc-{found[1]}-{found[2]}" if found[1] else "cc0-1.0"
    return text if text in _LICENSES else None


def scheme_of(identifier: str) -> tuple[str, str] | None:
    """What kind of identifier it is, and the identifier as Zenodo writes it."""
    for scheme, pattern in _SCHEMES:
        if found := pattern.fullmatch(identifier.strip()):
            return scheme, found[1]
    return None


def _record_texts(fields: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if description := _as_html(fields.get("description")):
        found["description"] = description
    if notes := _as_html(fields.get("notes")):
        found["additional_descriptions"] = [{"description": notes, "type": {"id": "other"}}]
    if keywords := [{"subject": text} for text in _texts(fields, "keywords")]:
        found["subjects"] = keywords
    if references := [{"reference": text} for text in _texts(fields, "references")]:
        found["references"] = references
    if isinstance(publisher := fields.get("publisher"), str) and publisher:
        found["publisher"] = publisher
    return found


def _record_person(person: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {"type": "organizational", "name": person["name"]}
    if not person.get("is_organisation"):
        family, _, given = person["name"].partition(",")
        body = {"type": "personal", "family_name": person.get("family_name") or family.strip()}
        if given := person.get("given_name") or given.strip():
            body["given_name"] = given
    if person.get("orcid"):
        body["identifiers"] = [{"scheme": "orcid", "identifier": person["orcid"]}]
    found: dict[str, Any] = {"person_or_org": body}
    if person.get("affiliation"):
        found["affiliations"] = [{"name": person["affiliation"]}]
    return found


def _deposit_person(person: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("name", "affiliation", "orcid")
    return {key: person[key] for key in keys if person.get(key)}


def _persons(fields: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for person in fields.get("creators") or ():
        if isinstance(person, Mapping) and isinstance(person.get("name"), str) and person["name"]:
            yield person


def _contact(fields: Mapping[str, Any]) -> Mapping[str, Any] | None:
    name = fields.get("contact")
    return {"name": name, "affiliation": fields.get("organisation")} if name else None


def _resource_type(fields: Mapping[str, Any]) -> str | None:
    return _TYPES.get(str(fields.get("resource_type") or "").lower())


def _publication_date(fields: Mapping[str, Any], publishes: date | None) -> str | None:
    given = fields.get("publication_date")
    if isinstance(given, str) and _DATE.fullmatch(given):
        return given
    return publishes.isoformat() if publishes is not None else None


def _related(fields: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Relation, identifier and scheme of everything that Zenodo would understand."""
    for row in fields.get("related_identifiers") or ():
        relation = _RELATIONS.get(str(row.get("relation") or "").lower())
        known = scheme_of(str(row.get("identifier") or ""))
        if relation and known:
            yield relation, known[1], known[0]


def _texts(fields: Mapping[str, Any], key: str) -> Iterable[str]:
    return (text for text in fields.get(key) or () if isinstance(text, str) and text.strip())


def _as_html(text: object) -> str | None:
    """Plain text for a field that Zenodo shows as HTML."""
    if not isinstance(text, str) or not text.strip():
        return None
    return html.escape(text.strip(), quote=False).replace("\n", "<br>")

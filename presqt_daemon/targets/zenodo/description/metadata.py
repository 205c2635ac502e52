"""Descriptive fields of an InvenioRDM draft, made from the neutral ones: pure.

Nothing is invented but the date that a draft must have; what nobody gave is left out, and so is
what the site has refused and what it would refuse when the draft is published.
"""

import html
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from presqt_daemon.targets.left_out import given
from presqt_daemon.targets.zenodo.description.identifiers import is_date, is_orcid, scheme_of
from presqt_daemon.targets.zenodo.description.vocabularies import (
    ALTERNATE,
    RELATIONS,
    language_id,
    license_id,
    resource_types,
)

MARK = "urn:uuid:"
"""A new draft carries `urn:uuid:<ticket>` as an alternate identifier of itself: both APIs list it,
readers of a record hardly see it, and it is true."""

LEAST_TEXT = 3
"""Characters of a title or description; shorter ones are dropped by the server without a word."""

_CONTACT_ROLE = "contactperson"
_NOTES_TYPE = "other"
_TITLE_TYPE = "alternative-title"

Fields = Mapping[str, Any]
NONE: frozenset[str] = frozenset()


def record_metadata(
    title: str,
    fields: Fields,
    ticket: str,
    *,
    today: date | None = None,
    refused: Collection[str] = NONE,
) -> dict[str, Any]:
    """`metadata` of a draft; `refused` are ids that the site does not know.

    `today` is the publication date where nobody gave one.
    """
    found: dict[str, Any] = {"title": title}
    found.update(_texts_of(fields, refused))
    if (other := other_title(title, fields)) is not None and _TITLE_TYPE not in refused:
        found["additional_titles"] = [{"title": other, "type": {"id": _TITLE_TYPE}}]
    if creators := [_person(person) for person in persons(fields)]:
        found["creators"] = creators
    if (who := contact(fields)) and _CONTACT_ROLE not in refused:
        found["contributors"] = [{**_person(who), "role": {"id": _CONTACT_ROLE}}]
    if kind := _resource_type(fields, refused):
        found["resource_type"] = {"id": kind}
    if rights := _rights(fields, refused):
        found["rights"] = [rights]
    if (language := _language(fields, refused)) is not None:
        found["languages"] = [{"id": language}]
    if day := publication_date(fields, today):
        found["publication_date"] = day
    found.update(_identifiers(fields, ticket, refused))
    return found


def left_out(fields: Fields, refused: Collection[str] = NONE) -> Iterator[tuple[str, object]]:
    """Field and value of everything that was given and that the draft does not say."""
    yield from given(fields, "categories")
    if not fields.get("contact"):
        yield from given(fields, "organisation")
    elif _CONTACT_ROLE in refused:
        yield from given(fields, "contact")
    if _NOTES_TYPE in refused:
        yield from given(fields, "notes")
    for person in persons(fields):
        if (orcid := person.get("orcid")) and not is_orcid(orcid):
            yield "orcid", f"{orcid} (its check digit is wrong)"
    if _resource_type(fields, refused) is None:
        yield from given(fields, "resource_type")
    if _language(fields, refused) is None:
        yield from given(fields, "language")
    if not is_date(fields.get("publication_date")):
        yield from given(fields, "publication_date")
    for name in ("description", "described_title"):
        if 0 < len(str(fields.get(name) or "").strip()) < LEAST_TEXT:
            yield from given(fields, name)
    for row in fields.get("related_identifiers") or ():
        relation, identifier = str(row.get("relation") or ""), str(row.get("identifier") or "")
        is_known = relation.lower() in RELATIONS and relation.lower() not in refused
        if not is_known or scheme_of(identifier) is None:
            yield "related_identifiers", f"{identifier} ({relation})"


def has_mark(metadata: Any, ticket: str) -> bool:
    """Whether a draft's metadata, in the form of either API, carries the ticket's mark."""
    if not isinstance(metadata, dict):
        return False
    lists = (metadata.get("identifiers"), metadata.get("related_identifiers"))
    rows = [row for rows in lists if isinstance(rows, list) for row in rows]
    return any(isinstance(row, dict) and row.get("identifier") == f"{MARK}{ticket}" for row in rows)


def other_title(title: str, fields: Fields) -> str | None:
    """The title that the bag's metadata give beside the one that the sender chose."""
    text = str(fields.get("described_title") or "").strip()
    return text if len(text) >= LEAST_TEXT and text != title else None


def publication_date(fields: Fields, today: date | None) -> str | None:
    """The day, month or year that was given, else today's date."""
    day = fields.get("publication_date")
    if isinstance(day, str) and is_date(day):
        return day
    return today.isoformat() if today is not None else None


def persons(fields: Fields) -> Iterator[Mapping[str, Any]]:
    """Everybody among the creators who has a name."""
    for person in fields.get("creators") or ():
        if isinstance(person, Mapping) and isinstance(person.get("name"), str) and person["name"]:
            yield person


def contact(fields: Fields) -> Mapping[str, Any] | None:
    """Whom to ask, with the organisation."""
    name = fields.get("contact")
    return {"name": name, "affiliation": fields.get("organisation")} if name else None


def related(fields: Fields, relations: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Relation, identifier and scheme of everything that would be understood, each once.

    The server drops all identifiers where one is there twice, the mark with them.
    """
    seen: set[tuple[str, str]] = set()
    for row in fields.get("related_identifiers") or ():
        relation = relations.get(str(row.get("relation") or "").lower())
        known = scheme_of(str(row.get("identifier") or ""))
        if relation and known and (entry := (relation, known[1].lower())) not in seen:
            seen.add(entry)
            yield relation, known[1], known[0]


def texts(fields: Fields, key: str) -> list[str]:
    """The texts of a field that is a list of them."""
    return [text for text in fields.get(key) or () if isinstance(text, str) and text.strip()]


def as_html(text: object) -> str | None:
    """Plain text for a field that Zenodo shows as HTML; None where there is too little."""
    if not isinstance(text, str) or len(text.strip()) < LEAST_TEXT:
        return None
    return html.escape(text.strip(), quote=False).replace("\n", "<br>")


def _texts_of(fields: Fields, refused: Collection[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if description := as_html(fields.get("description")):
        found["description"] = description
    if (notes := as_html(fields.get("notes"))) and _NOTES_TYPE not in refused:
        found["additional_descriptions"] = [{"description": notes, "type": {"id": _NOTES_TYPE}}]
    if keywords := [{"subject": text} for text in texts(fields, "keywords")]:
        found["subjects"] = keywords
    if references := [{"reference": text} for text in texts(fields, "references")]:
        found["references"] = references
    for name in ("publisher", "version"):
        if isinstance(value := fields.get(name), str) and value.strip():
            found[name] = value.strip()
    return found


def _person(person: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {"type": "organizational", "name": person["name"]}
    if not person.get("is_organisation"):
        family, _, given_name = person["name"].partition(",")
        body = {"type": "personal", "family_name": person.get("family_name") or family.strip()}
        if given_name := person.get("given_name") or given_name.strip():
            body["given_name"] = given_name
    if (orcid := person.get("orcid")) and is_orcid(orcid):
        body["identifiers"] = [{"scheme": "orcid", "identifier": orcid}]
    found: dict[str, Any] = {"person_or_org": body}
    if person.get("affiliation"):
        found["affiliations"] = [{"name": person["affiliation"]}]
    return found


def _resource_type(fields: Fields, refused: Collection[str]) -> str | None:
    kinds = resource_types(fields.get("resource_type"))
    return next((kind for kind in kinds if kind not in refused), None)


def _language(fields: Fields, refused: Collection[str]) -> str | None:
    language = language_id(fields.get("language"))
    return language if language not in refused else None


def _rights(fields: Fields, refused: Collection[str]) -> dict[str, Any] | None:
    """A licence that the site knows by its id, else in the words that were given."""
    text = fields.get("license")
    if not isinstance(text, str) or not text.strip():
        return None
    known = license_id(text)
    if known is not None and known not in refused:
        return {"id": known}
    text = text.strip()
    link = {"link": text} if text.lower().startswith(("http://", "https://")) else {}
    return {"title": {"en": text}, **link}


def _identifiers(fields: Fields, ticket: str, refused: Collection[str]) -> dict[str, Any]:
    rows = [row for row in related(fields, RELATIONS) if row[0].lower() not in refused]
    mark = {"identifier": f"{MARK}{ticket}", "scheme": "urn"}
    own: Iterable[dict[str, str]] = (
        {"identifier": identifier, "scheme": scheme}
        for relation, identifier, scheme in rows
        if relation == ALTERNATE and identifier.lower() != mark["identifier"]
    )
    found: dict[str, Any] = {"identifiers": [*own, mark]}
    if others := [
        {"identifier": name, "scheme": scheme, "relation_type": {"id": relation.lower()}}
        for relation, name, scheme in rows
        if relation != ALTERNATE
    ]:
        found["related_identifiers"] = others
    return found

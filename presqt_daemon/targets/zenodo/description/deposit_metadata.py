"""Descriptive fields of a deposition in Zenodo's older API, made from the neutral ones: pure."""

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from typing import Any

from presqt_daemon.targets.left_out import given
from presqt_daemon.targets.zenodo.description import metadata as record
from presqt_daemon.targets.zenodo.description import vocabularies
from presqt_daemon.targets.zenodo.description.identifiers import is_orcid
from presqt_daemon.targets.zenodo.description.metadata import MARK, NONE, Fields
from presqt_daemon.targets.zenodo.description.vocabularies import OLDER_RELATIONS


def deposit_metadata(
    title: str,
    fields: Fields,
    ticket: str,
    *,
    today: date | None = None,
    refused: Collection[str] = NONE,  # noqa: ARG001  (this API names no value that it refuses)
) -> dict[str, Any]:
    """`metadata` of a deposition."""
    found: dict[str, Any] = {"title": title}
    found.update(
        (key, value)
        for key, value in (
            ("description", record.as_html(fields.get("description"))),
            ("notes", record.as_html(_notes(title, fields))),
            ("keywords", record.texts(fields, "keywords")),
            ("references", record.texts(fields, "references")),
            ("license", _license(fields)),
            ("language", vocabularies.language_id(fields.get("language"))),
            ("version", fields.get("version")),
            ("publication_date", record.publication_date(fields, today)),
            ("creators", [_person(person) for person in record.persons(fields)]),
        )
        if value
    )
    if who := record.contact(fields):
        found["contributors"] = [{**_person(who), "type": "ContactPerson"}]
    if kind := _resource_type(fields):
        upload_type, _, finer = kind.partition("-")
        found["upload_type"] = upload_type
        if finer:
            found[f"{upload_type}_type"] = finer
    found["related_identifiers"] = [
        {"identifier": identifier, "relation": relation}
        for relation, identifier, _scheme in record.related(fields, OLDER_RELATIONS)
        if identifier.lower() != f"{MARK}{ticket}"
    ]
    found["related_identifiers"].append(
        {"identifier": f"{MARK}{ticket}", "relation": vocabularies.ALTERNATE}
    )
    return found


def left_out(
    fields: Fields,
    refused: Collection[str] = NONE,  # noqa: ARG001
) -> Iterator[tuple[str, object]]:
    """Field and value of everything that was given and that this API would refuse or has not."""
    yield from record.left_out(fields)
    yield from given(fields, "publisher")
    if _license(fields) is None:
        yield from given(fields, "license")
    for row in fields.get("related_identifiers") or ():
        relation = str(row.get("relation") or "")
        is_newer = {"related_identifiers": [row]}
        if relation.lower() not in OLDER_RELATIONS and not list(record.left_out(is_newer)):
            yield "related_identifiers", f"{row.get('identifier')} ({relation})"


def _notes(title: str, fields: Fields) -> str | None:
    """The notes; the title of the bag's metadata has no other place here."""
    lines = [str(fields["notes"])] if fields.get("notes") else []
    if (other := record.other_title(title, fields)) is not None:
        lines.append(f"Title: {other}")
    return "\n".join(lines) or None


def _license(fields: Fields) -> str | None:
    known = vocabularies.license_id(fields.get("license"))
    return known if known in vocabularies.OLDER_LICENSES else None


def _resource_type(fields: Fields) -> str | None:
    kind = str(fields.get("resource_type") or "").lower()
    return vocabularies.OLDER_TYPES.get(kind) or next(iter(vocabularies.resource_types(kind)), None)


def _person(person: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("name", "affiliation", "orcid")
    found = {key: person[key] for key in keys if person.get(key)}
    if "orcid" in found and not is_orcid(found["orcid"]):
        del found["orcid"]
    return found

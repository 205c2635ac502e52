"""Which values of a `datacite.json` are not of the type that DataCite gives them."""

from collections.abc import Iterator, Mapping
from typing import Any

_NAMED = (str, {"name": str})
"""Text, or an object with a name: affiliations and the publisher, by the schema's version."""

_SHAPE: Mapping[str, Any] = {
    "titles": [{"title": str}],
    "creators": [
        {
            "name": str,
            "givenName": str,
            "familyName": str,
            "nameType": str,
            "nameIdentifiers": [{"nameIdentifier": str}],
            "affiliation": [_NAMED],
        }
    ],
    "subjects": [{"subject": str}],
    "contributors": [{"contributorType": str, "name": str}],
    "dates": [{"dateType": str, "date": str}],
    "publicationYear": (int, str),
    "publisher": _NAMED,
    "rightsList": [{"rights": str, "rightsUri": str, "rightsIdentifier": str}],
    "descriptions": [{"description": str, "descriptionType": str}],
    "relatedIdentifiers": [{"relatedIdentifier": str, "relationType": str}],
    "identifiers": [{"identifier": str}],
    "alternateIdentifiers": [{"alternateIdentifier": str}],
    "types": {"resourceTypeGeneral": str},
    "language": str,
    "version": str,
}
"""What `describe` reads of it (DataCite Metadata Schema 4.5 as JSON)."""


def misplaced(tree: Mapping[str, Any]) -> Iterator[str]:
    """Where a value of another type stands, as `creators[0].name`.

    Nothing is taken from there. A value of null counts as left out.
    """
    data = tree.get("data")
    inner = data.get("attributes") if isinstance(data, dict) else None
    yield from _misplaced(inner if isinstance(inner, dict) else tree, _SHAPE, "")


def _misplaced(value: Any, shape: Any, place: str) -> Iterator[str]:
    if value is None:
        return
    if isinstance(shape, tuple):
        if all(any(_misplaced(value, one, place)) for one in shape):
            yield place
    elif isinstance(shape, list) and isinstance(value, list):
        for number, item in enumerate(value):
            yield from _misplaced(item, shape[0], f"{place}[{number}]")
    elif isinstance(shape, Mapping) and isinstance(value, dict):
        for key, one in shape.items():
            yield from _misplaced(value.get(key), one, f"{place}.{key}" if place else key)
    elif isinstance(shape, Mapping | list) or not _is_a(value, shape):
        yield place


def _is_a(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))

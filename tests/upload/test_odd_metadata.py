"""Whatever a sender writes into a bag's metadata or a side-car ends by name or as a warning."""

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest

from presqt_daemon.errors import PresqtError
from presqt_daemon.metadata.bag_metadata import DATACITE, bag_description
from presqt_daemon.metadata.fts_document import NAME, fts_bytes, parse_fts
from presqt_daemon.tickets.options import choices_from_sidecar
from tests.metadata.bags_on_disk import metadata_of
from tests.targets.odd_answers import ODD, WHOLE, put_at, spots_of

SAMPLE = 300
LONG = 20_000

DATACITE_TREE: dict[str, Any] = {
    "titles": [{"title": "T"}], "publisher": {"name": "P"}, "publicationYear": 2026,
    "creators": [{"name": "F, G", "givenName": "G", "familyName": "F", "nameType": "Personal",
                  "affiliation": [{"name": "A"}], "nameIdentifiers": [{"nameIdentifier": "0"}]}],
    "subjects": [{"subject": "s"}], "dates": [{"dateType": "Issued", "date": "2026-01-01"}],
    "contributors": [{"contributorType": "ContactPerson", "name": "C"}],
    "rightsList": [{"rights": "r", "rightsUri": "u", "rightsIdentifier": "i"}],
    "descriptions": [{"description": "d", "descriptionType": "Abstract"}],
    "relatedIdentifiers": [{"relatedIdentifier": "x", "relationType": "IsPartOf"}],
    "identifiers": [{"identifier": "x"}], "alternateIdentifiers": [{"alternateIdentifier": "y"}],
    "types": {"resourceTypeGeneral": "Dataset"}, "data": {"attributes": None},
}  # fmt: skip
FTS_TREE: dict[str, Any] = {
    "allKeywords": ["a"],
    "actions": [
        {"id": "1", "details": "d", "actionDateTime": "t", "actionType": "a",
         "sourceTargetName": "s", "destinationTargetName": "d", "sourceUsername": None,
         "destinationUsername": 5, "keywords": {"ontologies": [{}], "enhancer": None},
         "files": {"created": [], "updated": [], "ignored": []}}
    ],
    "extra_metadata": {
        "title": "T", "creators": [{"first_name": "G", "last_name": "F", "ORCID": None}],
        "publication_date": "2026", "description": "d", "keywords": ["k"], "license": "l",
        "related_identifiers": [{"type": "t", "identifier": "i"}], "references": "r", "notes": "n",
    },
}  # fmt: skip


def odd_bytes(tree: dict[str, Any], chance: random.Random) -> bytes:
    """The tree with one to three odd values in it; now and then no such tree at all."""
    if chance.random() < 0.1:
        return chance.choice(WHOLE)
    odd: Any = copy.deepcopy(tree)
    for _ in range(chance.choice((1, 2, 3))):
        odd = put_at(odd, chance.choice(list(spots_of(odd)) or [()]), chance.choice(ODD))
    return json.dumps(odd).encode()


@pytest.mark.parametrize(("name", "tree"), [(DATACITE, DATACITE_TREE), (NAME, FTS_TREE)])
def test_odd_metadata_is_a_description_or_a_warning(
    tmp_path: Path, name: str, tree: dict[str, Any], full: bool
) -> None:
    (tmp_path / "data").mkdir()
    for seed in range(LONG if full else SAMPLE):
        content = odd_bytes(tree, random.Random(seed))
        (tmp_path / "data" / name).write_bytes(content)
        described, _warnings = bag_description(metadata_of(tmp_path), [("Title", "T")])
        json.dumps(described.fields()).encode()
        assert "\ud800" not in repr(described.fields()), f"seed {seed}"
        document = parse_fts(content)
        if document is not None:
            assert parse_fts(fts_bytes(document)) == document, f"seed {seed}"


PARTS = (
    b"title", b"target", b": ", b"\n", b"[", b"{", b"}", b"&a ", b"*a", b"!!int ", b"!!set ", b"? ",
    b"- ", b"'", b'"', b"\\ud800", b"\x00", b"\xff", b"\xe2\x80\xae", b"%YAML 9", b"<<", b"|", b">",
    b"#", b"---", b"9" * 5000, b"\t", b"x",
)  # fmt: skip


def test_odd_side_cars_end_by_name(full: bool) -> None:
    codes = set()
    for seed in range(LONG if full else SAMPLE):
        chance = random.Random(seed)
        content = b"".join(chance.choices(PARTS, k=chance.randint(1, 20)))
        try:
            choices_from_sidecar(content, "x.zip.yaml")
        except PresqtError as error:
            codes.add(error.code)
    assert codes == {"bad-sidecar"}

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from presqt_daemon.config import TargetConfig
from presqt_daemon.metadata.describe import Description, Person, Related, describe
from presqt_daemon.metadata.description_warnings import not_passed_on, required_but_missing
from presqt_daemon.model import UploadResult
from presqt_daemon.targets.base import Container, ContainerRequest
from presqt_daemon.targets.left_out import UNDESCRIBED, state_from
from presqt_daemon.targets.zenodo.description.deposit_metadata import deposit_metadata
from presqt_daemon.targets.zenodo.description.identifiers import scheme_of
from presqt_daemon.targets.zenodo.description.metadata import has_mark, record_metadata
from presqt_daemon.targets.zenodo.description.vocabularies import license_id as known_license
from tests.metadata.bags_on_disk import metadata_of
from tests.targets.memory import MemoryStore, MemoryTarget
from tests.upload.tickets import Supervisor, job_for, staged

TICKET = "0b8c1f7e-3b1e-4a56-9a55-3f0f6f0c5d11"
INFO = (
    ("Source-Organization", "University of Somewhere"),
    ("Contact-Name", "Mary Contact"),
    ("Contact-Email", "mary@example.org"),
    ("Contact-Phone", "+1 555 0100"),
    ("External-Description", "Counts of birds"),
    ("External-Identifier", "https://example.org/birds"),
    ("Bagging-Date", "2026-01-02"),
    ("Creator", "Doe, Jane"),
    ("Creator", "The Bird Society"),
    ("Keywords", "birds; counts, birds"),
    ("License", "CC-BY-4.0"),
    ("Resource-Type", "Dataset"),
)
EXTRA: dict[str, Any] = {
    "title": "Birds",
    "creators": [{"first_name": "Jane", "last_name": "Doe", "ORCID": "0000-0002-1825-0097"}],
    "publication_date": "2026-03-04",
    "description": "From PresQT",
    "keywords": ["owls"],
    "license": "cc0-1.0",
    "related_identifiers": [{"type": "isCitedBy", "identifier": "10.1234/abc"}],
    "references": "A book",
    "notes": "A note",
}
DATACITE: dict[str, Any] = {
    "titles": [{"title": "Birds of Somewhere"}],
    "creators": [
        {
            "name": "Doe, Jane",
            "nameType": "Personal",
            "givenName": "Jane",
            "familyName": "Doe",
            "affiliation": [{"name": "University of Somewhere"}],
            "nameIdentifiers": [{"nameIdentifier": "https://orcid.org/0000-0002-1825-0097"}],
        },
        {"name": "The Bird Society", "nameType": "Organizational"},
    ],
    "publisher": {"name": "A house"},
    "publicationYear": 2025,
    "types": {"resourceTypeGeneral": "Software"},
    "subjects": [{"subject": "ornithology"}],
    "descriptions": [
        {"description": "How", "descriptionType": "Methods"},
        {"description": "The abstract", "descriptionType": "Abstract"},
    ],
    "rightsList": [{"rightsUri": "https://creativecommons.org/licenses/by-sa/4.0/legalcode"}],
    "relatedIdentifiers": [{"relatedIdentifier": "10.5072/xyz", "relationType": "IsSupplementTo"}],
}


class TestSources:
    def test_bag_info_gives_what_its_labels_say(self) -> None:
        assert describe(INFO) == Description(
            description="Counts of birds",
            creators=(
                Person(name="Doe, Jane", given_name="Jane", family_name="Doe"),
                Person(name="The Bird Society"),
            ),
            keywords=("birds", "counts"),
            license="CC-BY-4.0",
            related_identifiers=(
                Related(relation="isAlternateIdentifier", identifier="https://example.org/birds"),
            ),
            contact="Mary Contact",
            organisation="University of Somewhere",
            resource_type="Dataset",
        )

    def test_nothing_private_is_handed_on(self) -> None:
        text = json.dumps(describe(INFO).fields())
        assert "mary@example.org" not in text
        assert "555" not in text

    def test_nothing_is_invented(self) -> None:
        assert describe(()).fields() == {}

    def test_labels_are_read_in_any_case(self) -> None:
        assert describe([("EXTERNAL-description", " x ")]).description == "x"

    def test_presqts_extra_metadata_goes_before_bag_info(self) -> None:
        found = describe(INFO, EXTRA)
        assert (found.title, found.description, found.keywords) == (
            "Birds",
            "From PresQT",
            ("owls",),
        )
        assert found.creators == (
            Person(
                name="Doe, Jane",
                given_name="Jane",
                family_name="Doe",
                orcid="0000-0002-1825-0097",
            ),
        )
        assert found.related_identifiers == (
            Related(relation="isCitedBy", identifier="10.1234/abc"),
        )
        assert (found.references, found.notes) == (("A book",), "A note")
        assert found.resource_type == "Dataset"

    @pytest.mark.parametrize("tree", [DATACITE, {"data": {"attributes": DATACITE}}])
    def test_datacite_goes_before_all(self, tree: dict[str, Any]) -> None:
        found = describe(INFO, EXTRA, tree)
        assert found.title == "Birds of Somewhere"
        assert found.description == "The abstract"
        assert [person.name for person in found.creators] == ["Doe, Jane", "The Bird Society"]
        assert found.creators[0].affiliation == "University of Somewhere"
        assert found.creators[0].orcid == "0000-0002-1825-0097"
        assert found.creators[1].is_organisation
        assert found.publication_date == "2025"
        assert found.publisher == "A house"
        assert found.resource_type == "Software"
        assert found.related_identifiers == (
            Related(relation="isSupplementTo", identifier="10.5072/xyz"),
        )
        assert found.notes == "A note"

    @pytest.mark.parametrize(
        "tree",
        [
            {"creators": "Doe"},
            {"creators": [None, 1, {"name": 3}]},
            {"titles": {"title": "x"}, "types": [], "publisher": 5, "subjects": ["x"]},
            {"data": []},
            {"relatedIdentifiers": [{"relationType": "", "relatedIdentifier": ""}]},
        ],
    )
    def test_what_is_not_of_the_form_is_passed_over(self, tree: dict[str, Any]) -> None:
        assert describe((), None, tree) == Description()

    def test_a_wrong_orcid_is_left_out(self) -> None:
        extra = {"creators": [{"last_name": "Doe", "ORCID": "12"}]}
        assert describe((), extra).creators == (Person(name="Doe", family_name="Doe"),)


class TestWhatIsMissing:
    def test_each_missing_field_is_named(self) -> None:
        findings = required_but_missing("zenodo", Description(description="x"))
        assert {finding.code for finding in findings} == {"metadata-missing"}
        assert ["creators" in finding.message for finding in findings] == [True, False]
        assert "kind of resource" in findings[1].message

    def test_a_whole_description_lacks_nothing(self) -> None:
        assert required_but_missing("zenodo", describe(INFO)) == ()

    def test_a_target_with_few_fields_gets_one_warning_that_names_the_others(self) -> None:
        container = Container(id="1", title="T", link=None, is_new=True)
        (finding,) = not_passed_on("github", container, describe(INFO))
        assert finding.code == "metadata-not-passed"
        assert finding.message == (
            "The target has no place for: creators, keywords, licence, related identifiers, "
            "contact, organisation, resource type."
        )
        assert not_passed_on("folder", container, describe(INFO)) == ()
        old = replace(container, is_new=False)
        assert not_passed_on("github", old, describe(INFO)) == ()

    def test_what_a_target_left_out_is_said_with_its_value(self) -> None:
        state = state_from([("license", "Beer\nware"), ("notes", "a"), ("notes", "b")])
        container = Container(id="1", title="T", link=None, is_new=True, state=state)
        first, second = not_passed_on("figshare", container, Description(license="Beer\nware"))
        assert "licence 'Beer ware'" in first.message
        assert "cannot be published without" in first.message
        assert "notes 'a; b'" in second.message
        assert "published" not in second.message

    def test_targets_that_publish_nothing_want_nothing(self) -> None:
        assert required_but_missing("github", Description()) == ()


class TestBagMetadata:
    def test_datacite_is_found_beside_the_payload_first(self, tmp_path: Path) -> None:
        for place, title in (("metadata", "tag"), ("data", "payload"), ("data/P", "top")):
            (tmp_path / place).mkdir(exist_ok=True)
            tree = {"titles": [{"title": title}]}
            (tmp_path / place / "datacite.json").write_text(json.dumps(tree))
        for title, place in (("tag", "metadata"), ("payload", "data")):
            found = metadata_of(tmp_path)
            assert found.datacite == {"titles": [{"title": title}]}
            (tmp_path / place / "datacite.json").unlink()
        assert metadata_of(tmp_path).datacite == {"titles": [{"title": "top"}]}

    @pytest.mark.parametrize("places", [("data/P/deep",), ("data/P", "data/P2")])
    def test_a_nested_one_is_the_senders_own(self, tmp_path: Path, places: tuple[str, ...]) -> None:
        for place in places:
            (tmp_path / place).mkdir(parents=True)
            (tmp_path / place / "datacite.json").write_text("{}")
            (tmp_path / place / "PRESQT_FTS_METADATA.json").write_text(
                '{"allKeywords": [], "actions": []}'
            )
        found = metadata_of(tmp_path)
        assert (found.datacite, found.fts, found.warnings) == (None, None, ())

    @pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b"[" * 100_000])
    def test_a_broken_one_is_a_warning(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "data").mkdir()
        for name in ("datacite.json", "PRESQT_FTS_METADATA.json"):
            (tmp_path / "data" / name).write_bytes(content)
        found = metadata_of(tmp_path)
        assert [warning.path for warning in found.warnings] == [
            "data/datacite.json",
            "data/PRESQT_FTS_METADATA.json",
        ]
        assert found.extra == {}

    def test_a_link_is_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        (tmp_path / "secret").write_text("{}")
        (tmp_path / "data" / "datacite.json").symlink_to(tmp_path / "secret")
        assert metadata_of(tmp_path).datacite is None


class TestZenodosFields:
    def test_of_a_record(self) -> None:
        found = record_metadata("Title", describe(INFO, EXTRA, DATACITE).fields(), TICKET)
        assert found == {
            "title": "Title",
            "description": "The abstract",
            "additional_descriptions": [{"description": "A note", "type": {"id": "other"}}],
            "subjects": [{"subject": "ornithology"}],
            "references": [{"reference": "A book"}],
            "publisher": "A house",
            "creators": [
                {
                    "person_or_org": {
                        "type": "personal",
                        "family_name": "Doe",
                        "given_name": "Jane",
                        "identifiers": [{"scheme": "orcid", "identifier": "0000-0002-1825-0097"}],
                    },
                    "affiliations": [{"name": "University of Somewhere"}],
                },
                {"person_or_org": {"type": "organizational", "name": "The Bird Society"}},
            ],
            "contributors": [
                {
                    "person_or_org": {"type": "personal", "family_name": "Mary Contact"},
                    "affiliations": [{"name": "University of Somewhere"}],
                    "role": {"id": "contactperson"},
                }
            ],
            "resource_type": {"id": "software"},
            "rights": [{"id": "cc-by-sa-4.0"}],
            "publication_date": "2025",
            "identifiers": [{"identifier": f"urn:uuid:{TICKET}", "scheme": "urn"}],
            "related_identifiers": [
                {
                    "identifier": "10.5072/xyz",
                    "scheme": "doi",
                    "relation_type": {"id": "issupplementto"},
                }
            ],
        }

    def test_of_a_deposition(self) -> None:
        found = deposit_metadata("Title", describe(INFO, EXTRA).fields(), TICKET)
        assert found == {
            "title": "Title",
            "description": "From PresQT",
            "notes": "A note",
            "keywords": ["owls"],
            "references": ["A book"],
            "license": "cc0-1.0",
            "publication_date": "2026-03-04",
            "creators": [{"name": "Doe, Jane", "orcid": "0000-0002-1825-0097"}],
            "contributors": [
                {
                    "name": "Mary Contact",
                    "affiliation": "University of Somewhere",
                    "type": "ContactPerson",
                }
            ],
            "upload_type": "dataset",
            "related_identifiers": [
                {"identifier": "10.1234/abc", "relation": "isCitedBy"},
                {"identifier": f"urn:uuid:{TICKET}", "relation": "isAlternateIdentifier"},
            ],
        }

    @pytest.mark.parametrize("build", [record_metadata, deposit_metadata])
    def test_nothing_given_is_nothing_but_title_and_mark(self, build: Any) -> None:
        found = build("Title", {}, TICKET)
        assert set(found) == {"title", *({"identifiers", "related_identifiers"} & set(found))}
        assert has_mark(found, TICKET)
        assert not has_mark(found, TICKET.replace("0b", "0c"))

    def test_plain_text_is_not_taken_for_html(self) -> None:
        found = record_metadata("T", {"description": "a < b\n& c"}, TICKET)
        assert found["description"] == "a &lt; b<br>&amp; c"

    @pytest.mark.parametrize(
        ("text", "license_id"),
        [
            ("CC-BY-4.0", "cc-by-4.0"),
            ("https://creativecommons.org/licenses/by/4.0/", "cc-by-4.0"),
            ("http://creativecommons.org/publicdomain/zero/1.0/", "cc0-1.0"),
            ("MIT", "mit"),
            ("ask me", None),
            (None, None),
        ],
    )
    def test_only_known_licences_are_sent(self, text: str | None, license_id: str | None) -> None:
        assert known_license(text) == license_id

    @pytest.mark.parametrize(
        ("identifier", "found"),
        [
            ("https://doi.org/10.5281/zenodo.1", ("doi", "10.5281/zenodo.1")),
            ("doi:10.5281/zenodo.1", ("doi", "10.5281/zenodo.1")),
            ("https://example.org/x", ("url", "https://example.org/x")),
            ("urn:isbn:0451450523", ("urn", "urn:isbn:0451450523")),
            ("ark:/12345/x", ("ark", "ark:/12345/x")),
            ("our shelf 12", None),
        ],
    )
    def test_identifiers_of_no_known_kind_are_not_sent(
        self, identifier: str, found: tuple[str, str] | None
    ) -> None:
        assert scheme_of(identifier) == found


class NotingTarget(MemoryTarget):
    """A memory target that notes what it was told of new resources."""

    noted: ClassVar[list[Mapping[str, object]]] = []
    state: ClassVar[Mapping[str, str]] = {}

    def container(self, request: ContainerRequest) -> Container:
        self.noted.append(request.fields)
        return replace(super().container(request), state=self.state)


def send(
    tmp_path: Path, state: Mapping[str, str], **options: Any
) -> tuple[UploadResult, list[Mapping[str, object]]]:
    store = MemoryStore()
    store.room("Theirs")

    class Target(NotingTarget):
        noted: ClassVar[list[Mapping[str, object]]] = []

    Target.state = state
    folder = staged(tmp_path, {"Project/datacite.json": json.dumps(DATACITE).encode()})
    job = job_for(folder, TargetConfig(name="memory", type="zenodo"), **options)
    result = Supervisor().send(job, connect=lambda _config, token: Target(store, token))
    return result, Target.noted


def test_a_new_resource_is_described_by_its_bag(tmp_path: Path) -> None:
    result, (fields,) = send(tmp_path, {})
    assert fields["description"] == "The abstract"
    assert result.warnings == ()


def test_an_existing_one_is_left_as_it_is_described(tmp_path: Path) -> None:
    _result, (fields,) = send(tmp_path, {}, resource_id="room-1")
    assert fields == {}


def test_a_description_that_the_target_refused_is_told(tmp_path: Path) -> None:
    result, _noted = send(tmp_path, {UNDESCRIBED: "zenodo answered 400 to it."})
    (warning,) = result.warnings
    assert warning.code == "metadata-refused"
    assert "zenodo answered 400 to it" in warning.message

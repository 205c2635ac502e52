import json
from pathlib import Path

import pytest

from presqt_daemon.errors import ConfigError
from presqt_daemon.model import Severity
from presqt_daemon.profile import Profile, read_profile
from tests.bagit.verdicts import bag, judge

MINIMAL: dict[str, object] = {
    "BagIt-Profile-Info": {"BagIt-Profile-Identifier": "https://example.org/p.json"},
    "Accept-BagIt-Version": ["0.97", "1.0"],
}
ID = ("BagIt-Profile-Identifier", "https://example.org/p.json")


def written(folder: Path, **fields: object) -> Path:
    path = folder / "profile.json"
    path.write_text(json.dumps(MINIMAL | fields), encoding="utf-8")
    return path


CASES: list[tuple[str, dict[str, object]]] = [
    ("profile-version", {"Accept-BagIt-Version": ["0.97"]}),
    ("profile-info-missing", {"Bag-Info": {"Contact-Name": {"required": True}}}),
    ("profile-info-recommended", {"Bag-Info": {"Contact-Name": {"recommended": True}}}),
    ("profile-info-value", {"Bag-Info": {"source": {"values": ["x", "y"]}}}),
    ("profile-info-repeated", {"Bag-Info": {"Twice": {"repeatable": False}}}),
    (
        "profile-identifier",
        {"BagIt-Profile-Info": {"BagIt-Profile-Identifier": "https://example.org/other.json"}},
    ),
    ("profile-manifest-required", {"Manifests-Required": ["md5"]}),
    ("profile-manifest-required", {"Tag-Manifests-Required": ["md5"]}),
    ("profile-manifest-not-allowed", {"Manifests-Allowed": ["md5"]}),
    ("profile-manifest-not-allowed", {"Tag-Manifests-Allowed": []}),
    ("profile-file-required", {"Tag-Files-Required": ["aptrust-info.txt"]}),
    ("profile-file-required", {"Payload-Files-Required": ["data/README"]}),
    ("profile-file-not-allowed", {"Tag-Files-Allowed": ["other/*"]}),
    ("profile-file-not-allowed", {"Payload-Files-Allowed": ["data/P/a*"]}),
    ("profile-fetch", {"Allow-Fetch.txt": False}),
    ("profile-data-not-empty", {"Data-Empty": True}),
    ("profile-serialization", {"Serialization": "forbidden"}),
    ("profile-serialization", {"Accept-Serialization": ["application/tar"]}),
]
PROFILE_CODES = {code for code, _fields in CASES}

FILES = bag(
    info=(ID, ("Source", "z"), ("Twice", "1"), ("Twice", "2")),
    change={"meta/x.xml": b"<x/>", "fetch.txt": b""},
)


@pytest.mark.parametrize(("code", "fields"), CASES)
def test_a_demand_that_is_not_met_gets_its_code(
    tmp_path: Path, code: str, fields: dict[str, object]
) -> None:
    verdict = judge(FILES, profile=read_profile(written(tmp_path, **fields)))
    found = verdict.of(code)
    assert len(found) == 1
    assert verdict.valid is (found[0].severity is Severity.WARNING)


def test_a_bag_that_meets_every_demand_is_valid(tmp_path: Path) -> None:
    profile = read_profile(
        written(
            tmp_path,
            **{
                "Bag-Info": {
                    "source": {"required": True, "values": ["z"]},
                    "Payload-Oxum": {"required": True, "repeatable": False},
                },
                "Manifests-Required": ["sha512"],
                "Manifests-Allowed": ["SHA-512", "sha256"],
                "Tag-Manifests-Required": ["sha512"],
                "Tag-Files-Required": ["meta/x.xml", "bag-info.txt"],
                "Tag-Files-Allowed": ["meta/*"],
                "Payload-Files-Required": ["data/P/a.txt"],
                "Payload-Files-Allowed": ["data/P/*"],
                "Fetch.txt-Required": True,
                "Serialization": "required",
                "Accept-Serialization": ["application/zip"],
                "Other-Info": {},
            },
        )
    )
    verdict = judge(FILES, profile=profile)
    assert verdict.findings == ()


def test_a_required_fetch_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    profile = read_profile(written(tmp_path, **{"Fetch.txt-Required": True}))
    assert judge(bag(info=(ID,)), profile=profile).errors == ["profile-fetch"]


def test_one_empty_file_counts_as_no_payload(tmp_path: Path) -> None:
    profile = read_profile(written(tmp_path, **{"Data-Empty": True}))
    assert judge(bag({"keep": b""}, info=(ID,)), profile=profile).valid


def test_the_least_profile_asks_for_little(tmp_path: Path) -> None:
    assert read_profile(written(tmp_path)) == Profile(
        identifier="https://example.org/p.json", versions=("0.97", "1.0")
    )


def test_all_problems_of_a_bad_profile_are_told_at_once(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        **{
            "BagIt-Profile-Info": {},
            "Accept-BagIt-Version": [],
            "Manifests-Required": "md5",
            "Tag-Files-Allowed": [1],
            "Allow-Fetch.txt": "no",
            "Serialization": "maybe",
            "Bag-Info": {"A": [], "B": {"required": "yes"}, "C": {"values": "x"}},
        },
    )
    with pytest.raises(ConfigError) as caught:
        read_profile(path)
    keys = [
        problem.removeprefix(f"{path}: ").partition(":")[0] for problem in caught.value.problems
    ]
    assert sorted(keys) == [
        "Accept-BagIt-Version", "Allow-Fetch.txt", "Bag-Info.A", "Bag-Info.B.required",
        "Bag-Info.C.values", "BagIt-Profile-Info", "Manifests-Required", "Serialization",
        "Tag-Files-Allowed",
    ]  # fmt: skip


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b" " * (2 << 20)])
def test_a_file_that_is_no_profile_is_a_configuration_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "p.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_profile(path)
    assert str(path) in str(caught.value)


def test_a_missing_profile_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        read_profile(tmp_path / "none.json")

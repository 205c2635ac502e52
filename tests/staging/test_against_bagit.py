"""Differential: either the library `bagit` 1.9.0 agrees, or the difference was reviewed."""

import tempfile
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from presqt_daemon.bagit.tree import EntryKind, tree_from_folder
from presqt_daemon.staging.library import disagreement, make_bag, trouble_with
from tests.bagit.odd_bags import ALL, OddBag
from tests.bagit.verdicts import Files, bag, judge, line

pytestmark = pytest.mark.skipif(
    installed("bagit") != "1.9.0", reason="the differences were reviewed for bagit 1.9.0"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Where the library judges otherwise, why ours stands, and the RFC 8493 section."""

    what: str
    why: str
    section: str
    bags: tuple[str, ...]


REVIEWED = [
    Difference(
        what="labels of bagit.txt in other letter case: refused",
        why="accepted, with a warning that others refuse it",
        section="2.1.1",
        bags=("bagit.txt with BagIt-version (rocrateR)",),
    ),
    Difference(
        what="bagit.txt with more lines, swapped lines, or other spaces (1.0): accepted",
        why="exactly two lines in this order and form",
        section="2.1.1",
        bags=(
            "bagit.txt with three lines",
            "bagit.txt with a blank line",
            "bagit.txt with its lines swapped",
            "bagit.txt with a space before the colon, 1.0",
            "bagit.txt with two spaces, 1.0",
            "bagit.txt without a space, 1.0",
            "bagit.txt with trailing spaces, 1.0",
        ),
    ),
    Difference(
        what="versions such as 1, 1.1, or in other digits: accepted",
        why="M.N; a version nobody has defined cannot be verified",
        section="2.1.1",
        bags=("version 1", "version 1.1", "version in other digits"),
    ),
    Difference(
        what="encodings that only Python knows: accepted, or they crash or inflate",
        why="a registered character set",
        section="2.1.1",
        bags=(
            "encoding 'idna'",
            "encoding 'unicode_escape'",
            "encoding 'raw_unicode_escape'",
            "encoding 'utf-8-sig'",
            "encoding 'UTF 8'",
        ),
    ),
    Difference(
        what="UTF-16 without a byte-order mark: refused",
        why="big-endian then, by RFC 2781 section 4.3",
        section="2.3",
        bags=("encoding UTF-16 without a mark",),
    ),
    Difference(
        what="a byte-order mark in a UTF-8 tag file (1.0): accepted",
        why="must not be there; before 1.0 a warning here too",
        section="2.3",
        bags=("a mark in a manifest, 1.0", "a mark in bag-info.txt, 1.0"),
    ),
    Difference(
        what="manifests of unknown algorithms: ignored altogether",
        why="their list of files counts all the same",
        section="2.1.3, 3",
        bags=(
            "an unknown algorithm that lists too little",
            "an unknown algorithm that lists too much",
            "shake_128",
        ),
    ),
    Difference(
        what="manifest-SHA512.txt, manifest-sha-512.txt, manifest-sha3256.txt: not seen",
        why="the last is the right name of SHA3-256; the others are clear, and warned of",
        section="2.4",
        bags=("manifest-SHA512.txt", "manifest-sha-512.txt", "sha3-256"),
    ),
    Difference(
        what="symbolic links outside the payload: followed",
        why="a link can lead out of the bag",
        section="5.1",
        bags=("a linked tag file",),
    ),
    Difference(
        what="manifest lines that are no entries: logged and skipped",
        why="every line is an entry, and a spoilt line may have been one",
        section="2.1.3",
        bags=(
            "a line without a path",
            "a line that is a sentence",
            "a checksum with a space behind it",
            "a space before the checksum",
            "an unparsable tag manifest",
        ),
    ),
    Difference(
        what="spaces at the end of a name: cut off",
        why="the path is the rest of the line",
        section="2.1.3",
        bags=("spaces behind a path", "a name that ends in a space", "the Windows name 'P/a. '"),
    ),
    Difference(
        what="VT, FF, U+0085, U+2028 in names and values: end the line",
        why="lines end with LF, CR or CR LF alone",
        section="2.3",
        bags=("names with odd separators", "a value with U+2028"),
    ),
    Difference(
        what="%0a in lower case, the third %0A, %25: not decoded; a literal %0A is (0.97)",
        why="any case, all of them, %25 since 1.0; before 1.0 the literal name comes first",
        section="2.1.3",
        bags=(
            "%0A in a name, 1.0",
            "four %0A in a name",
            "%25 in a name, 1.0",
            "%0A that is meant as it is, 0.97",
            "a%25b and a%2525b, 1.0",
        ),
    ),
    Difference(
        what="NFD in the manifest and NFC on disk: refused (the other way: accepted)",
        why="the same name where only one file has it; warned of",
        section="6.1.1.2",
        bags=("NFD in the manifest, NFC on disk",),
    ),
    Difference(
        what="a payload file in one manifest only (1.0), or in a tag manifest only: accepted",
        why="every payload manifest lists every payload file",
        section="2.1.3, 3",
        bags=(
            "a file in one of two manifests, 1.0",
            "each file in another manifest, 1.0",
            "a file listed by the tag manifest alone",
        ),
    ),
    Difference(
        what="tag manifests that omit a manifest, or list one another (1.0): accepted",
        why="must list every payload manifest, and no tag manifest",
        section="2.2.1",
        bags=(
            "a tag manifest without the manifest, 1.0",
            "a tag manifest that lists another, 1.0",
        ),
    ),
    Difference(
        what="tag manifests before 0.97: ignored",
        why="a checksum that is there and wrong is never good",
        section="3",
        bags=("a wrong tag manifest, 0.96",),
    ),
    Difference(
        what="bag-info.txt with empty labels, or other spaces at the colon (1.0): accepted",
        why="label, colon, one space, value",
        section="2.2.2",
        bags=(
            "an empty label",
            "a no-break space behind the colon, 1.0",
            "an indented first label, 1.0",
            "a space before the colon, 1.0",
            "no space behind the colon, 1.0",
        ),
    ),
    Difference(
        what="payload-oxum in lower case, or a second Payload-Oxum: ignored",
        why="labels know no case; at most one, and each must be right",
        section="2.2.2",
        bags=(
            "payload-oxum in lower case",
            "Payload-Oxum twice, 1.0",
            "the second Payload-Oxum is wrong, 0.97",
        ),
    ),
    Difference(
        what="fetch.txt: a blank line crashes; lengths, tag files and unlisted files: accepted",
        why="a length is digits or `-` and true; payload files of every manifest only",
        section="2.2.3",
        bags=(
            "a blank line in fetch.txt",
            "fetch.txt with an odd length",
            "fetch.txt that lists a tag file",
            "fetch.txt with a file in no manifest",
            "fetch.txt with another length",
        ),
    ),
    Difference(
        what="tag files of any size: read whole",
        why="limits of this house",
        section="5",
        bags=("a bagit.txt of 1 MiB",),
    ),
]
DIFFERENT = {name for difference in REVIEWED for name in difference.bags}
ON_DISK = [odd for odd in ALL if odd.on_disk]


def write(files: Files, folders: tuple[str, ...], bag_folder: Path) -> Path:
    for folder in ("", *folders):
        (bag_folder / folder).mkdir(parents=True, exist_ok=True)
    for path, content in files.items():
        place = bag_folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if content is EntryKind.LINK:
            place.symlink_to("bag-info.txt")
        else:
            assert isinstance(content, bytes)
            place.write_bytes(content)
    return bag_folder


@pytest.fixture
def bag_folder(tmp_path: Path) -> Path:
    return tmp_path / "bag"


@pytest.mark.parametrize("odd", ON_DISK, ids=lambda odd: odd.name)
def test_the_library_agrees_or_the_difference_was_reviewed(odd: OddBag, bag_folder: Path) -> None:
    write(odd.files, odd.folders, bag_folder)
    verdict = judge(odd.files, folders=odd.folders)
    told = disagreement(bag_folder, verdict.valid, verdict.findings)
    assert (told is not None) == (odd.name in DIFFERENT), told


def test_every_reviewed_bag_is_one_that_is_tried() -> None:
    assert {odd.name for odd in ON_DISK} >= DIFFERENT
    assert len(DIFFERENT) == sum(len(difference.bags) for difference in REVIEWED)


@pytest.mark.parametrize("odd", ON_DISK, ids=lambda odd: odd.name)
def test_a_tree_from_disk_is_the_tree_of_the_same_values(odd: OddBag, bag_folder: Path) -> None:
    write(odd.files, odd.folders, bag_folder)
    tree = tree_from_folder(bag_folder)
    assert set(tree.files) == set(odd.files)
    assert "data" in tree.folders or not odd.folders
    for path, content in odd.files.items():
        if isinstance(content, bytes):
            assert tree.files[path].size == len(content)
            assert tree.read(path, 7) == content[:7]
        else:
            assert tree.files[path].kind is content


def test_the_library_reads_a_sibling_folder_and_we_do_not(tmp_path: Path) -> None:
    secret = b"of another sender"
    write({"secret": secret}, (), tmp_path / "bag2")
    listed = line(secret, "../bag2/secret")
    files = bag(version="0.97", tag_manifests=(), change={"tagmanifest-sha512.txt": listed})
    assert trouble_with(write(files, (), tmp_path / "bag")) is None
    assert judge(files).errors == ["path-unsafe"]


def test_a_disagreement_is_one_sentence_without_surprises(bag_folder: Path) -> None:
    files = bag(change={"fetch.txt": b"\n"})
    write(files, ("data",), bag_folder)
    told = disagreement(bag_folder, True, ())
    assert told is not None
    assert told.startswith("bagit calls this bag invalid, we call it valid: ValueError: ")
    assert told.isprintable()
    assert disagreement(bag_folder, False, ()) is None


PLAIN = st.text("abcXYZ019 ._-\u00e9\u4e2d", min_size=1, max_size=6).filter(
    lambda name: name == name.strip() and name not in {".", ".."}
)
ALGORITHMS = st.lists(
    st.sampled_from(["md5", "sha1", "sha256", "sha512"]), min_size=1, max_size=3, unique=True
)


@st.composite
def spoilt_bags(draw: st.DrawFn) -> Files:
    """Bags with plain names, spoilt in a way that both judges must see."""
    names = draw(st.lists(PLAIN, max_size=4, unique_by=str.casefold))
    files = bag(
        {f"P/{name}": draw(st.binary(max_size=5)) for name in names},
        version=draw(st.sampled_from(["0.97", "1.0"])),
        algorithms=tuple(draw(ALGORITHMS)),
        tag_manifests=tuple(draw(ALGORITHMS)),
    )
    path = draw(st.sampled_from(sorted(files)))
    content = files[path]
    assert isinstance(content, bytes)
    match draw(st.sampled_from(["nothing", "remove", "append", "empty", "add"])):
        case "remove" if not path.startswith("tagmanifest-"):
            del files[path]
        case "append" if not path.startswith("tagmanifest-"):
            files[path] = content + b"x"
        case "empty" if not path.startswith("tagmanifest-"):
            files[path] = b""
        case "add":
            files["data/P/one more"] = b"x"
        case _:
            pass
    return files


@settings(max_examples=120)
@given(files=spoilt_bags())
def test_generated_bags_get_the_same_verdict(files: Files) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = write(files, ("data",), Path(folder) / "bag")
        verdict = judge(files)
        assert disagreement(place, verdict.valid, verdict.findings) is None


@settings(max_examples=60)
@given(
    names=st.lists(PLAIN, min_size=1, max_size=5, unique_by=str.casefold),
    algorithms=ALGORITHMS,
)
def test_bags_that_the_library_makes_are_valid(names: list[str], algorithms: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = write({f"{name}/{name}": name.encode() for name in names}, (), Path(folder) / "b")
        make_bag(place, {"A": "b"}, tuple(algorithms))
        tree = tree_from_folder(place)
        verdict = judge({path: tree.read(path, 1 << 20) for path in tree.files})
        assert verdict.valid
        assert verdict.errors == []

import hashlib
import re
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from presqt_daemon.bagit import findings as findings_module
from presqt_daemon.bagit.bag import MAX_DIGEST_FINDINGS, compare_digests, read_structure
from presqt_daemon.bagit.findings import MAX_LISTED, RULES
from presqt_daemon.bagit.tree import Tree, TreeEntry
from presqt_daemon.model import Severity
from tests.bagit.odd_bags import ALL, OddBag
from tests.bagit.test_profile_check import PROFILE_CODES
from tests.bagit.test_tag_text import OVER
from tests.bagit.verdicts import ALPHA, bag, judge, line, tree_from

SOURCES = Path(findings_module.__file__).parent


@pytest.mark.parametrize("odd", ALL, ids=lambda odd: odd.name)
def test_an_odd_bag_gets_its_verdict_and_its_code(odd: OddBag) -> None:
    verdict = judge(odd.files, folders=odd.folders)
    codes = {entry.code for entry in verdict.findings}
    assert verdict.valid is odd.valid, (codes, odd.name)
    if odd.code is not None:
        assert odd.code in codes
    else:
        assert not verdict.errors


@pytest.mark.parametrize("odd", ALL, ids=lambda odd: odd.name)
def test_severities_are_those_of_the_table(odd: OddBag) -> None:
    verdict = judge(odd.files, folders=odd.folders)
    for entry in verdict.findings:
        rule = RULES[entry.code]
        assert entry.severity in {rule.severity, rule.older}
        assert entry.message.isprintable()
        assert len(entry.message) < 2000
        entry.message.encode("utf-8")
        entry.path.encode("utf-8")


def test_every_code_is_provoked_by_some_bag() -> None:
    provoked = {odd.code for odd in ALL} | PROFILE_CODES | {code for code, _make in OVER.values()}
    provoked.add("names-undeclared")  # by zips alone: tests/staging/test_code_page.py
    assert set(RULES) - provoked == set()


def test_every_code_of_the_table_is_used_and_none_beside_it() -> None:
    texts = [
        module.read_text(encoding="utf-8")
        for module in sorted(SOURCES.glob("*.py"))
        if module.name != "findings.py"
    ]
    text = "".join(text for text in texts if re.search("[Ff]indings", text))
    called = set(re.findall(r'(?:findings\.add|finding)\(\s*"([a-z0-9-]+)"', text))
    assert called <= set(RULES)
    assert {code for code in RULES if f'"{code}"' not in text} == set()


@pytest.mark.parametrize("version", ["0.97", "1.0"])
def test_a_plain_bag_has_no_finding_at_all(version: str) -> None:
    verdict = judge(bag(version=version))
    assert verdict.valid
    assert verdict.findings == ()
    assert verdict.structure.version == version


def test_a_missing_file_is_named_before_the_wrong_oxum() -> None:
    verdict = judge(bag(change={"data/P/a.txt": None}))
    assert verdict.errors == ["missing-file", "oxum-mismatch"]
    assert verdict.findings[0].message.startswith(
        "data/P/a.txt exists in manifest but was not found on filesystem. "
    )
    assert "Expected 2 files and 11 bytes but found 1 files and 5 bytes" in (
        verdict.findings[1].message
    )


def test_a_remote_file_is_told_as_such_and_not_as_missing() -> None:
    fetch = b"https://example.org/x 6 data/P/a.txt\n"
    verdict = judge(bag(change={"data/P/a.txt": None, "fetch.txt": fetch}))
    assert verdict.errors == ["file-is-remote", "oxum-mismatch"]
    [remote] = verdict.of("file-is-remote")
    assert remote.path == "data/P/a.txt"


def test_a_spoilt_file_is_named_first_then_what_then_what_to_do() -> None:
    [found] = judge({**bag(), "data/P/a.txt": b"Alpha\n"}).findings
    assert found.message.startswith("data/P/a.txt: its sha512 checksum is ")
    assert "manifest-sha512.txt says" in found.message
    assert found.message.endswith("put the original back or bag it again.")
    assert found.expected == hashlib.sha512(ALPHA).hexdigest()
    assert found.found == hashlib.sha512(b"Alpha\n").hexdigest()


def test_errors_come_before_warnings() -> None:
    severities = [f.severity for f in judge({**bag(), "x.txt": b"", "data/con": b""}).findings]
    assert severities == sorted(severities, key=[Severity.ERROR, Severity.WARNING].index)
    assert len(set(severities)) == 2


def test_findings_come_in_the_same_order_every_time() -> None:
    files = {**bag(change={"data/P/a.txt": None}), "x.txt": b"", "data/con": b""}
    assert judge(files).findings == judge(dict(files)).findings


def test_a_name_that_differs_by_case_is_told_as_a_hint() -> None:
    verdict = judge(bag(change={"manifest-sha512.txt": line(ALPHA, "data/P/A.TXT")}))
    [missing] = verdict.of("missing-file")
    assert missing.hint == "The bag holds data/P/a.txt, which is another name"


def test_info_keeps_order_repeats_and_unfolds() -> None:
    content = b"B: 2\nA: 1\nB: 3\n  and\n\tmore\nEmpty: \n"
    structure = read_structure(tree_from(bag(change={"bag-info.txt": content})))
    assert structure.info == (("B", "2"), ("A", "1"), ("B", "3 and more"), ("Empty", ""))


def test_algorithms_are_those_of_payload_manifests_that_can_be_verified() -> None:
    files = bag(
        algorithms=("md5", "sha256"),
        tag_manifests=("sha1",),
        change={"manifest-crc32.txt": b"aa  data/P/a.txt\nbb  data/P/b.txt\n"},
    )
    structure = read_structure(tree_from(files))
    assert structure.algorithms == ("md5", "sha256")
    assert structure.needed("data/P/a.txt") == {"md5", "sha256"}
    assert structure.needed("bagit.txt") == {"sha1"}
    assert structure.needed("tagmanifest-sha1.txt") == frozenset()
    assert structure.needed("nothing") == frozenset()


def test_digest_findings_are_capped_and_all_counted() -> None:
    payload = {f"P/{number:03}": b"x" for number in range(200)}
    structure = read_structure(tree_from(bag(payload)))
    listed, total = compare_digests(
        structure, {f"data/{path}": {"sha512": "00"} for path in payload}
    )
    assert len(listed) == MAX_DIGEST_FINDINGS
    assert [entry.path for entry in listed] == [f"data/P/{n:03}" for n in range(50)]
    tag_files_without_digests = 3
    assert total == 200 + tag_files_without_digests


def test_a_listed_file_without_its_digest_never_counts_as_verified() -> None:
    structure = read_structure(tree_from(bag(tag_manifests=())))
    listed, total = compare_digests(structure, {"data/P/a.txt": {"md5": "00"}})
    assert [entry.code for entry in listed] == ["checksum-not-taken"] * 2
    assert total == 2


def test_structural_findings_are_capped_and_all_counted() -> None:
    files = bag({f"P/{number}": b"x" for number in range(3000)}, tag_manifests=())
    bare = {path: content for path, content in files.items() if not path.startswith("data/")}
    structure = read_structure(tree_from(bare))
    assert len(structure.findings) == MAX_LISTED
    assert structure.errors_total == 3001


def test_a_very_long_name_does_not_make_a_very_long_message() -> None:
    content = line(ALPHA, "data/" + "x" * 5_000_000)
    verdict = judge(bag(change={"manifest-sha512.txt": content}))
    assert not verdict.valid
    assert max(len(entry.message) + len(entry.path) for entry in verdict.findings) < 6000


def test_a_tag_file_is_never_read_beyond_its_limit() -> None:
    asked: list[tuple[str, int]] = []
    files = bag()
    tree = tree_from(files)

    def read(path: str, limit: int) -> bytes:
        asked.append((path, limit))
        return tree.read(path, limit)

    huge = {**tree.files, "manifest-sha512.txt": TreeEntry(size=1 << 40)}
    structure = read_structure(Tree(files=huge, folders=tree.folders, read=read))
    assert "tag-file-too-large" in {entry.code for entry in structure.findings}
    assert max(limit for _path, limit in asked) <= (64 << 20) + 1
    assert "manifest-sha512.txt" not in {path for path, _limit in asked}


def test_a_size_that_lies_does_not_lift_the_limit() -> None:
    files = bag(change={"bag-info.txt": b"A: " + bytes(9 << 20)})
    tree = tree_from(files)
    lying = {**tree.files, "bag-info.txt": TreeEntry(size=3)}
    structure = read_structure(Tree(files=lying, folders=tree.folders, read=tree.read))
    assert "tag-file-too-large" in {entry.code for entry in structure.findings}


def large_tree(count: int) -> Tree:
    names = [f"data/Project {n % 50}/run{n % 997}/value-{n:06d}.csv" for n in range(count)]
    content = {
        f"manifest-{name}.txt": "".join(
            f"{n:0{digits}x}  {path}\n" for n, path in enumerate(names)
        ).encode()
        for name, digits in (("sha256", 64), ("sha512", 128))
    }
    content["bagit.txt"] = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
    files = {name: TreeEntry(size=1) for name in names}
    files.update({name: TreeEntry(size=len(text)) for name, text in content.items()})
    folders = {name.rpartition("/")[0] for name in names}
    folders |= {name.rpartition("/")[0] for name in folders} | {"data"}
    return Tree(
        files=files, folders=frozenset(folders), read=lambda path, limit: content[path][:limit]
    )


def test_a_bag_of_100_000_files_is_read_fast() -> None:
    tree = large_tree(100_000)
    began = time.process_time()
    structure = read_structure(tree)
    seconds = time.process_time() - began
    assert structure.findings == ()
    assert seconds < 4, "an eighth of this is usual; the rest is for a busy machine"


def test_a_bag_needs_less_than_a_kilobyte_for_each_file() -> None:
    tree = large_tree(20_000)
    tracemalloc.start()
    structure = read_structure(tree)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert structure.findings == ()
    assert peak < 20_000 * 1000


SMALL = bag(algorithms=("sha256", "sha512"), version="0.97")
TAG_NAMES = sorted(path for path in SMALL if not path.startswith("data/"))


@settings(max_examples=300)
@given(name=st.sampled_from(TAG_NAMES), content=st.binary(max_size=400))
def test_no_bytes_in_a_tag_file_make_it_raise(name: str, content: bytes) -> None:
    judge({**SMALL, name: content, "fetch.txt": content})


PIECES = st.sampled_from(
    ["a" * 64, "A" * 128, "0" * 32, " ", "  ", "\t", "data/P/a.txt", "data/", "..", "/", "\\",
     "*", "./", "%0A", "%25", "%", "\n", "\r", "\r\n", "\0", "\ufeff", "\u2028", "\u0301", "e",
     "#", ":", "-", "https://x/y", "7", "Payload-Oxum", "bagit.txt", "BagIt-Version", "1.0",
     "\U0001f600"]
)  # fmt: skip


@settings(max_examples=500)
@given(
    name=st.sampled_from([*TAG_NAMES, "fetch.txt"]),
    pieces=st.lists(PIECES, max_size=25),
    encoding=st.sampled_from(["UTF-8", "UTF-16", "UTF-7", "ISO-2022-JP", "Shift_JIS", "UTF-32"]),
)
def test_no_likely_text_in_a_tag_file_makes_it_raise(
    name: str, pieces: list[str], encoding: str
) -> None:
    declaration = f"BagIt-Version: 1.0\nTag-File-Character-Encoding: {encoding}\n".encode()
    content = "".join(pieces).encode(encoding, "replace")
    judge({**SMALL, "bagit.txt": declaration, name: content})


SEGMENT = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1)
NAMES = st.lists(SEGMENT.filter(lambda part: part not in {".", ".."}), min_size=1, max_size=3)


@settings(max_examples=300)
@given(
    names=st.lists(NAMES.map("/".join), min_size=1, max_size=6, unique=True),
    version=st.sampled_from(["0.96", "0.97", "1.0"]),
)
def test_whatever_its_names_a_bag_made_by_the_rules_is_valid(
    names: list[str], version: str
) -> None:
    names = [name for name in names if not any(other.startswith(f"{name}/") for other in names)]
    payload = {name: name.encode() for name in names}
    if version == "1.0":
        files = bag(payload, version=version)
    else:
        # a line feed and a literal %0A are written alike before 1.0
        assume(not any("%0" in name for name in names))
        listed = b"".join(
            line(name.encode(), "data/" + name.replace("\n", "%0A").replace("\r", "%0D"))
            for name in payload
        )
        files = bag(payload, version=version, change={"manifest-sha512.txt": listed})
    assert judge(files).errors == []

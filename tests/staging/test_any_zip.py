"""Zips nobody thought of, staged for real: nothing is written outside, and never more than said."""

import os
import resource
import signal
import stat
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import event, given, reject, settings
from hypothesis import strategies as st

from presqt_daemon.config import StagingConfig
from presqt_daemon.errors import UserFault
from tests.bags import bag_tree
from tests.hostile_zips import BZIP2, DEFLATED, LZMA, STORED, Part, build, pack, part
from tests.staging.test_stage import Desk

MAX_UNPACKED = 200_000
CONFIG = StagingConfig(max_unpacked_bytes=MAX_UNPACKED, max_file_bytes=100_000, attempts=2)
OTHERS = "another ticket"

_ODD = [
    "..", ".", "", "~", "C:", "\\", "a", "A", "b.txt", "data", "bag", "CON", "x" * 60, "\u00e9",
    "e\u0301", "\u6f22", "\U0001f600", "a b", "a?", "%2e%2e", "%0A", "\n", "\0", "\x1b[2J",
    ".staging-0", "process_info.json", "payload.jsonl", "bagit.txt", "manifest-md5.txt", OTHERS,
]  # fmt: skip
_PARTS = st.sampled_from(_ODD) | st.text(max_size=8)
_NAMES = st.lists(_PARTS, min_size=1, max_size=5).map("/".join)
_ROOTS = st.sampled_from(["bag/data/", "bag/data/P/", "bag/", "", "/", "../", "bag/../../", "b/"])
_CONTENTS = st.binary(max_size=40) | st.sampled_from([b"\0" * 50_000, bytes(range(256)) * 1200])
_PLAIN = st.sampled_from([STORED, DEFLATED, BZIP2, LZMA])


def _encoded(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


@st.composite
def good_parts(draw: st.DrawFn) -> list[Part]:
    """The entries of a bag that lists what it holds, whatever the names."""
    names = draw(st.lists(_NAMES, max_size=4, unique=True))
    payload = {name: draw(_CONTENTS) for name in names if _is_unicode(name)}
    version, is_vouched = draw(st.sampled_from(["0.97", "1.0"])), draw(st.booleans())
    # without a Payload-Oxum, which would give a wrong size away before anything is written
    tree = bag_tree(
        payload or {"a": b"a"}, version=version, tag_manifest=is_vouched, oxum=is_vouched
    )
    return [part(f"bag/{name}", text, method=draw(_PLAIN)) for name, text in tree.items()]


@st.composite
def more_parts(draw: st.DrawFn) -> Part:
    """An entry from anywhere."""
    name = _encoded(draw(_ROOTS)) + draw(_NAMES.map(_encoded) | st.binary(max_size=10))
    flags = draw(st.sampled_from([0, 0x800, 0x1]))
    return replace(part(name, draw(_CONTENTS)), method=draw(_PLAIN), flags=flags)


_LIES = st.fixed_dictionaries(
    {},
    optional={
        "size": st.integers(0, 400_000) | st.sampled_from([2**31, 2**63]),
        "packed_size": st.integers(0, 400_000),
        "crc": st.integers(0, 2**32 - 1),
        "method": st.sampled_from([STORED, DEFLATED, BZIP2, LZMA, 9, 99]),
        "local_method": _PLAIN,
        "local_name": st.binary(max_size=12),
        "at": st.integers(0, 2000),
        "mode": st.sampled_from(
            [0o644, stat.S_IFLNK | 0o777, stat.S_IFIFO, stat.S_IFDIR, 0o104755]
        ),
        "packed": st.binary(max_size=30)
        | st.sampled_from([pack(bytes(1 << 20), DEFLATED), pack(bytes(1 << 20), BZIP2)]),
        "extra": st.binary(max_size=12),
        "descriptor": st.booleans(),
        "large": st.booleans(),
    },
)


@st.composite
def zips(draw: st.DrawFn) -> bytes:
    """A bag in a zip, true or with entries that lie, and bytes that are changed."""
    parts = draw(good_parts())
    parts += draw(st.lists(more_parts(), max_size=2))
    index = draw(st.integers(0, len(parts) - 1))
    lie = draw(st.sampled_from(["none", "bomb", "field"]))
    if lie == "bomb":
        bomb = pack(parts[index].content + bytes(2 << 20), parts[index].method)
        parts[index] = replace(parts[index], packed=bomb)
    elif lie == "field":
        parts[index] = replace(parts[index], **draw(_LIES))  # type: ignore[arg-type]
    try:
        content = bytearray(build(parts))
    except struct.error:  # a lie that no field is wide enough for
        reject()
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 3]))):
        content[draw(st.integers(0, len(content) - 1))] ^= draw(st.integers(1, 255))
    return bytes(content)


def _is_unicode(name: str) -> bool:
    return name.isprintable() and name not in {"", ".", ".."}


@contextmanager
def no_file_larger_than(count: int) -> Iterator[None]:
    """Makes a write that goes further fail with EFBIG, which is no fault of the sender."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def _everything(folder: Path, but: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if path != but and but not in path.parents
    }


def _stage(content: bytes) -> str:
    """Stage a zip and look at all that may have come of it; says how it ended."""
    written: list[int] = []
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "uploads"
        (root / OTHERS / "data").mkdir(parents=True)
        (root / OTHERS / "data/b.txt").write_bytes(b"not yours")
        (root / "evil").write_bytes(b"")
        desk = Desk(root, content)
        before = _everything(Path(name), desk.folder)
        fault: UserFault | None
        with no_file_larger_than(len(content) + CONFIG.max_file_bytes):
            try:
                bag = desk.stage(
                    config=CONFIG, on_written=lambda _, fd: written.append(os.fstat(fd).st_size)
                )
            except UserFault as error:
                fault = error
            else:
                fault = None
                assert desk.left() == {desk.name, bag.folder, "payload.jsonl"}
                assert sum(written) == desk.asked[0].unpacked_bytes
        if fault is not None:
            assert fault.findings
            assert desk.left() == {desk.name}
        assert _everything(Path(name), desk.folder) == before
        assert sum(written) <= (desk.asked[0].unpacked_bytes if desk.asked else 0)
        assert sum(written) <= MAX_UNPACKED
        assert (desk.folder / desk.name).read_bytes() == content
    return "valid" if fault is None else fault.code


@settings(max_examples=150)
@given(zips())
def test_whatever_a_zip_holds_nothing_is_written_outside_its_ticket(content: bytes) -> None:
    event(_stage(content))


def test_a_write_beyond_the_bound_would_be_seen(tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb", buffering=0) as stream, no_file_larger_than(1000):
        stream.write(bytes(1000))
        with pytest.raises(OSError, match="File too large"):
            stream.write(b"x")

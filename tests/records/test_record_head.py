import json
import os
import uuid
from pathlib import Path

import pytest

from presqt_daemon.records.record_head import (
    HEAD_BYTES,
    RecordHead,
    read_record_head,
    readable_head,
)
from tests.upgrade.past import SCHEMA_1

RUN = str(uuid.uuid4())
CONTENT = f"sha256:{'0' * 64}"
TREE = {
    "schema_version": 2,
    "prepared_in": RUN,
    "content_fingerprint": CONTENT,
    "ticket_number": str(uuid.uuid4()),
    "message": 'says\n    "files": and more',
    "source": {"file": "a.zip", "size": 1},
    "files": [{"path": "/a"}] * 500,
}
WHOLE = RecordHead(version=2, prepared_in=RUN, fingerprint=CONTENT)


def written(folder: Path, content: bytes) -> Path:
    path = folder / "receipt.json"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("layout", [{"indent": 4}, {}, {"indent": 1}, {"separators": (",", ":")}])
def test_the_first_keys_are_read_in_any_layout(tmp_path: Path, layout: dict[str, object]) -> None:
    content = json.dumps(TREE, **layout).encode()  # type: ignore[arg-type]
    assert read_record_head(written(tmp_path, content)) == WHOLE


def test_keys_in_another_order_are_read_too(tmp_path: Path) -> None:
    content = json.dumps(dict(reversed(TREE.items())), indent=4).encode()
    assert read_record_head(written(tmp_path, content)) == WHOLE


def test_a_record_cut_anywhere_tells_only_what_stands_whole(tmp_path: Path) -> None:
    content = json.dumps(TREE, indent=4).encode()
    for end in range(HEAD_BYTES + 40):
        found = read_record_head(written(tmp_path, content[:end]))
        if end <= content.index(b",\n"):
            assert found is None, end
        else:
            assert found is not None, end
            assert found.version == 2
            assert found.prepared_in in {None, RUN}
            assert found.fingerprint in {None, CONTENT}


def test_of_a_damaged_record_the_keys_before_the_damage_are_read(tmp_path: Path) -> None:
    content = (SCHEMA_1 / "finished" / "receipt.json").read_bytes()
    tree = json.loads(content)
    for end in range(0, len(content), 7):
        head = readable_head(written(tmp_path, content[:end]))
        assert all(tree[key] == value for key, value in head.items()), end
        assert "files" not in head
    assert list(head) == list(tree)[: len(head)]
    assert len(head) >= len(tree) - 2


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"{", b"1", b"\xff\xfe", b"[" * 5000])
def test_what_is_no_record_has_no_mark(tmp_path: Path, content: bytes) -> None:
    assert read_record_head(written(tmp_path, content)) is None
    assert read_record_head(tmp_path / "missing") is None


def test_a_folder_in_its_place_is_an_error_that_leaves_no_handle_open(tmp_path: Path) -> None:
    (tmp_path / "receipt.json").mkdir()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with pytest.raises(IsADirectoryError):
            read_record_head(tmp_path / "receipt.json")
    assert len(os.listdir("/proc/self/fd")) == before

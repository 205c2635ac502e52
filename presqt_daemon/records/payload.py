"""`payload.jsonl`: the bag as staging left it, so that an upload can begin, or begin again."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from json.encoder import encode_basestring
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Self

from presqt_daemon.model import Bag, PayloadFile
from presqt_daemon.records.fingerprint import Fingerprint
from presqt_daemon.records.lines import line_of, read_rows
from presqt_daemon.schemas.json_values import object_from_json, tree_from_value, value_from_tree
from presqt_daemon.system.failpoints import reach
from presqt_daemon.system.files import NO_FILE, open_new, open_regular

_BUFFER_BYTES = 1 << 20
_NOT_OF_THE_BAG: Mapping[str, Any] = {"warnings": (), "warnings_total": 0, "fingerprint": None}
"""What only the worker that has staged a bag knows of it."""

_END_BYTES = 256
"""More than the last line ever takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadHead:
    """The first line: which bag this is, and under which boot of which host it was verified."""

    bag: Bag
    algorithm: str | None
    boot_id: str
    folders: tuple[str, ...] = ()
    host: str = ""


class PayloadError(Exception):
    """The file is missing, torn, or of another version."""


def write_rows(
    path: Path, head: PayloadHead, files: Iterable[tuple[str, int, Mapping[str, str]]]
) -> str | None:
    """Write the whole file, replacing an older one; the last line counts the files.

    `files` have a path relative to the payload folder, size and digests. Whoever tells of the file
    makes its content durable first, and its name with its own (`Holder.unsynced`). Without one of
    them the ticket is staged again. The content's fingerprint, None where it has none.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    tree = tree_from_value(head)
    bag = tree.pop("bag")
    first = {key: bag[key] for key in bag if key not in _NOT_OF_THE_BAG} | tree
    count = 0
    fingerprint = Fingerprint()
    with open(open_new(temporary, 0o600), "w", _BUFFER_BYTES, encoding="utf-8") as stream:
        stream.write(line_of(first))
        for name, size, digests in files:
            stream.write(_row(name, size, digests))
            fingerprint.add(name, size, digests)
            count += 1
        stream.write(line_of({"end": count, "fingerprint": fingerprint.text()}))
    reach("payload-written")
    os.replace(temporary, path)
    return fingerprint.text()


def _row(name: str, size: int, digests: Mapping[str, str]) -> str:
    """One file's line; put together by hand, since a bag may have 100,000 of them."""
    told = ", ".join([f'"{algorithm}": "{digest}"' for algorithm, digest in digests.items()])
    return f'{{"path": {encode_basestring(name)}, "size": {size}, "digests": {{{told}}}}}\n'


class Payload:
    """The file, opened once for its head and for every pass through its files; to be closed.

    Raises PayloadError when there is no head.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._passes = 0
        try:
            self._stream = open_regular(path)
        except OSError as error:
            if error.errno in NO_FILE:
                raise PayloadError("the payload file is missing") from None
            raise
        try:
            self.head = _head_from(next(read_rows(self._stream), None))
        except BaseException:
            self._stream.close()
            raise
        self._first = self._stream.tell()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_how: object) -> None:
        self._stream.close()

    def files(self) -> Iterator[PayloadFile]:
        """Every payload file in the order staged; PayloadError when the end line does not come.

        One pass at a time: the next one ends this one, with RuntimeError.
        """
        self._passes += 1
        mine = self._passes
        self._stream.seek(self._first)
        for count, fields in enumerate(read_rows(self._stream)):
            if "end" in fields:
                if fields["end"] != count:
                    raise PayloadError(f"{count} files where {fields['end']} were written")
                return
            yield _file_from(fields)
            if mine != self._passes:
                raise RuntimeError("the payload file is gone through twice at the same time")
        raise PayloadError("the payload file is cut short")

    def fingerprint(self) -> str | None:
        """What the last line says of the content, None where it does not; no pass may be on."""
        return _fingerprint_in(self._stream)


def read_head(path: Path) -> PayloadHead:
    """The first line; PayloadError when there is none."""
    with Payload(path) as payload:
        return payload.head


def _head_from(row: Mapping[str, object] | None) -> PayloadHead:
    if row is None:
        raise PayloadError("the payload file is missing or empty")
    try:
        return value_from_tree(PayloadHead, {"host": "", **row, "bag": {**row, **_NOT_OF_THE_BAG}})
    except ValueError as error:
        raise PayloadError(f"not a payload file of ours: {error}") from None


def read_fingerprint(path: Path) -> str | None:
    """The content fingerprint from the last line, None where that does not tell it."""
    try:
        with open_regular(path) as stream:
            return _fingerprint_in(stream)
    except OSError:
        return None


def _fingerprint_in(stream: BinaryIO) -> str | None:
    try:
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - _END_BYTES))
        last = stream.read().rstrip(b"\n").rpartition(b"\n")[2]
    except OSError:
        return None
    found = object_from_json(last).get("fingerprint")
    return found if isinstance(found, str) else None


def _file_from(fields: Mapping[str, Any]) -> PayloadFile:
    name, size, digests = fields.get("path"), fields.get("size"), fields.get("digests")
    if not isinstance(name, str) or not isinstance(size, int) or not isinstance(digests, dict):
        raise PayloadError("not a payload file of ours: a file without its path, size or digests")
    return PayloadFile(path=PurePosixPath(name), size=size, digests=digests)

"""`payload.jsonl`: the bag as staging left it, so that an upload can begin, or begin again."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from json.encoder import encode_basestring
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Self, cast

from presqt_daemon.model import Bag, PayloadFile
from presqt_daemon.records.fingerprint import Fingerprint
from presqt_daemon.records.lines import line_of, read_rows
from presqt_daemon.system.failpoints import reach
from presqt_daemon.system.files import NO_FILE, open_new, open_regular

_BUFFER_BYTES = 1 << 20
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
    bag = head.bag
    first: dict[str, object] = {
        "folder": bag.folder,
        "version": bag.version,
        "algorithms": list(bag.algorithms),
        "info": [list(pair) for pair in bag.info],
        "payload_files": bag.payload_files,
        "payload_bytes": bag.payload_bytes,
        "algorithm": head.algorithm,
        "boot_id": head.boot_id,
        "folders": list(head.folders),
        "host": head.host,
    }
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
        for count, row in enumerate(read_rows(self._stream)):
            fields = cast("dict[str, Any]", row)
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
        fields = cast("dict[str, Any]", row)
        return PayloadHead(
            bag=Bag(
                folder=fields["folder"],
                version=fields["version"],
                algorithms=tuple(fields["algorithms"]),
                info=tuple((pair[0], pair[1]) for pair in fields["info"]),
                payload_files=fields["payload_files"],
                payload_bytes=fields["payload_bytes"],
            ),
            algorithm=fields["algorithm"],
            boot_id=fields["boot_id"],
            folders=tuple(fields["folders"]),
            host=str(fields.get("host", "")),
        )
    except (KeyError, TypeError, IndexError) as error:
        raise PayloadError(f"not a payload file of ours: {error!r}") from None


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
        row = json.loads(stream.read().rstrip(b"\n").rpartition(b"\n")[2])
    except (OSError, ValueError, RecursionError):
        return None
    found = row.get("fingerprint") if isinstance(row, dict) else None
    return found if isinstance(found, str) else None


def _file_from(fields: Mapping[str, Any]) -> PayloadFile:
    name, size, digests = fields.get("path"), fields.get("size"), fields.get("digests")
    if not isinstance(name, str) or not isinstance(size, int) or not isinstance(digests, dict):
        raise PayloadError("not a payload file of ours: a file without its path, size or digests")
    return PayloadFile(path=PurePosixPath(name), size=size, digests=digests)


def read_files(path: Path) -> Iterator[PayloadFile]:
    """Every payload file in the order staged; PayloadError without a head or the end line."""
    with Payload(path) as payload:
        yield from payload.files()

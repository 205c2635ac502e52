"""A ticket with one large file that takes no room on the disk."""

import uuid
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from presqt_daemon.digest import digest_stream
from presqt_daemon.model import Bag, PayloadFile
from presqt_daemon.records.payload import PayloadHead
from tests.payloads import write_payload
from tests.upload.tickets import BOOT

MOST_MEMORY = 100 << 20
"""Bytes that a sending process may hold, however large the file is."""


def staged_sparse(root: Path, size: int, algorithms: Collection[str]) -> Path:
    """The ticket's folder; the file is `P/large.bin`."""
    folder = root / str(uuid.uuid4())
    path = folder / "bag" / "data" / "P" / "large.bin"
    path.parent.mkdir(parents=True)
    with open(path, "wb") as stream:
        stream.truncate(size)
    with open(path, "rb", buffering=0) as stream:
        digests = digest_stream(stream, algorithms, size)
    bag = Bag(
        folder="bag", version="1.0", algorithms=tuple(algorithms), info=(), payload_files=1,
        payload_bytes=size,
    )  # fmt: skip
    head = PayloadHead(bag=bag, algorithm=next(iter(algorithms)), boot_id=BOOT, folders=())
    row = PayloadFile(path=PurePosixPath("P/large.bin"), size=size, digests=digests)
    write_payload(folder / "payload.jsonl", head, [row])
    return folder

"""A drop on a disk with so many free pages: `full_disk BASE PAGES`, BASE being a disk of its own.

Ends well when the drop was whole all the time, in the inbox or in one ticket, and in one ticket
once there was room again.
"""

import os
import sys
from pathlib import Path

from tests.bags import bag_zip
from tests.inbox.running import left_in, make_config, names_in, running, until, zip_of

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def fill_up(path: Path, pages_left: int) -> None:
    with path.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(b"x" * PAGE_BYTES)
        except OSError:
            size = stream.tell() // PAGE_BYTES - pages_left
            stream.truncate(size * PAGE_BYTES)


if __name__ == "__main__":
    base, pages = Path(sys.argv[1]), int(sys.argv[2])
    config = make_config(base, rescan=0.02)
    content = bag_zip()
    place = config.inbox / "osf"
    (place / "bag.zip").write_bytes(content)
    (place / "bag.zip.yaml").write_text("title: T\n")
    fill_up(base / "filler", pages)
    with running(config) as daemon:
        daemon.scanned()
        try:
            waiting = (place / "bag.zip").read_bytes()
        except FileNotFoundError:  # a later scan found room after all
            daemon.claim()
        else:
            assert waiting == content
        (base / "filler").unlink()
        claim = daemon.claim()
        until(daemon.inbox.is_idle)
        daemon.scanned()
    assert zip_of(claim).read_bytes() == content
    assert names_in(config.uploads_folder) == [claim.ticket]
    assert left_in(place) == []

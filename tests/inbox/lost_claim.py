"""An earlier version's claim, emptied by a power loss, on a full disk: `lost_claim BASE`.

BASE is a disk of its own. Ends well when the drop's ticket has its claim again, at the cost of the
reserve.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

from presqt_daemon.system.failpoints import VARIABLE
from presqt_daemon.tickets.store import RESERVE_NAME, Uploads
from presqt_daemon.workers.processes.options import claim_of
from tests.bags import bag_zip
from tests.inbox.full_disk import fill_up
from tests.inbox.running import left_in, make_config, running

if __name__ == "__main__":
    base = Path(sys.argv[1])
    config = make_config(base)
    uploads = Uploads(config.mediafiles)
    uploads.keep_reserve()
    content = bag_zip()
    (config.inbox / "osf" / "bag.zip").write_bytes(content)
    killed = subprocess.run(
        [sys.executable, "-m", "tests.inbox.child", str(base)],
        env=os.environ | {VARIABLE: "claim-zip"}, check=False,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    (ticket,) = uploads.new_tickets()
    (uploads.new_folder(ticket).path / "claim.json").write_bytes(b"")
    (uploads.new_folder(ticket).path / ".from").symlink_to(config.inbox / "osf" / "bag.zip")
    fill_up(base / "filler", 0)
    with running(config) as daemon:
        daemon.settled()
        folder = uploads.folder(ticket)
        record = claim_of(folder)
        assert record.route.target == "osf"
        assert record.inbox_name == "bag.zip"
        assert (folder.path / "bag.zip").read_bytes() == content
    assert left_in(config.inbox / "osf") == []
    assert not (config.mediafiles / RESERVE_NAME).exists()

import uuid
from pathlib import Path

from presqt_daemon.config import Config
from presqt_daemon.errors import HouseFault
from presqt_daemon.tickets.holder import Holder
from presqt_daemon.tickets.store import Uploads
from presqt_daemon.workers.endings import end_failed
from tests.tickets.infos import new_info


def test_what_a_reaped_staging_had_written_goes_with_its_failure(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    folder = uploads.folder(str(uuid.uuid4()))
    folder.path.mkdir(parents=True)
    (folder.path / "drop.zip").write_bytes(b"zip")
    (folder.path / ".staging-0123456789ab/data/P").mkdir(parents=True)
    (folder.path / ".staging-0123456789ab/data/P/a.txt").write_bytes(b"alpha")
    holder = Holder(uploads, folder, new_info(ticket_number=folder.ticket))
    end_failed(holder, HouseFault("timed-out", "The process took too long."), Config())
    left = {path.name for path in folder.path.iterdir()}
    assert left == {"drop.zip", "process_info.json", "receipt.json"}

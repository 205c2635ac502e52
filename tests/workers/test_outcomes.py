import uuid
from pathlib import Path

from presqt_daemon.config import Config
from presqt_daemon.errors import HouseFault, UserFault
from presqt_daemon.tickets.store import Uploads
from presqt_daemon.workers.outcomes import end_failed
from tests.tickets.infos import new_info, writer_of


def test_what_a_reaped_staging_had_written_goes_with_its_failure(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    folder = uploads.folder(str(uuid.uuid4()))
    folder.path.mkdir(parents=True)
    (folder.path / "drop.zip").write_bytes(b"zip")
    (folder.path / ".staging-0123456789ab/data/P").mkdir(parents=True)
    (folder.path / ".staging-0123456789ab/data/P/a.txt").write_bytes(b"alpha")
    holder = writer_of(uploads, folder, new_info(ticket_number=folder.ticket))
    end_failed(holder, HouseFault("timed-out", "The process took too long."), Config())
    left = {path.name for path in folder.path.iterdir()}
    assert left == {"drop.zip", "process_info.json", "receipt.json"}


def test_a_cancelled_upload_names_what_may_be_unfinished_at_the_target(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    link = "https://zenodo.org/uploads/1"
    for code, is_named in (("cancelled", True), ("bad-request", False)):
        folder = uploads.folder(str(uuid.uuid4()))
        folder.path.mkdir(parents=True)
        info = new_info(ticket_number=folder.ticket, link_to_resource=link)
        ended = end_failed(writer_of(uploads, folder, info), UserFault(code, "Ended."), Config())
        named = [one.message for one in ended.warnings if one.code == "left-at-the-target"]
        assert [link in message for message in named] == [True] * is_named

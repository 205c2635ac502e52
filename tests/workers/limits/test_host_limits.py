from pathlib import Path

from presqt_daemon.config import Config
from presqt_daemon.tickets.store import Uploads
from presqt_daemon.workers.limits.grant import Grant
from presqt_daemon.workers.limits.host_limits import HostLimits
from presqt_daemon.workers.limits.shared_names import SharedNames
from presqt_daemon.workers.runs.requested import CANCEL, HOLD, NOTHING, STOP, write_request

TICKET = "11111111-1111-4111-8111-111111111111"


def limits_of(tmp_path: Path) -> HostLimits:
    folder = Uploads(tmp_path).folder(TICKET)
    folder.path.mkdir(parents=True, exist_ok=True)
    return HostLimits(
        config=Config(inbox=tmp_path / "inbox", mediafiles=tmp_path),
        grant=Grant(settings={}, goes_on_to="osf"),
        folder=folder,
        names=SharedNames(tmp_path),
    )


def test_a_run_on_another_host_does_not_go_on_into_sending_what_is_put_on_hold_meanwhile(
    tmp_path: Path,
) -> None:
    folder = limits_of(tmp_path).folder.path
    assert limits_of(tmp_path).go_on_sending(TICKET, "osf", None, 1)
    write_request(folder, HOLD)
    assert not limits_of(tmp_path).go_on_sending(TICKET, "osf", None, 1)
    write_request(folder, NOTHING)
    assert limits_of(tmp_path).go_on_sending(TICKET, "osf", None, 1)


def test_a_run_goes_on_only_to_the_target_of_its_grant_and_into_a_new_container(
    tmp_path: Path,
) -> None:
    assert not limits_of(tmp_path).go_on_sending(TICKET, "other", None, 1)
    assert not limits_of(tmp_path).go_on_sending(TICKET, "osf", "abc12", 1)


def test_a_run_on_another_host_hears_what_is_asked_of_it(tmp_path: Path) -> None:
    folder = limits_of(tmp_path).folder.path
    for word, is_cancelled, is_stopped in (
        (NOTHING, False, False),
        (CANCEL, True, False),
        (STOP, False, True),
    ):
        write_request(folder, word)
        asked = limits_of(tmp_path).interruption(TICKET)
        assert (asked.is_cancelled, asked.stop_by is not None) == (is_cancelled, is_stopped)

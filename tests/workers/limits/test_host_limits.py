from pathlib import Path

from presqt_daemon.config import Config
from presqt_daemon.tickets.holds import end_hold, put_on_hold
from presqt_daemon.tickets.store import Uploads
from presqt_daemon.workers.limits.grant import Grant
from presqt_daemon.workers.limits.host_limits import HostLimits
from presqt_daemon.workers.limits.shared_names import SharedNames

TICKET = "11111111-1111-4111-8111-111111111111"


def test_a_run_on_another_host_does_not_go_on_into_sending_what_is_put_on_hold_meanwhile(
    tmp_path: Path,
) -> None:
    config = Config(inbox=tmp_path / "inbox", mediafiles=tmp_path)
    limits = HostLimits(
        config=config,
        grant=Grant(settings="", goes_on_to="osf"),
        folder=Uploads(tmp_path).folder(TICKET),
        names=SharedNames(tmp_path),
    )
    assert limits.go_on_sending(TICKET, "osf", None, 1)
    for name in ("osf", TICKET, None):
        put_on_hold(config.control_folder, name)
        assert not limits.go_on_sending(TICKET, "osf", None, 1)
        end_hold(config.control_folder, name)
    put_on_hold(config.control_folder, "other")
    assert limits.go_on_sending(TICKET, "osf", None, 1)
    assert not limits.go_on_sending(TICKET, "other", None, 1)

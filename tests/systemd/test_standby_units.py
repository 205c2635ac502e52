"""Two units over the same folders, under a systemd that has really booted."""

from collections.abc import Iterator

import pytest

from tests.systemd.machine import Machine
from tests.systemd.service import PROGRAM, STATE, drop, ended

pytestmark = [pytest.mark.timeout(900), pytest.mark.full]

FIRST, SECOND = "presqt-daemon", "presqt-second"
UNITS = "/etc/systemd/system"
DROP_IN = f"""[Service]
ExecStart=
ExecStart={PROGRAM} --config /etc/presqt-daemon/config.yaml run --standby
"""


@pytest.fixture
def units(machine: Machine) -> Iterator[Machine]:
    """Both are started, as the page on engines says."""
    machine.run(
        f"cp {UNITS}/{FIRST}.service {UNITS}/{SECOND}.service; "
        f"for unit in {FIRST} {SECOND}; do mkdir -p {UNITS}/$unit.service.d; "
        f"printf '%s' '{DROP_IN}' > {UNITS}/$unit.service.d/override.conf; done; "
        f"systemctl daemon-reload && systemctl reset-failed && systemctl restart {FIRST} && "
        f"systemctl start {SECOND}"
    )
    try:
        yield machine
    finally:
        machine.run(
            f"systemctl stop {SECOND}; rm -r {UNITS}/{SECOND}.service {UNITS}/*.service.d; "
            f"systemctl daemon-reload; systemctl restart {FIRST}"
        )


def wait_for(machine: Machine, active: str, waiting: str) -> None:
    """Both are started as systemd sees it; what one says names the other's process."""
    machine.wait_until(
        f"pid=$(systemctl show -p MainPID --value {active}) && systemctl is-active -q {active} && "
        f"systemctl is-active -q {waiting} && "
        f'systemctl show -p StatusText {waiting} | grep -q "standing by: .*(pid $pid "'
    )


def test_a_unit_that_stands_by_follows_one_that_stops_or_is_killed(units: Machine) -> None:
    wait_for(units, FIRST, SECOND)
    listed = units.run(f"{PROGRAM} status --workers").stdout
    second = units.run(f"systemctl show -p MainPID --value {SECOND}").stdout.strip()
    assert f"stands by: pid {second} " in listed
    units.run(f"systemctl stop {FIRST}")
    units.run(f"systemctl start {FIRST}")
    wait_for(units, SECOND, FIRST)
    drop(units, "by-the-second", megabytes=100)
    units.wait_until(
        f"grep -q by-the-second.zip {STATE}/mediafiles/uploads/*/process_info.json 2>/dev/null"
    )
    # systemd starts it again, and by then the other has taken over
    units.run(f"systemctl kill -s KILL {SECOND}", check=False)
    wait_for(units, FIRST, SECOND)
    assert ended(units, "by-the-second")["status"] == "finished"

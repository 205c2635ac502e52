"""Backup, restore, moving, upgrade and uninstalling, by the very commands of the service's page.

The name of the file comes first, so that the backup is small: other tests drop large bags. They go
on with the service that was moved.
"""

import re

import pytest

from tests.pages.pages import blocks, section
from tests.systemd.machine import Machine
from tests.systemd.service import (
    IN_THE_SOURCES,
    PROGRAM,
    STATE,
    can,
    drop,
    ended,
    info_of,
    main_pid,
    put_bag,
    readme_block,
)

pytestmark = [pytest.mark.timeout(900), pytest.mark.full]

CONFIG = "/etc/presqt-daemon/config.yaml"
WAITING_TARGET = "  later: {type: osf, token_credential: later, url: http://127.0.0.1:9}"
ELSEWHERE = "/srv/for-the-other-host.tar"


def follow(machine: Machine, heading: str, number: int = 0) -> str:
    """Type a block of the page; what its commands print. Fails when one of them does."""
    machine.run("systemctl reset-failed presqt-daemon", check=False)
    typed = list(blocks(section("systemd/README.md", heading), "sh"))[number]
    return machine.run(f"{IN_THE_SOURCES}{typed}").stdout


def let_a_drop_wait(machine: Machine) -> str:
    """The ticket of a drop for a target that has a token, and no way to it."""
    machine.run(
        "echo canary-token | install -m 600 /dev/stdin /etc/presqt-daemon/tokens/later\n"
        "mkdir -p /etc/systemd/system/presqt-daemon.service.d\n"
        "printf '[Service]\\nLoadCredential=later:/etc/presqt-daemon/tokens/later\\n'"
        " > /etc/systemd/system/presqt-daemon.service.d/later.conf\n"
        f"sed -i 's|^targets:.*|&\\n{WAITING_TARGET}|' {CONFIG}\n"
        "systemctl daemon-reload && systemctl restart presqt-daemon"
    )
    machine.wait_until(f"test -d {STATE}/inbox/later")
    put_bag(machine, "waits")
    machine.run(f"cp /srv/waits.zip {STATE}/inbox/later/", "sender")
    machine.wait_until(f"grep -q 'waiting_for\": \"the target' {STATE}/mediafiles/uploads/*/*.json")
    info = info_of(machine, "waits")
    assert info is not None
    return str(info["ticket_number"])


def take_the_target_out(machine: Machine) -> None:
    machine.run(
        f"sed -i '/^  later:/d' {CONFIG} && rm -r /etc/systemd/system/presqt-daemon.service.d"
        " /etc/presqt-daemon/tokens/later && systemctl daemon-reload"
        " && systemctl restart presqt-daemon"
    )


def nothing_is_left(machine: Machine) -> None:
    found = machine.run(
        "find /etc /opt /usr /var /run/systemd -xdev -name '*presqt*'; getent passwd presqt-daemon;"
        " getent group presqt-daemon presqt-drop; pgrep -f presqt-daemon",
        check=False,
    ).stdout
    assert found == ""


def test_a_service_is_moved_to_another_host_and_loses_nothing(machine: Machine) -> None:
    drop(machine, "kept")
    kept = ended(machine, "kept")
    waiting = let_a_drop_wait(machine)
    follow(machine, "Backup")
    machine.wait_until("systemctl is-active -q presqt-daemon")
    assert machine.run("stat -c %a-%U /var/backups/presqt-daemon.tar").stdout.strip() == "600-root"
    machine.run(f"mv /var/backups/presqt-daemon.tar {ELSEWHERE}")

    follow(machine, "Uninstalling", 0)
    assert can(machine, "root", f"test -d {STATE}/archive/kept")
    follow(machine, "Uninstalling", 1)
    nothing_is_left(machine)

    # another host: its own name, and numbers of its own for the accounts
    machine.run("hostname another && for n in 1 2 3 4; do useradd -r taken-$n; done")
    machine.run(f"{IN_THE_SOURCES}{re.sub('systemctl enable.*', '', readme_block())}")
    machine.run(f"usermod -aG presqt-drop sender && mv {ELSEWHERE} /var/backups/presqt-daemon.tar")
    verified = follow(machine, "Restore")
    assert re.search(rf"{kept['ticket_number']} +ok", verified)
    machine.run("systemctl enable presqt-daemon")

    assert info_of(machine, "kept") == kept
    machine.wait_until(
        f'grep -q \'"host": "another"\' {STATE}/mediafiles/uploads/{waiting}/process_info.json'
        f" || grep -q in_progress {STATE}/mediafiles/uploads/{waiting}/process_info.json"
    )
    machine.run(f"runuser -u presqt-daemon -- {PROGRAM} cancel {waiting}")
    assert ended(machine, "waits")["error_code"] == "cancelled"
    drop(machine, "after-the-move")
    info = ended(machine, "after-the-move")
    status = f"{STATE}/mediafiles/uploads/{info['ticket_number']}/process_info.json"
    assert info["status"] == "finished"
    assert can(machine, "sender", f"cat {status}")
    assert not can(machine, "stranger", f"cat {status}")
    take_the_target_out(machine)
    assert "wrong" not in machine.run(f"{PROGRAM} check").stdout


def test_an_upgrade_by_the_page_keeps_every_ticket_and_shows_what_is_new(machine: Machine) -> None:
    drop(machine, "before-the-upgrade")
    before = ended(machine, "before-the-upgrade")
    was = main_pid(machine)
    follow(machine, "Upgrade")
    machine.wait_until("systemctl is-active -q presqt-daemon")
    assert main_pid(machine) != was
    assert info_of(machine, "before-the-upgrade") == before
    assert "## Unreleased" in machine.run(f"{PROGRAM} help changes").stdout

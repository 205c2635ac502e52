"""The service under a systemd that has really booted, installed as the pages say."""

import json
import os
import re

import pytest

from presqt_daemon.cli.command_line.completing import PLACES
from tests.systemd.machine import Machine
from tests.systemd.service import (
    PROGRAM,
    STATE,
    can,
    drop,
    ended,
    infos,
    main_pid,
    put_bag,
    wait_for_another,
)

MAX_EXPOSURE = 1.2

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(autouse=True)
def starts_counted_anew(machine: Machine) -> None:
    """Five starts in five minutes are the unit's limit, and each test makes some."""
    machine.run("systemctl reset-failed presqt-daemon", check=False)


def test_the_service_runs_and_its_documentation_is_there(machine: Machine) -> None:
    assert machine.run("systemctl is-active presqt-daemon").stdout.strip() == "active"
    shown = machine.run("systemctl show -p Documentation --value presqt-daemon").stdout.strip()
    machine.run(f"test -e {shown.removeprefix('file://')}")
    machine.run(" && ".join(f"grep -q presqt-daemon {place}" for place in PLACES.values()))
    # what is there is not changed without a word
    machine.run("echo '# ours' >> /etc/presqt-daemon/config.yaml")
    again = machine.run(f"{PROGRAM} install").stdout
    assert "as the service, in the sandbox" in again
    assert "kept          /etc/presqt-daemon/config.yaml" in again
    assert "unchanged     /etc/systemd/system/presqt-daemon.service" in again


def test_the_exposure_of_the_service_is_small(machine: Machine) -> None:
    said = machine.run("systemd-analyze security presqt-daemon --no-pager").stdout
    found = re.search(r"exposure level for \S+: ([0-9.]+)", said)
    assert found is not None
    assert float(found.group(1)) <= MAX_EXPOSURE


def test_a_sender_deposits_and_reads_the_status_and_a_stranger_reads_nothing(
    machine: Machine,
) -> None:
    drop(machine, "one")
    info = ended(machine, "one")
    assert (info["status"], info["dropped_by"]["name"]) == ("finished", "sender")
    status = f"{STATE}/mediafiles/uploads/{info['ticket_number']}/process_info.json"
    assert can(machine, "sender", f"grep -q finished {status}")
    assert can(machine, "sender", f"{PROGRAM} status {info['ticket_number']}")
    for path in (status, os.path.dirname(status), f"{STATE}/archive"):
        assert not can(machine, "stranger", f"ls {path}"), path
    assert not can(machine, "stranger", f"cp /srv/one.zip {STATE}/inbox/archive/")
    # nor does a sender read the payload, or give the daemon orders
    assert not can(machine, "sender", f"cat {os.path.dirname(status)}/one.zip")
    assert not can(machine, "sender", f"ls {STATE}/mediafiles/control")
    assert not can(machine, "sender", f"mv {STATE}/inbox/archive {STATE}/inbox/mine")


def test_a_lab_deposits_and_reads_its_own_status_and_other_senders_do_not(
    machine: Machine,
) -> None:
    folder = f"{STATE}/inbox/archive"
    machine.run(
        "usermod -aG lab-a presqt-daemon && systemctl restart presqt-daemon && "
        f"chgrp lab-a {folder} && chmod 2770 {folder}"
    )
    try:
        drop(machine, "two", user="alice")
        info = ended(machine, "two")
        assert (info["status"], info["dropped_by"]["name"]) == ("finished", "alice")
        note = f"{folder}/two.zip.{info['ticket_number'][:8]}.ticket.json"
        named = json.loads(machine.run(f"cat {note}", "alice").stdout)["upload_job"]
        assert can(machine, "alice", f"cd {folder} && grep -q finished {named}")
        status = f"{STATE}/mediafiles/uploads/{info['ticket_number']}/process_info.json"
        for user in ("sender", "stranger"):
            assert not can(machine, user, f"cat {status}")
            assert not can(machine, user, f"ls {folder}")
    finally:
        machine.run(f"chgrp presqt-drop {folder} && chmod 2775 {folder}")


def test_deposits_take_the_group_of_an_archive_that_hands_it_on(machine: Machine) -> None:
    archive = f"{STATE}/archive"
    machine.run(
        f"groupadd readers && useradd -m -G readers rita && chgrp readers {archive}"
        f" && chmod 2750 {archive}"
    )
    drop(machine, "shared")
    info = ended(machine, "shared")
    assert info["status"] == "finished"
    assert can(machine, "rita", f"cat {archive}/shared/a.txt")
    assert not can(machine, "stranger", f"ls {archive}")
    assert not can(machine, "rita", f"touch {archive}/shared/mine")


def test_a_token_is_seen_by_root_and_by_the_service_as_a_credential_only(
    machine: Machine,
) -> None:
    token = "/etc/presqt-daemon/tokens/vault"
    drop_in = "/etc/systemd/system/presqt-daemon.service.d/tokens.conf"
    machine.run(
        f"echo canary-token | install -m 600 /dev/stdin {token}\n"
        f"mkdir -p {os.path.dirname(drop_in)}\n"
        f"printf '[Service]\\nLoadCredential=vault:{token}\\n' > {drop_in}\n"
        "cp /etc/presqt-daemon/config.yaml /srv/config.before\n"
        "sed -i 's|^targets:.*|targets:\\n  vault: {type: osf, token_credential: vault, "
        "url: http://127.0.0.1:9}|' /etc/presqt-daemon/config.yaml\n"
        "systemctl daemon-reload && systemctl restart presqt-daemon"
    )
    try:
        machine.wait_until(f"test -d {STATE}/inbox/vault")
        put_bag(machine, "secret")
        machine.run(f"cp /srv/secret.zip {STATE}/inbox/vault/", "sender")
        # the service has the token: what it waits for is the target
        machine.wait_until(
            f"grep -q 'waiting_for\": \"the target' {STATE}/mediafiles/uploads/*/*.json"
        )
        for user in ("sender", "stranger", "presqt-daemon"):
            shell = f"runuser -u {user} -- cat {token} /run/credentials/presqt-daemon.service/vault"
            assert "canary-token" not in machine.run(shell, check=False).stdout or (
                user == "presqt-daemon"
            )
            assert machine.run(f"runuser -u {user} -- cat {token}", check=False).returncode != 0
        found = machine.run(f"grep -rl canary-token {STATE} /etc /var/log", check=False).stdout
        assert found.split() == [token]
        ticket = next(i for i in infos(machine) if i["source_file"] == "secret.zip")
        machine.run(f"runuser -u presqt-daemon -- {PROGRAM} cancel {ticket['ticket_number']}")
        ended(machine, "secret")
    finally:
        machine.run(
            f"cp /srv/config.before /etc/presqt-daemon/config.yaml; rm {drop_in} {token}; "
            "systemctl daemon-reload; systemctl restart presqt-daemon"
        )


def test_a_reload_succeeds_only_when_the_configuration_was_taken_over(machine: Machine) -> None:
    file = "/etc/presqt-daemon/config.yaml"
    machine.run(f"cp {file} /srv/config.good; echo 'retentions: {{}}' >> {file}")
    refused = machine.run("systemctl reload presqt-daemon", check=False)
    machine.run(f"cp /srv/config.good {file}")
    assert refused.returncode != 0
    assert "retentions" in machine.journal()
    assert machine.run("systemctl is-active presqt-daemon").stdout.strip() == "active"
    machine.run("systemctl reload presqt-daemon")
    assert "the configuration was read again" in machine.journal()


def test_a_stop_while_a_bag_is_under_way_loses_nothing(machine: Machine) -> None:
    drop(machine, "stopped", megabytes=150)
    machine.wait_until(
        f"grep -q stopped.zip {STATE}/mediafiles/uploads/*/process_info.json 2>/dev/null"
    )
    machine.run("systemctl stop presqt-daemon")
    assert machine.run("systemctl show -p Result --value presqt-daemon").stdout.strip() == "success"
    machine.run("systemctl start presqt-daemon")
    assert ended(machine, "stopped")["status"] == "finished"


@pytest.mark.parametrize("whom", ["main", "all"])
def test_kill_9_is_followed_by_a_start_that_goes_on(machine: Machine, whom: str) -> None:
    name = f"killed-{whom}"
    drop(machine, name, megabytes=100)
    machine.wait_until(
        f"grep -q {name}.zip {STATE}/mediafiles/uploads/*/process_info.json 2>/dev/null"
    )
    before = main_pid(machine)
    # a process that goes by itself meanwhile makes systemctl say that it could not be killed
    machine.run(f"systemctl kill -s KILL --kill-whom={whom} presqt-daemon", check=False)
    wait_for_another(machine, before)
    assert ended(machine, name)["status"] == "finished"


def test_kill_9_of_a_worker_alone_leaves_the_service_up_and_the_ticket_is_worked_again(
    machine: Machine,
) -> None:
    drop(machine, "killed-worker", megabytes=100)
    before = main_pid(machine)
    # workers are children of the fork server, which is a child of the main process
    machine.wait_until(
        f"for server in $(ps -o pid= --ppid {before}); do"
        " pkill -KILL -P $server && exit 0; done; false"
    )
    assert ended(machine, "killed-worker")["status"] == "finished"
    assert main_pid(machine) == before
    assert "died" in machine.journal() or "killed" in machine.journal()


@pytest.mark.full
def test_a_main_process_that_hangs_is_replaced_by_the_watchdog(machine: Machine) -> None:
    drop_in = "/run/systemd/system/presqt-daemon.service.d/quick.conf"
    machine.run(
        f"mkdir -p {os.path.dirname(drop_in)} && printf '[Service]\\nWatchdogSec=3\\n' > {drop_in}"
        " && systemctl daemon-reload && systemctl restart presqt-daemon"
    )
    try:
        before = main_pid(machine)
        machine.run(f"kill -STOP {before}")
        wait_for_another(machine, before)
        assert "watchdog" in machine.journal().lower()
        drop(machine, "after-the-watchdog")
        assert ended(machine, "after-the-watchdog")["status"] == "finished"
    finally:
        machine.run(f"rm {drop_in}; systemctl daemon-reload; systemctl restart presqt-daemon")


@pytest.mark.full
def test_a_reboot_while_a_bag_is_under_way_loses_nothing(machine: Machine) -> None:
    drop(machine, "rebooted", megabytes=150)
    machine.wait_until(
        f"grep -q rebooted.zip {STATE}/mediafiles/uploads/*/process_info.json 2>/dev/null"
    )
    machine.reboot()
    machine.wait_until("systemctl is-active -q presqt-daemon")
    assert ended(machine, "rebooted")["status"] == "finished"


@pytest.mark.full
def test_a_configuration_that_cannot_work_is_not_tried_for_ever(machine: Machine) -> None:
    file = "/etc/presqt-daemon/config.yaml"
    machine.run(f"cp {file} /srv/config.good; echo 'retentions: {{}}' >> {file}")
    try:
        machine.run("systemctl restart presqt-daemon", check=False)
        machine.wait_until("systemctl is-failed -q presqt-daemon")
        state = machine.run("systemctl show -p ExecMainStatus --value presqt-daemon").stdout
        assert state.strip() == "78"
    finally:
        machine.run(
            f"cp /srv/config.good {file}; systemctl reset-failed presqt-daemon; "
            "systemctl start presqt-daemon"
        )

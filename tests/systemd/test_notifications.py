"""Who is told, under the shipped unit and its sandbox, set up by the words of the page."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.house import wait_until
from tests.pages.pages import blocks, section, text_of, words_in_code
from tests.systemd.listeners import MAIL_PORT, WEB_PORT, listening, mails_in, requests_in
from tests.systemd.machine import Machine, fetch_wheels
from tests.systemd.service import IN_THE_SOURCES, PROGRAM, STATE, can, drop, ended

pytestmark = [pytest.mark.timeout(900), pytest.mark.full]

PAGE = "presqt_daemon/notifications/README.md"
CONFIG = "/etc/presqt-daemon/config.yaml"
CANARY = "cAnaRy4v9z1"
MAIL = f"mailto://127.0.0.1:{MAIL_PORT}?from=daemon@example.org&to=staff@example.org&name={CANARY}"
WEB = f"json://127.0.0.1:{WEB_PORT}/{CANARY}"
NOBODY = f"json://127.0.0.1:1/{CANARY}"
PING = f"http://127.0.0.1:{WEB_PORT}/{CANARY}/alive"
LONG = 300.0

SETTINGS = """
receivers:
  staff:
    urls_credential: staff
    events: [finished, failed]
  lab-a:
    urls_file: /etc/presqt-daemon/staff.urls
    events: [failed]
  catalogue:
    command: [/usr/local/bin/on-deposit, --quiet]
    events: [finished]
  curious:
    command: [/usr/local/bin/curious]
    events: [finished]
notify: {gather: 0s, every: 0s, ping_credential: alive, ping_every: 1s}
"""

CURIOUS = f"""#!/bin/sh
# what a command may do here; each line says so
try() {{ if "$@" >/dev/null 2>&1; then echo "may $*"; else echo "may not $*"; fi; }}
{{
  echo "is $(id -un)"
  for place in {STATE} {STATE}/mediafiles /tmp /etc /usr/local /home /srv /opt/presqt-daemon; do
    try touch $place/by-a-command
  done
  try cat /etc/presqt-daemon/tokens/staff
  try chmod u+s {STATE}/by-a-command
  env
}} > {STATE}/curious.part && mv {STATE}/curious.part {STATE}/curious
"""


@pytest.fixture
def told(machine: Machine, tmp_path: Path) -> Iterator[Path]:
    """What is told by mail and by HTTP, as the service is set up by the page; a JSON file."""
    version = machine.run("python3 -c 'import sys; print(\"%d.%d\" % sys.version_info[:2])'").stdout
    fetch_wheels(version.strip(), machine.root / "srv" / "wheels", "apprise")
    install = next(word for word in words_in_code(text_of(PAGE)) if "opt/presqt-daemon" in word)
    machine.run(f"{IN_THE_SOURCES}{install}")
    machine.run(
        f"cp {CONFIG} /srv/config.before && sed -Ei '/^(receivers|notify):/,/^[a-z]/{{/^ /d;"
        f"/^(receivers|notify):/d}}' {CONFIG} && cat >> {CONFIG} <<'END'\n{SETTINGS}END\n"
        f"echo {shlex.quote(NOBODY)} | install -m 400 -o presqt-daemon /dev/stdin"
        " /etc/presqt-daemon/staff.urls\n"
        f"cat > /usr/local/bin/on-deposit <<'END'\n{hook()}END\n"
        f"cat > /usr/local/bin/curious <<'END'\n{CURIOUS}END\n"
        "chmod 755 /usr/local/bin/on-deposit /usr/local/bin/curious"
    )
    typed = next(blocks(section(PAGE, "Addresses"), "sh"))
    # the same block once more, for the ping
    alive = typed.replace("staff", "alive")
    with listening(machine, tmp_path / "told"):
        try:
            machine.run(f"set -e\n{alive}", given=f"{PING}\n")
            machine.run(f"set -e\n{typed}", given=f"# who is told\n{MAIL}\n{WEB}\n")
            yield tmp_path / "told"
        finally:
            take_out(machine)


def take_out(machine: Machine) -> None:
    machine.run(
        f"cp /srv/config.before {CONFIG}; rm -r /etc/systemd/system/presqt-daemon.service.d"
        " /etc/presqt-daemon/tokens/alive /etc/presqt-daemon/tokens/staff"
        " /etc/presqt-daemon/staff.urls; systemctl daemon-reload; systemctl restart presqt-daemon"
    )


def hook() -> str:
    """The command that the page shows."""
    return next(blocks(section(PAGE, "A command"), "sh"))


def test_mail_commands_and_the_ping_work_in_the_sandbox_and_no_address_is_seen(
    machine: Machine, told: Path
) -> None:
    machine.wait_until("systemctl is-active -q presqt-daemon")
    wait_until(lambda: ("/" + CANARY + "/alive", None) in requests_in(told), LONG, what="the ping")
    checked = machine.run(f"{PROGRAM} check --notify", check=False).stdout
    for row in ("trial to staff", "trial to catalogue", "trial to curious"):
        assert re.search(rf"ok +{row} ", checked), checked
    assert re.search("wrong +trial to lab-a ", checked), checked

    machine.run(f"echo no zip > {STATE}/inbox/archive/bad.zip", "sender")
    bad = ended(machine, "bad")
    drop(machine, "told")
    good = ended(machine, "told")
    number = good["ticket_number"]
    wait_until(lambda: any("finished: told.zip" in m["subject"] for m in mails_in(told)), LONG)
    wait_until(lambda: any("failed: bad.zip" in m["subject"] for m in mails_in(told)), LONG)
    wait_until(lambda: "told.zip" in json.dumps(requests_in(told)), LONG)
    text = next(m["text"] for m in mails_in(told) if "failed: bad.zip" in m["subject"])
    assert f"{STATE}/mediafiles/uploads/{bad['ticket_number']}/process_info.json" in text
    machine.wait_until(f"grep -q {number} {STATE}/deposits.txt && test -e {STATE}/curious")
    assert (
        f"{number} {good['link_to_resource']}\n" in machine.run(f"cat {STATE}/deposits.txt").stdout
    )

    said = machine.run(f"cat {STATE}/curious").stdout
    assert "is presqt-daemon\n" in said
    for place in (STATE, f"{STATE}/mediafiles", "/tmp"):
        assert f"may touch {place}/by-a-command\n" in said
    for place in ("/etc", "/usr/local", "/home", "/srv", "/opt/presqt-daemon"):
        assert f"may not touch {place}/by-a-command\n" in said
    assert "may not cat /etc/presqt-daemon/tokens/staff\n" in said
    assert f"may not chmod u+s {STATE}/by-a-command\n" in said
    assert "CREDENTIALS" not in said
    assert not can(machine, "root", "test -e /tmp/by-a-command")

    machine.wait_until("journalctl -u presqt-daemon | grep -q 'receiver lab-a could not be told'")
    assert CANARY not in checked
    assert CANARY not in machine.run("journalctl --no-pager -o verbose").stdout
    assert CANARY not in machine.run("cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ").stdout
    found = machine.run(
        f"grep -rl {CANARY} {STATE} /etc /var /tmp /run/systemd", check=False
    ).stdout
    assert sorted(found.split()) == [
        "/etc/presqt-daemon/staff.urls",
        "/etc/presqt-daemon/tokens/alive",
        "/etc/presqt-daemon/tokens/staff",
    ]

"""People are told once, in words, before anybody asks.

Against a real SMTP server and a real HTTP server on this machine, with the daemon as a process.
"""

import contextlib
import json
import os
import random
import re
import shutil
import stat
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.bags import bag_zip, drop
from tests.house.house import House, open_house, wait_until
from tests.house.receivers import MailServer, WebServer, mail_server, web_server
from tests.house.test_crash import end_the_daemon

LONG = 120.0
CANARY = "cAnaRy8f3k2q"
AT_ONCE = {"gather": 0, "every": 0, "held_after": "1h", "down_after": 0}
BROKEN = b"no zip at all"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path, notify=AT_ONCE) as house:
        yield house


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
def web() -> Iterator[WebServer]:
    with web_server() as server:
        yield server


def urls(house: House, *addresses: str, name: str = "staff.urls") -> dict[str, str]:
    """A file with addresses, as a setting."""
    path = house.root / name
    path.write_text("# who is told\n" + "\n".join(addresses) + "\n")
    path.chmod(0o600)
    return {"urls_file": str(path)}


def json_url(web: WebServer, *more: str) -> str:
    return f"json://127.0.0.1:{web.port}/{'/'.join(more)}"


def outbox(house: House) -> list[str]:
    folder = house.root / "mediafiles" / "outbox"
    names = sorted(os.listdir(folder)) if folder.is_dir() else []
    return [name for name in names if name != "told.json"]


def texts(web: WebServer) -> str:
    return "\n".join(f"{body['title']}\n{body['message']}" for body in web.bodies)


def script(house: House, text: str, name: str = "hook") -> list[str]:
    path = house.root / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return [str(path)]


@pytest.mark.full
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs the program strace")
@pytest.mark.parametrize("content", [BROKEN, bag_zip()], ids=["failed", "finished"])
def test_to_be_told_of_an_end_costs_one_sync_of_the_entry(house: House, content: bytes) -> None:
    """Before the last status: the name of that may reach the disk first, and the folder's sync."""
    events = ["failed", "finished"]
    house.configure(receivers={"all": {"command": ["true"], "events": events}})
    (house.inbox / "archive").mkdir(parents=True)
    drop(content, house.inbox / "archive" / "one.zip")
    trace = house.root / "trace"
    calls = "trace=fsync,fdatasync,sync,syncfs,sync_file_range"
    house.command = ("strace", "-f", "-qq", "-y", "-e", calls, "-o", str(trace))
    house.run("run", "--once", timeout=300)
    synced = re.findall(r"sync\w*\(\d+<([^>]*)>", trace.read_text())
    ticket = house.of("one.zip")["ticket_number"]  # type: ignore[index]
    entry = f"{house.uploads}/{ticket}/.notification-1"
    assert [path for path in synced if "outbox" in path or "notification" in path] == [entry]
    assert f"{house.uploads}/{ticket}" in synced[synced.index(entry) :]


def test_nobody_is_told_by_default_and_nothing_is_kept_for_it(house: House) -> None:
    house.start()
    drop(BROKEN, house.inbox / "archive" / "bad.zip")
    info = house.ended("bad.zip")
    assert house.stop() == 0
    assert not (house.root / "mediafiles" / "outbox").exists()
    names = os.listdir(house.uploads / info["ticket_number"])
    assert not [name for name in names if name.startswith(".notification")]


def test_a_failure_is_told_by_mail_with_file_cause_fault_remedy_and_the_status_file(
    house: House, mail: MailServer
) -> None:
    house.configure(receivers={"staff": urls(house, mail.url)})
    house.start()
    drop(BROKEN, house.inbox / "archive" / "bad.zip")
    info = house.ended("bad.zip")
    one = wait_until(lambda: mail.mails, LONG)[0]
    ticket = info["ticket_number"]
    assert "failed: bad.zip (not-a-zip)" in one.subject
    flat = " ".join(one.text.split())
    assert "bad.zip, into inbox/archive" in flat
    assert " ".join(info["message"].split()) in flat
    assert "Whose fault: the sender's." in flat
    assert "What to do: tell the sender what is written below" in flat
    assert f"{house.uploads}/{ticket}/process_info.json" in one.text.replace("=\n", "")
    assert f"{ticket}.1" in flat
    wait_until(lambda: outbox(house) == [], LONG)
    assert house.stop() == 0


@pytest.mark.full
def test_a_deposit_that_went_well_is_told_to_those_who_asked_for_it(
    house: House, web: WebServer
) -> None:
    house.configure(
        receivers={
            "all": {**urls(house, json_url(web)), "events": ["finished", "failed"]},
            "bad": {**urls(house, json_url(web, "bad"), name="bad.urls"), "events": ["failed"]},
        }
    )
    house.start()
    drop(bag_zip(), house.inbox / "archive" / "good.zip")
    house.ended("good.zip")
    wait_until(lambda: "finished: good.zip" in texts(web), LONG)
    wait_until(lambda: outbox(house) == [], LONG)
    assert [path for path, _ in web.requests] == ["/"]


@pytest.mark.full
def test_a_receiver_of_one_folder_hears_of_that_folder_alone(house: House, web: WebServer) -> None:
    house.configure(
        targets={
            "lab-a": {"type": "folder", "path": "archive/a"},
            "lab-b": {"type": "folder", "path": "archive/b"},
        },
        receivers={
            "a": {**urls(house, json_url(web, "a"), name="a.urls"), "targets": ["lab-a"]},
            "b": {**urls(house, json_url(web, "b"), name="b.urls"), "targets": ["lab-b"]},
            "all": urls(house, json_url(web, "all"), name="all.urls"),
        },
    )
    house.start()
    drop(BROKEN, house.inbox / "lab-a" / "of-a.zip")
    wait_until(lambda: len(web.requests) == 2, LONG)
    drop(BROKEN, house.inbox / "lab-b" / "of-b.zip")
    wait_until(lambda: len(web.requests) == 4, LONG)
    told = {(path, "of-a.zip" in str(body)) for path, body in web.requests}
    assert told == {("/a", True), ("/all", True), ("/b", False), ("/all", False)}


def test_a_command_gets_the_tickets_status_on_its_input_and_nothing_secret(house: House) -> None:
    house.environment = {"OSF_TOKEN": CANARY}
    command = script(house, f'cat > "{house.root}/got.$PRESQT_EVENT.part"; env > {house.root}/env; '
                            f'mv "{house.root}/got.$PRESQT_EVENT.part" '
                            f'"{house.root}/got.$PRESQT_EVENT"')  # fmt: skip
    house.configure(receivers={"hook": {"command": command, "events": ["finished", "failed"]}})
    house.start()
    drop(bag_zip(), house.inbox / "archive" / "good.zip")
    drop(BROKEN, house.inbox / "archive" / "bad.zip")
    good, bad = house.ended("good.zip"), house.ended("bad.zip")
    wait_until(lambda: outbox(house) == [], LONG)
    wait_until((house.root / "got.finished").exists, LONG)
    wait_until((house.root / "got.failed").exists, LONG)
    got = json.loads((house.root / "got.finished").read_bytes())
    event = got.pop("event")
    assert got == good
    assert event["id"] == f"{good['ticket_number']}.1"
    assert event["process_info"].endswith(f"{good['ticket_number']}/process_info.json")
    assert json.loads((house.root / "got.failed").read_bytes())["error_code"] == bad["error_code"]
    assert CANARY not in (house.root / "env").read_text()


@pytest.mark.full
def test_a_command_that_fails_or_hangs_changes_no_result_and_is_tried_again(house: House) -> None:
    command = script(house, f'test -e "{house.root}/mended" || {{ echo not yet >&2; exit 3; }}; '
                            f'cat >> "{house.root}/got"')  # fmt: skip
    slow = script(house, "sleep 1000", "slow")
    house.configure(
        receivers={
            "hook": {"command": command, "events": ["finished"]},
            "slow": {"command": slow, "events": ["finished"], "time_limit": 1},
        }
    )
    house.start()
    drop(bag_zip(), house.inbox / "archive" / "good.zip")
    assert house.ended("good.zip")["status"] == "finished"
    wait_until(lambda: "receiver hook could not be told (hook ended with exit code 3: not yet)"
               in house.log, LONG)  # fmt: skip
    wait_until(lambda: "receiver slow could not be told (slow did not end within 1 s)"
               in house.log, LONG)  # fmt: skip
    (house.root / "mended").touch()
    wait_until((house.root / "got").exists, LONG)
    wait_until(lambda: "receiver hook is told again" in house.log, LONG)
    assert house.stop() == 0


def test_a_receiver_that_is_down_gets_everything_later_and_others_are_not_held_up(
    house: House, mail: MailServer, web: WebServer
) -> None:
    mail.stop()
    house.configure(
        receivers={
            "staff": urls(house, mail.url),
            "chat": urls(house, json_url(web), name="chat.urls"),
        }
    )
    house.start()
    drop(BROKEN, house.inbox / "archive" / "one.zip")
    wait_until(lambda: "one.zip" in texts(web), LONG)
    wait_until(lambda: "receiver staff could not be told" in house.log, LONG)
    assert house.stop() == 0
    house.start()  # in the outbox it outlives the daemon
    drop(BROKEN, house.inbox / "archive" / "two.zip")
    wait_until(lambda: "two.zip" in texts(web), LONG)
    mail.start()
    wait_until(lambda: "two.zip" in " ".join(one.text for one in mail.mails), LONG)
    told = " ".join(one.text for one in mail.mails)
    assert "one.zip" in told
    assert texts(web).count("failed: one.zip") == 1
    wait_until(lambda: outbox(house) == [], LONG)


@pytest.mark.full
def test_of_two_addresses_the_one_that_was_told_is_not_told_again(
    house: House, web: WebServer
) -> None:
    with web_server() as other:
        other.status = 500
        house.configure(receivers={"both": urls(house, json_url(web), json_url(other))})
        house.start()
        drop(BROKEN, house.inbox / "archive" / "one.zip")
        wait_until(lambda: "address 2, json" in house.log, LONG)
        other.status = 200
        wait_until(lambda: other.bodies, LONG)
        wait_until(lambda: outbox(house) == [], LONG)
        assert len(web.bodies) == len(other.bodies) == 1


@pytest.mark.full
def test_a_receiver_that_never_answers_holds_up_nothing(house: House, web: WebServer) -> None:
    web.hangs = threading.Event()
    house.configure(
        receivers={"stuck": {**urls(house, json_url(web)), "events": ["finished"], "time_limit": 2}}
    )
    house.start()
    for number in range(5):
        drop(bag_zip(), house.inbox / "archive" / f"{number}.zip")
    for number in range(5):
        assert house.ended(f"{number}.zip")["status"] == "finished"
    wait_until(lambda: "the process that sends did not end within 2 s" in house.log, LONG)
    web.hangs.set()
    web.hangs = None
    assert house.stop() == 0


def test_a_thousand_failures_are_few_messages(house: House, mail: MailServer) -> None:
    house.configure(
        receivers={"staff": urls(house, mail.url)}, notify={"gather": "2s", "every": "1h"}
    )
    house.start()
    for number in range(30):
        drop(BROKEN, house.inbox / "archive" / f"bad{number}.zip")
    wait_until(lambda: len(house.tickets()) == 30, LONG)
    wait_until(lambda: all(i["status"] == "failed" for i in house.infos()), LONG)
    wait_until(lambda: mail.mails, LONG)
    house.stop()
    first = mail.mails[0]
    count = int(re.search(r"(\d+) tickets? failed|failed: ", first.subject)[1] or 1)  # type: ignore[index]
    assert len(mail.mails) == 1
    house.configure(
        receivers={"staff": urls(house, mail.url)}, notify={"gather": "1s", "every": "1h"}
    )
    house.start()
    if count < 30:
        wait_until(lambda: len(mail.mails) == 2, LONG)
    wait_until(lambda: outbox(house) == [], LONG)
    told = sum(
        int(found)
        for one in mail.mails
        for found in re.findall(r"(\d+) tickets failed \(", one.text)
    )
    assert told == 30
    assert len(mail.mails) <= 2
    assert "and " in mail.mails[-1].text


def test_run_once_tells_before_it_ends(house: House, mail: MailServer) -> None:
    house.configure(
        receivers={"staff": urls(house, mail.url)}, notify={"gather": "10m", "every": "1h"}
    )
    (house.inbox / "archive").mkdir(parents=True)
    drop(BROKEN, house.inbox / "archive" / "bad.zip")
    done = house.run("run", "--once", timeout=300)
    assert done.returncode == 1
    assert "bad.zip" in mail.mails[0].subject


def test_what_an_operator_gives_as_a_secret_is_found_nowhere(
    house: House, mail: MailServer, web: WebServer, request: Any
) -> None:
    house.configure(
        receivers={
            "good": urls(house, json_url(web, CANARY), f"{mail.url}&name={CANARY}"),
            "bad": urls(
                house,
                f"mailto://user{CANARY}:{CANARY}@127.0.0.1:1/?from=a@example.org&to={CANARY}@b.org",
                f"json://127.0.0.1:1/{CANARY}?+X-Token={CANARY}",
                f"slack://{CANARY}",
                f"nonsense://{CANARY}",
                CANARY,
                name="bad.urls",
            ),
        },
        notify={"ping_file": str(house.root / "ping"), "ping_every": 1},
    )
    (house.root / "ping").write_text(f"http://127.0.0.1:1/{CANARY}\n")
    house.start()
    seen: set[str] = set()

    def nothing_seen() -> None:
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if any(CANARY in text for text in process.cmdline()):
                    seen.add("cmdline")
                if CANARY in " ".join(process.environ().values()):
                    seen.add("environ")

    drop(BROKEN, house.inbox / "archive" / "bad.zip")

    def are_told() -> bool:
        nothing_seen()
        return bool(web.bodies) and "receiver bad could not be told" in house.log

    wait_until(are_told, LONG)
    wait_until(
        lambda: "the ping's address could not be asked: Connection refused" in house.log, LONG
    )
    asked = WHAT_SHOWS if request.config.getoption("--full") else WHAT_SHOWS[:3]
    shown = [house.run(*words) for words in asked]
    (house.root / "ping").write_text(f"http://127.0.0.1:{web.port}/{CANARY}\n")
    wait_until(lambda: any(path == f"/{CANARY}" and not body for path, body in web.requests), LONG)
    assert house.stop() == 0
    assert seen == set()
    assert CANARY not in house.log
    assert all(CANARY not in done.stdout + done.stderr for done in shown)
    files = [path for path in house.root.rglob("*") if path.is_file()]
    holders = {path.name for path in files if CANARY.encode() in path.read_bytes()}
    assert holders == {"staff.urls", "bad.urls", "ping"}
    assert stat.S_IMODE((house.root / "mediafiles" / "outbox").stat().st_mode) == 0o700


WHAT_SHOWS = (
    ("check",), ("status", "--json"), ("config", "show"), ("status",), ("status", "--targets"),
    ("config", "check"), ("config", "show", "--json"), ("report",),
)  # fmt: skip

LEFT_BEHIND = [
    *("notification-left", "notification-sent"),
    *(
        pytest.param(point, marks=pytest.mark.full)
        for point in ("receipt-written", "status-failed-received", "notification-taken")
    ),
]


@pytest.mark.parametrize("point", LEFT_BEHIND)
def test_a_kill_between_receipt_and_sending_loses_no_notification(
    house: House, web: WebServer, point: str
) -> None:
    house.configure(receivers={"staff": urls(house, json_url(web))})
    house.start(failpoint=point)
    drop(BROKEN, house.inbox / "archive" / "bad.zip")
    end_the_daemon(house)
    house.start()
    ticket = house.ended("bad.zip")["ticket_number"]
    wait_until(lambda: f"{ticket}.1" in texts(web), LONG)
    wait_until(lambda: outbox(house) == [], LONG)
    told = texts(web).count("failed: bad.zip")
    assert told == 1 or point == "notification-sent", "only a kill in the sending may repeat it"


@pytest.mark.timeout(1800)  # 40 rounds with --full
def test_random_kills_lose_no_notification(house: House, request: Any) -> None:
    """Each end of each ticket is told at least once, under one id."""
    rounds = 40 if request.config.getoption("--full") else 3
    chance = random.Random(19)
    told = house.root / "told"
    command = script(house, f'echo "$PRESQT_EVENT_ID" >> "{told}"')
    house.configure(receivers={"all": {"command": command, "events": ["finished", "failed"]}})
    total = 0

    def has_ended(count: int) -> bool:
        ended = [info for info in house.infos() if info["status"] != "in_progress"]
        return len(ended) >= count

    for _ in range(rounds):
        house.start()
        for _ in range(4):
            content = bag_zip() if chance.random() < 0.5 else BROKEN
            drop(content, house.inbox / "archive" / f"{total}.zip")
            total += 1
        ended = chance.randrange(total - 4, total + 1)
        wait_until(partial(has_ended, ended), LONG)
        with contextlib.suppress(AssertionError):
            wait_until(lambda: False, chance.random())
        assert house.process is not None
        house.process.kill()
        house.process.wait(10)
        house.process = None
    house.start()
    wait_until(partial(has_ended, total), LONG)
    wait_until(
        lambda: {f"{name}.1" for name in house.tickets()} == set(told.read_text().split()),
        LONG,
        what=f"for every end to be told\n{house.log}",
    )
    wait_until(lambda: outbox(house) == [], LONG)


def test_the_ping_stops_when_the_loop_hangs_and_never_holds_it_up(
    house: House, web: WebServer
) -> None:
    (house.root / "ping").write_text(f"http://127.0.0.1:{web.port}/alive\n")
    house.configure(notify={"ping_file": str(house.root / "ping"), "ping_every": 1})
    house.start()
    wait_until(lambda: len(web.requests) >= 2, LONG)
    assert {path for path, _ in web.requests} == {"/alive"}
    assert house.stop() == 0


def lose_the_archive(house: House) -> Path:
    """The archive is on a disk that is not mounted any more: one that was used is not made anew."""
    drop(bag_zip({"first/a": b"a"}), house.inbox / "archive" / "first.zip")
    house.ended("first.zip")
    moved = house.root / "moved"
    (house.root / "archive").rename(moved)
    return moved


def test_a_target_that_is_down_and_back_is_told_with_its_tickets(
    house: House, web: WebServer
) -> None:
    house.configure(receivers={"staff": urls(house, json_url(web))})
    house.start()
    moved = lose_the_archive(house)
    drop(bag_zip(), house.inbox / "archive" / "one.zip")
    wait_until(lambda: "target down: archive" in texts(web), LONG)
    said = texts(web)
    assert "1 ticket waits. Nothing is lost." in said
    assert "Whose fault: ours, who run this service." in said
    house.stop()
    house.start()
    moved.rename(house.root / "archive")
    house.run("retry", house.of("one.zip")["ticket_number"])  # type: ignore[index]
    assert house.ended("one.zip", LONG)["status"] == "finished"
    wait_until(lambda: "target back: archive" in texts(web), LONG)
    assert texts(web).count("target down: archive") == 1, "a restart tells it no second time"


@pytest.mark.full
def test_a_ticket_that_waits_for_long_is_told_once(house: House, web: WebServer) -> None:
    house.configure(
        receivers={"staff": {**urls(house, json_url(web)), "events": ["held"]}},
        notify={"held_after": 1},
    )
    house.start()
    (house.control / "hold").touch()
    drop(bag_zip(), house.inbox / "archive" / "one.zip")
    wait_until(lambda: "waiting for long: one.zip" in texts(web), LONG)
    assert "hold" in texts(web), "why it waits"
    wait_until(lambda: outbox(house) == [], LONG)
    house.stop()
    house.start()
    drop(bag_zip({"other/a": b"a"}), house.inbox / "archive" / "two.zip")
    wait_until(lambda: "waiting for long: two.zip" in texts(web), LONG)
    assert texts(web).count("waiting for long: one.zip") == 1


def test_a_short_disk_is_told_and_that_it_is_well_again(house: House, web: WebServer) -> None:
    figures = os.statvfs(house.root)
    free = figures.f_bavail * figures.f_frsize
    house.configure(
        receivers={"staff": {**urls(house, json_url(web)), "events": ["disk"]}},
        staging={"min_free_bytes": free * 2},
    )
    house.start()
    wait_until(lambda: "disk short" in texts(web), LONG)
    assert "presqt-daemon prune --dry-run" in texts(web)
    house.configure(staging={"min_free_bytes": 0})
    house.run("reload")
    wait_until(lambda: "disk well again" in texts(web), LONG)


def test_check_looks_at_every_receiver_and_sends_nothing(house: House, web: WebServer) -> None:
    bad = urls(house, json_url(web), f"nonsense://{CANARY}", name="bad.urls")
    open_to_all = urls(house, json_url(web), name="open.urls")
    (house.root / "open.urls").chmod(0o644)
    house.configure(
        receivers={
            "good": urls(house, json_url(web)),
            "bad": bad,
            "open": open_to_all,
            "lost": {"urls_file": str(house.root / "lost.urls")},
            "credential": {"urls_credential": "staff"},
            "hook": {"command": ["/no/such/hook"]},
            "true": {"command": ["true", CANARY], "events": ["finished"]},
        },
        notify={"ping_credential": "ping"},
    )
    done = house.run("check", "--json")
    assert done.returncode == 1
    rows = {row["what"]: (row["state"], row["detail"]) for row in json.loads(done.stdout)["rows"]}
    assert rows["receiver good"] == ("ok", "json; told of failed, fixity, held, target, disk")
    assert rows["receiver bad"] == ("wrong", "address 2: apprise does not understand it")
    assert "chmod 0400" in rows["receiver open"][1]
    assert "No such file" in rows["receiver lost"][1]
    assert rows["receiver credential"][0] == rows["ping"][0] == "warning"
    assert rows["receiver hook"] == ("wrong", "its command is not there, or no program")
    assert rows["receiver true"][1].endswith("/true; told of finished")
    assert CANARY not in done.stdout + done.stderr
    assert web.requests == []


@pytest.mark.full
def test_check_notify_sends_a_trial_to_one_or_to_all(house: House, web: WebServer) -> None:
    hook = script(house, f"cat > {house.root}/trial")
    house.configure(
        receivers={"staff": urls(house, json_url(web)), "hook": {"command": hook}},
        notify={"ping_file": str(house.root / "ping")},
    )
    (house.root / "ping").write_text(f"http://127.0.0.1:{web.port}/alive\n")
    (house.root / "ping").chmod(0o600)
    assert house.run("check", "--notify", "nobody").returncode == 64
    done = house.run("check", "--notify", "staff")
    assert "trial to staff" in done.stdout
    assert "This is a trial" in texts(web)
    assert not (house.root / "trial").exists()
    done = house.run("check", "--notify")
    assert done.returncode == 0, done.stdout
    assert json.loads((house.root / "trial").read_bytes())["event"]["kind"] == "trial"
    assert [path for path, _ in web.requests] == ["/", "/", "/alive"]
    web.stop()
    done = house.run("check", "--notify", "staff", "--json")
    assert done.returncode == 1
    assert "Connection refused" in done.stdout


def test_without_the_library_it_is_said_what_to_install(house: House, web: WebServer) -> None:
    without = house.root / "without"
    without.mkdir()
    (without / "apprise.py").write_text("raise ImportError('not installed')\n")
    house.configure(receivers={"staff": urls(house, json_url(web))})
    house.environment = {"PYTHONPATH": str(without)}
    done = house.run("check", "--json")
    assert "pip install 'presqt-daemon[notify]'" in done.stdout

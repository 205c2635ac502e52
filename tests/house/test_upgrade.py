"""Past tickets get their records: beside a running daemon, before the inbox opens, after deaths."""

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from presqt_daemon.system.files import json_bytes
from tests.bags import bag_zip, drop
from tests.house.house import House, open_house, wait_until
from tests.house.shelf import Fault, Room, Shelf
from tests.upgrade.past import TOKEN, kept, kept_sending, ours, presqt


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path) as house:
        yield house


def state_of(house: House) -> dict[str, Any] | None:
    """The job's status as any reader would take it."""
    try:
        content = (house.root / "mediafiles/prepare_upgrade/process_info.json").read_bytes()
    except FileNotFoundError:
        return None
    tree: dict[str, Any] = json.loads(content)
    return tree


def completed(house: House, *, not_run: str = "") -> dict[str, Any]:
    """The job's status once it is complete."""
    found: dict[str, Any] = wait_until(
        lambda: (s := state_of(house)) and s["complete"] and s["run"] != not_run and s,
        250,
        what=f"for the job\n{house.log}",
    )
    return found


def ask(house: House, word: str = "") -> None:
    """The request as a shell writes it."""
    subprocess.run(
        f"printf '%s' '{word}' > {house.control}/prepare_upgrade", shell=True, check=True
    )


def many(house: House, count: int) -> None:
    for _ in range(count):
        presqt(house.uploads)


def records(house: House) -> int:
    return len(list(house.uploads.glob("*/receipt.json")))


def test_folders_that_appear_get_their_records_while_the_daemon_is_up(house: House) -> None:
    house.start()
    many(house, 5)
    ask(house)
    state = completed(house)
    assert list(state)[:3] == ["complete", "progress", "total"]
    assert (state["progress"], state["total"], state["added"]) == (5, 5, 5)
    assert not (house.control / "prepare_upgrade").exists()
    drop(bag_zip(), house.inbox / "archive" / "one.zip")
    assert house.ended("one.zip")["status"] == "finished"
    assert TOKEN not in house.log


def test_the_job_has_the_lowest_priority_and_ends_with_the_daemon(house: House) -> None:
    house.start()
    many(house, 400)
    ask(house)

    def at_work() -> psutil.Process | None:
        for member in house.family():
            try:
                if member.nice() == 19:
                    return member
            except psutil.Error:
                continue
        return None

    process: psutil.Process = wait_until(at_work)
    # one is taken after the other
    wait_until(lambda: process.ionice().ioclass == psutil.IOPRIO_CLASS_IDLE)
    began = time.monotonic()
    assert house.stop() == 0
    assert time.monotonic() - began < 30
    assert not process.is_running()
    state = state_of(house)
    assert state is not None
    assert not state["complete"]
    assert state["status"] == "in_progress"
    house.start()
    state = completed(house)
    assert (state["progress"], state["added"], records(house)) == (400, 400, 400)


def test_kill_9_in_the_middle_and_the_next_start_goes_on(house: House) -> None:
    house.start()
    many(house, 300)
    ask(house)
    wait_until(lambda: records(house) > 20)
    assert house.process is not None
    family = house.family()
    house.process.kill()
    house.process.wait(10)
    wait_until(lambda: not any(member.is_running() for member in family[1:]))
    begun = records(house)
    house.start()
    state = completed(house)
    assert begun < 300, "killed too late to prove anything"
    assert (state["total"], state["progress"], state["added"]) == (300, 300, 300)
    assert (state["already_had"], state["failed_total"], records(house)) == (0, 0, 300)


def test_a_worker_that_is_killed_is_replaced(house: House) -> None:
    house.environment["PRESQT_DAEMON_FAILPOINT"] = "upgrade-written:30"
    house.start()
    many(house, 70)
    ask(house)
    state = completed(house)
    assert (state["progress"], state["added"], state["failed_total"]) == (70, 70, 0)
    assert house.log.count("its process died") == 2


def test_a_ticket_that_kills_every_worker_is_listed_and_the_job_goes_on(house: House) -> None:
    house.environment["PRESQT_DAEMON_FAILPOINT"] = "upgrade-drafted:1"
    house.start()
    tickets = sorted(presqt(house.uploads).ticket for _ in range(2))
    ask(house)
    state = completed(house)
    assert state["failed"] == [
        {"ticket": ticket, "reason": "the process that looked at it died"} for ticket in tickets
    ]
    assert house.log.count("its process died") == 4


def test_five_who_ask_at_once_get_one_job(house: House) -> None:
    house.start()
    many(house, 50)
    answers: list[subprocess.CompletedProcess[str]] = []
    threads = [
        threading.Thread(target=lambda: answers.append(house.run("prepare-upgrade", "--json")))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.returncode for answer in answers} <= {0, 3}, answers
    assert len({json.loads(answer.stdout)["run"] for answer in answers}) == 1
    state = completed(house)
    assert state["added"] == 50
    wait_until(lambda: "prepare-upgrade: 50 tickets" in house.log)
    assert house.stop() == 0
    assert house.log.count("prepare-upgrade: 50 tickets") == 1


def test_force_is_refused_while_the_job_runs_and_runs_it_again_afterwards(house: House) -> None:
    house.start()
    many(house, 400)
    assert house.run("prepare-upgrade").returncode == 3
    refused = house.run("prepare-upgrade", "--force")
    assert refused.returncode == 6, refused
    assert "runs now" in refused.stderr
    first = completed(house)["run"]
    assert house.run("prepare-upgrade", "--json").returncode == 0
    assert completed(house)["run"] == first
    again = house.run("prepare-upgrade", "--force", "--wait", "--json")
    assert again.returncode == 0
    state = json.loads(again.stdout)
    assert state["run"] != first
    assert (state["already_had"], state["added"], state["progress"]) == (400, 0, 400)
    ask(house, "force")
    completed(house, not_run=state["run"])


@pytest.mark.full
def test_force_through_the_control_folder_changes_nothing_while_the_job_runs(
    house: House,
) -> None:
    house.start()
    many(house, 400)
    ask(house)
    wait_until(lambda: records(house) > 5)
    before = state_of(house)
    assert before is not None
    ask(house, "force")
    wait_until(lambda: "force is refused until it has ended" in house.log)
    state = completed(house)
    assert state["run"] == before["run"]
    assert (state["added"], state["progress"]) == (400, 400)


def test_damaged_unreadable_and_vanishing_tickets_stop_nothing(house: House) -> None:
    house.start()
    many(house, 200)
    damaged, unreadable = presqt(house.uploads), presqt(house.uploads)
    damaged.info.write_text("{ torn")
    manifest = unreadable.path / "bag" / "manifest-sha512.txt"
    manifest.unlink()
    manifest.symlink_to("/proc/self/mem")
    vanishing = sorted(house.tickets())[-40:]
    for ticket in {damaged.ticket, unreadable.ticket} & set(vanishing):
        vanishing.remove(ticket)
    ask(house)
    wait_until(lambda: records(house) > 3)
    for ticket in vanishing:
        shutil.rmtree(house.uploads / ticket, ignore_errors=True)
    state = completed(house)
    reasons = {item["ticket"]: item["reason"] for item in state["failed"]}
    assert reasons.keys() == {damaged.ticket, unreadable.ticket}
    assert reasons[unreadable.ticket] == "bag/manifest-sha512.txt: is no regular file"
    assert state["progress"] == state["total"] - state["gone"]
    assert state["total"] == 202
    assert house.run("prepare-upgrade").returncode == 1


def test_records_are_made_before_the_inbox_opens(house: House) -> None:
    house.configure()
    (house.inbox / "archive").mkdir(parents=True)
    many(house, 60)
    kept("finished", house.uploads)
    # its deposit is not here, as behind a disk that is not mounted
    assert house.run("check", "--accept", "archive").returncode == 0
    drop(bag_zip(), house.inbox / "archive" / "new.zip")
    house.start()
    taken = house.log.index("ready: ")
    assert "61 past tickets get their records before the inbox opens" in house.log[:taken]
    assert "61 got one" in house.log[:taken]
    assert completed(house)["added"] == 61
    assert house.ended("new.zip")["status"] == "finished"
    house.stop()
    before = len(house.log)
    house.start()
    assert "past tickets" not in house.log[before:]


def test_a_start_that_makes_records_obeys_sigterm_at_once(house: House) -> None:
    many(house, 1500)
    house.start(ready=False)
    wait_until(lambda: records(house) > 5)
    began = time.monotonic()
    assert house.stop() == 0
    assert time.monotonic() - began < 30
    assert "ready" not in house.log
    assert records(house) < 1500


def test_tickets_without_hope_hold_up_no_later_start(house: House) -> None:
    presqt(house.uploads)
    for _ in range(55):
        presqt(house.uploads).receipt.mkdir()
    house.start()
    assert completed(house)["failed_total"] == 55
    house.stop()
    before = len(house.log)
    house.start()
    assert "before the inbox opens" not in house.log[before:]


def killed_at_the_gate(house: House, count: int) -> None:
    """A start that makes so many records is killed in the middle."""
    many(house, count)
    house.start(ready=False)
    wait_until(lambda: records(house) > 5)
    assert house.process is not None
    family = house.family()
    house.process.kill()
    house.process.wait(10)
    wait_until(lambda: not any(member.is_running() for member in family[1:]))
    assert records(house) < count


@pytest.mark.full
def test_folders_that_come_while_a_start_was_cut_get_their_records_too(house: House) -> None:
    killed_at_the_gate(house, 600)
    many(house, 3)
    house.start()
    assert records(house) == 603
    state = completed(house)
    assert (state["total"], state["failed_total"]) == (603, 0)


def test_a_ticket_that_failed_for_older_records_is_tried_again_for_newer_ones(
    house: House,
) -> None:
    bad = presqt(house.uploads)
    bad.receipt.mkdir()
    house.start()
    assert completed(house)["failed_total"] == 1
    house.stop()
    bad.receipt.rmdir()
    house.start()
    assert records(house) == 0, "it is for the operator to ask with force"
    house.stop()
    path = house.root / "mediafiles/prepare_upgrade/process_info.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "record_schema": 1}))
    house.start()
    assert records(house) == 1


@pytest.mark.full
def test_asking_again_sees_to_folders_that_came_after_the_job(house: House) -> None:
    house.start()
    many(house, 2)
    first = json.loads(house.run("prepare-upgrade", "--wait", "--json").stdout)
    many(house, 1)
    again = json.loads(house.run("prepare-upgrade", "--wait", "--json").stdout)
    assert again["run"] != first["run"]
    assert (again["added"], again["already_had"], records(house)) == (1, 2, 3)


def test_a_start_that_makes_records_says_what_waits_and_remembers_what_is_asked(
    house: House,
) -> None:
    # so many that the job's notes, two a second, tell of it while it runs on any machine
    many(house, 2500)
    house.start(ready=False)
    state: dict[str, Any] = wait_until(
        lambda: (s := state_of(house)) and s["progress"] and not s["complete"] and s
    )
    assert state["message"].endswith("the inbox opens when this is done.")
    house.configure(targets={"archive": {"type": "folder", "path": "elsewhere"}})
    assert house.process is not None
    house.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "the configuration was read again" in house.log)
    assert "ready: " in house.log
    drop(bag_zip(), house.inbox / "archive" / "one.zip")
    assert house.ended("one.zip")["status"] == "finished"
    assert (house.root / "elsewhere" / "Project").is_dir()


def test_max_wait_bounds_a_start_that_makes_records(house: House) -> None:
    many(house, 1500)
    began = time.monotonic()
    ended = house.run("run", "--once", "--max-wait", "1s")
    assert ended.returncode == 3, ended
    assert time.monotonic() - began < 40
    assert records(house) < 1500
    assert house.run("run", "--once").returncode == 0
    assert records(house) == 1500


def test_a_start_that_cannot_make_records_says_so_and_keeps_the_inbox_closed(
    house: House,
) -> None:
    many(house, 2)
    in_the_way = house.root / "mediafiles/prepare_upgrade/tickets"
    in_the_way.mkdir(parents=True)
    ended = house.run("run")
    assert ended.returncode == 74, ended
    assert "2 past tickets have no record, and the inbox stays closed" in ended.stderr
    assert "Is a directory" in ended.stderr.splitlines()[-1]
    assert "ready" not in ended.stderr
    in_the_way.rmdir()
    house.start()
    assert records(house) == 2


def test_an_open_ticket_of_the_older_schema_is_finished_by_the_new_version(house: House) -> None:
    folder = kept("cut", house.uploads)
    house.start()
    info = house.ended("cut.zip")
    assert (info["status"], info["schema_version"]) == ("finished", 3), info
    assert info["ticket_number"] == folder.ticket
    assert house.deposited("Cut") == {"a.txt": b"1", "b.txt": b"2"}
    assert house.receipt(folder.ticket)["schema_version"] == 2


def test_an_upload_of_the_older_schema_that_was_cut_is_gone_on_with_and_not_sent_twice(
    house: House,
) -> None:
    folder = kept_sending(house.uploads, house.archive)
    sent = (house.archive / "Cut" / "a.txt").stat()
    house.start()
    info = house.ended("cut.zip")
    assert info["status"] == "finished", info
    assert (info["schema_version"], info["ticket_number"]) == (3, folder.ticket)
    assert [path.name for path in house.archive.iterdir() if path.is_dir()] == ["Cut"]
    assert house.deposited("Cut") == {"a.txt": b"1", "b.txt": b"2"}
    after = (house.archive / "Cut" / "a.txt").stat()
    assert (after.st_ino, after.st_mtime_ns) == (sent.st_ino, sent.st_mtime_ns)
    assert house.receipt(folder.ticket)["totals"]["matched"] == 2
    assert house.run("verify", folder.ticket).returncode == 0


@pytest.mark.full
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is missing")
def test_a_status_that_cannot_be_read_now_is_waited_for_and_not_made_anew(house: House) -> None:
    folder = kept("cut", house.uploads)
    content = folder.info.read_bytes()
    folder.info.chmod(0)
    if os.geteuid() == 0:
        house.command = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
    house.start()
    wait_until(lambda: f"{folder.ticket} cannot go on now: process_info.json: Perm" in house.log)
    folder.info.chmod(0o644)
    assert folder.info.read_bytes() == content
    assert house.ended("cut.zip")["status"] == "finished"


def snapshot(root: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(root)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != ".presqt-daemon.lock"
    }


@pytest.mark.sampled(2)
@pytest.mark.parametrize("what", ["status", "record", "job"])
@pytest.mark.parametrize("command", ["run", "prepare-upgrade"])
def test_files_of_a_newer_version_are_not_touched(house: House, what: str, command: str) -> None:
    house.configure()
    (house.inbox / "archive").mkdir(parents=True)
    kept("finished", house.uploads)
    kept("cut", house.uploads)
    folder = presqt(house.uploads)
    (house.uploads / ".new-11111111-1111-4111-8111-111111111111").mkdir()
    drop(bag_zip(), house.inbox / "archive" / "one.zip")
    newer = b'{"ticket_number":"a","schema_version":99,"prepared_in":null}'
    if what == "job":
        path = house.root / "mediafiles/prepare_upgrade/process_info.json"
        path.parent.mkdir()
    else:
        path = folder.info if what == "status" else folder.receipt
        newer = (
            newer if what == "record" else json_bytes({"schema_version": 99, "status": "finished"})
        )
    path.write_bytes(newer)
    before = snapshot(house.root)
    ended = house.run(command)
    assert ended.returncode == 78, ended
    assert "newer version" in ended.stderr
    assert snapshot(house.root) == before
    assert (house.uploads / ".new-11111111-1111-4111-8111-111111111111").is_dir()


def test_without_a_daemon_the_command_does_it_itself(house: House) -> None:
    many(house, 20)
    ended = house.run("prepare-upgrade", "--json")
    assert ended.returncode == 0, ended
    assert list(json.loads(ended.stdout))[:3] == ["complete", "progress", "total"]
    assert ended.stderr == ""
    assert records(house) == 20
    house.start()
    assert "past tickets" not in house.log


def test_the_commands_own_job_goes_on_where_it_was_cut(house: House) -> None:
    many(house, 30)
    cut = house.run("prepare-upgrade", failpoint="upgrade-written:10")
    assert cut.returncode == -signal.SIGKILL
    state = json.loads(house.run("prepare-upgrade", "--json").stdout)
    assert (state["added"], state["already_had"], state["total"]) == (30, 0, 30)


@pytest.mark.parametrize("content", [None, b"", b'{"status": "fini'])
def test_a_folder_of_presqts_that_cannot_be_read_is_listed_and_left_as_it_is(
    house: House, content: bytes | None
) -> None:
    folder = presqt(house.uploads)
    folder.info.unlink()
    if content is not None:
        folder.info.write_bytes(content)
    before = snapshot(folder.path)
    for _ in range(2):
        house.start()
        state = completed(house)
        assert [item["ticket"] for item in state["failed"]] == [folder.ticket]
        assert house.stop() == 0
        assert snapshot(folder.path) == before


def test_a_ticket_of_presqts_that_is_copied_in_while_the_start_makes_records_stays_theirs(
    house: House,
) -> None:
    many(house, 600)
    house.start(ready=False)
    wait_until(lambda: records(house) > 5)
    late = presqt(house.root / "elsewhere")
    content = late.info.read_bytes()
    folder = house.uploads / late.ticket
    folder.mkdir()
    wait_until(lambda: "ready: " in house.log, 60)
    (folder / "process_info.json").write_bytes(content)
    drop(bag_zip(), house.inbox / "archive" / "one.zip")
    house.ended("one.zip")
    assert house.stop() == 0
    assert (folder / "process_info.json").read_bytes() == content


def test_presqts_own_tickets_are_shown_and_left_as_they_are(house: House) -> None:
    folder = presqt(house.uploads, status="in_progress", status_code=None)
    finished = presqt(house.uploads)
    before = folder.info.read_bytes()
    house.start()
    drop(bag_zip(), house.inbox / "archive" / "one.zip")
    house.ended("one.zip")
    shown = house.run("status", folder.ticket)
    assert shown.returncode == 3
    assert TOKEN not in shown.stdout + shown.stderr
    assert house.run("status", finished.ticket).returncode == 0
    assert house.run("prune").stdout == "nothing had to go\n"
    assert (finished.path / "bag" / "data").is_dir()
    assert folder.info.read_bytes() == before
    assert (folder.path / "bag" / "bagit.txt").exists()
    assert house.stop() == 0
    assert TOKEN not in house.log


def test_a_daemon_killed_in_the_middle_of_an_upload_is_replaced_and_the_ticket_ends(
    tmp_path: Path,
) -> None:
    with Shelf() as shelf, open_house(tmp_path, targets={"shelf": shelf.target()}) as house:
        shelf.faults.append(Fault("hang", part="/files/2.txt", times=1))
        house.start()
        ours(house.uploads)
        drop(bag_zip({f"P/{n}.txt": b"x" for n in range(5)}), house.inbox / "shelf" / "one.zip")
        wait_until(lambda: shelf.puts.total() >= 2)
        assert house.process is not None
        house.process.kill()
        house.process.wait(10)
        house.start()
        assert house.ended("one.zip")["status"] == "finished"
        assert completed(house)["complete"]
        assert records(house) == 2


def test_the_same_content_is_noticed(house: House) -> None:
    house.start()
    drop(bag_zip(), house.inbox / "archive" / "one.zip")
    first = house.ended("one.zip")
    drop(bag_zip(), house.inbox / "archive" / "two.zip")
    second = house.ended("two.zip")
    assert [finding["code"] for finding in second["warnings"]] == ["same-content"]
    assert first["ticket_number"] in second["warnings"][0]["message"]
    assert len(list(house.archive.glob("[!.]*"))) == 2
    house.stop()
    house.start()
    drop(bag_zip({"Other/a": b"1"}), house.inbox / "archive" / "three.zip")
    assert house.ended("three.zip")["warnings"] == []
    drop(bag_zip(), house.inbox / "archive" / "four.zip")
    assert len(house.ended("four.zip")["warnings"]) == 1


def test_six_of_the_same_content_at_once_get_five_warnings(house: House) -> None:
    house.start()
    for number in range(6):
        drop(bag_zip(), house.inbox / "archive" / f"{number}.zip")
    infos = [house.ended(f"{number}.zip") for number in range(6)]
    codes = sorted([finding["code"] for finding in info["warnings"]] for info in infos)
    assert codes == [[], *[["same-content"]] * 5]


def test_the_same_content_is_answered_with_the_first_link(house: House) -> None:
    house.configure(intake={"same_content": "point"})
    house.start()
    for number in range(4):
        drop(bag_zip(), house.inbox / "archive" / f"{number}.zip")
    infos = [house.ended(f"{number}.zip") for number in range(4)]
    assert {info["status"] for info in infos} == {"finished"}
    assert len({info["link_to_resource"] for info in infos}) == 1
    assert [path.name for path in house.archive.iterdir() if path.is_dir()] == ["Project"]
    pointed = [info for info in infos if "nothing was sent again" in info["message"]]
    assert len(pointed) == 3
    receipt = house.receipt(pointed[0]["ticket_number"])
    assert receipt["same_as"] in {info["ticket_number"] for info in infos}
    assert receipt["totals"]["not_sent"] == 2


def test_the_same_content_under_another_id_of_one_container_is_not_sent_again(
    house: House,
) -> None:
    with Shelf() as shelf:
        shelf.rooms["ab1cd"] = Room("Room", "")
        house.configure(targets={"shelf": shelf.target()}, intake={"same_content": "point"})
        house.start()
        for number, resource in enumerate(("ab1cd", "ab1cd:storage")):
            place = house.inbox / "shelf" / resource
            place.mkdir(parents=True)
            drop(bag_zip(), place / f"{number}.zip")
            assert house.ended(f"{number}.zip")["status"] == "finished"
        second = house.of("1.zip")
        assert second is not None
        assert "nothing was sent again" in second["message"]
        assert max(shelf.puts.values()) == 1


@pytest.mark.parametrize("harm", ["gone", "changed", "a file gone", "no record"])
def test_a_deposit_that_does_not_stand_any_more_answers_nobody(house: House, harm: str) -> None:
    house.configure(intake={"same_content": "point"})
    house.start()
    drop(bag_zip(), house.inbox / "archive" / "one.zip")
    first = house.ended("one.zip")["ticket_number"]
    (deposit,) = house.archive.glob("[!.]*")
    file = next(path for path in deposit.rglob("*") if path.is_file())
    if harm == "gone":
        shutil.rmtree(deposit)
    elif harm == "changed":
        file.write_bytes(b"x" * file.stat().st_size)
    elif harm == "a file gone":
        file.unlink()
    else:
        (house.uploads / first / "receipt.json").write_bytes(b"{")
    drop(bag_zip(), house.inbox / "archive" / "two.zip")
    second = house.ended("two.zip")
    assert second["message"] == "Upload successful."
    assert [warning["code"] for warning in second["warnings"]] == ["same-content-gone"]
    whole = [path for path in house.archive.glob("[!.]*") if holds_both_files(path)]
    assert whole, "the content is not there"
    assert house.run("verify", "two.zip").returncode == 0


def test_a_deposit_that_was_sent_again_answers_those_after_it(house: House) -> None:
    house.configure(intake={"same_content": "point"})
    house.start()
    drop(bag_zip(), house.inbox / "archive" / "one.zip")
    house.ended("one.zip")
    (deposit,) = house.archive.glob("[!.]*")
    file = next(path for path in deposit.rglob("*") if path.is_file())
    file.write_bytes(b"x" * file.stat().st_size)
    drop(bag_zip(), house.inbox / "archive" / "two.zip")
    second = house.ended("two.zip")
    assert [warning["code"] for warning in second["warnings"]] == ["same-content-gone"]
    for name in ("three.zip", "four.zip"):
        drop(bag_zip(), house.inbox / "archive" / name)
        later = house.ended(name)
        assert "nothing was sent again" in later["message"]
        assert house.receipt(later["ticket_number"])["same_as"] == second["ticket_number"]
        assert later["link_to_resource"] == second["link_to_resource"]


def holds_both_files(deposit: Path) -> bool:
    return {path.name for path in deposit.rglob("*") if path.is_file()} == {"a.txt", "b.txt"}


def test_a_deposit_that_is_not_verified_answers_nobody(house: House, tmp_path: Path) -> None:
    with Shelf() as shelf:
        house.configure(
            targets={"shelf": shelf.target()},
            intake={"same_content": "point"},
            uploads={"retries": 0},
        )
        shelf.faults.append(Fault("status 400", part="/files/", times=1))
        house.start()
        drop(bag_zip(), house.inbox / "shelf" / "one.zip")
        assert house.ended("one.zip")["status"] == "failed"
        drop(bag_zip(), house.inbox / "shelf" / "two.zip")
        assert house.ended("two.zip")["message"] == "Upload successful."


def test_verify_finds_exactly_the_file_that_was_changed(house: House) -> None:
    house.start()
    for number in range(4):
        files = {f"P{number}/{name}.txt": f"{number}{name}".encode() for name in "abc"}
        drop(bag_zip(files), house.inbox / "archive" / f"{number}.zip")
    tickets = [house.ended(f"{number}.zip")["ticket_number"] for number in range(4)]
    assert house.run("verify", "--all").returncode == 0
    assert house.run("verify", "--sample", "2").returncode == 0
    (house.archive / "P2" / "b.txt").write_bytes(b"xx")
    ended = house.run("verify", "--all")
    assert ended.returncode == 2
    assert ended.stdout.count("changed: ") == 1
    assert f"changed: /P2/b.txt ({tickets[2]})" in ended.stdout
    assert "1 file of 1 deposit changed" in ended.stderr
    assert [house.run("verify", ticket).returncode for ticket in tickets] == [0, 0, 2, 0]
    last = house.receipt(tickets[2])["events"][-1]
    assert (last["event_type"], last["outcome"]) == ("fixity check", "failure")
    assert "/P2/b.txt" in last["detail"]
    assert house.receipt(tickets[0])["events"][-1]["outcome"] == "success"
    (house.archive / "P1" / "a.txt").unlink()
    shutil.rmtree(house.archive / "P3")
    ended = house.run("verify", "--all")
    assert ended.stdout.count("gone: ") == 4


def test_verify_says_what_it_cannot_do(house: House) -> None:
    folder = presqt(house.uploads)
    house.start()
    assert house.run("verify", folder.ticket).returncode == 6
    assert house.run("verify", "11111111-1111-4111-8111-111111111111").returncode == 4
    ended = house.run("verify", "--all")
    assert (ended.returncode, ended.stderr.count("1 of 1 deposits could not be verified")) == (1, 1)
    assert house.run("verify").returncode == 64
    assert house.run("verify", "--sample", "0").returncode == 64


def deposits(house: House, count: int) -> list[str]:
    """So many verified tickets at the folder target, and a rejected one."""
    house.start()
    for number in range(count):
        drop(bag_zip({f"P{number}/a.txt": b"a"}), house.inbox / "archive" / f"{number}.zip")
    drop(b"junk", house.inbox / "archive" / "junk.zip")
    house.ended("junk.zip")
    tickets: list[str] = [house.ended(f"{n}.zip")["ticket_number"] for n in range(count)]
    assert house.run("verify", "--all").returncode == 0
    return tickets


def without(key: str) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        tree = json.loads(path.read_bytes())
        place = tree["files"][0] if key == "outcome" else tree
        del place[key]
        path.write_text(json.dumps(tree, indent=4))

    return damage


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    "damage",
    [
        Path.unlink,
        lambda path: path.write_bytes(b'{\n    "schema'),
        lambda path: path.write_bytes(path.read_bytes()[:400]),
        without("same_as"),
        without("outcome"),
        without("events"),
    ],
)
def test_a_deposit_whose_record_is_gone_or_damaged_is_told_and_the_others_are_asked(
    house: House, damage: Callable[[Path], None]
) -> None:
    tickets = deposits(house, 3)
    damage(house.uploads / tickets[1] / "receipt.json")
    ended = house.run("verify", "--all")
    assert ended.returncode == 1, ended
    assert "1 of 3 deposits could not be verified" in ended.stderr
    assert all(ticket in ended.stdout for ticket in tickets)
    (house.archive / "P2" / "a.txt").write_bytes(b"b")
    ended = house.run("verify", "--all")
    assert ended.returncode == 2
    assert ended.stdout.count("changed: ") == 1
    assert "1 of 3 deposits could not be verified" in ended.stderr


def test_deposits_of_a_target_that_is_configured_no_more_are_told(house: House) -> None:
    deposits(house, 2)
    house.stop()
    house.configure(targets={"renamed": {"type": "folder", "path": "archive"}})
    ended = house.run("verify", "--all")
    assert ended.returncode == 1
    assert ended.stdout.count("its target 'archive' is not configured") == 2
    assert "2 of 2 deposits could not be verified" in ended.stderr


def test_a_file_that_never_matched_is_not_called_the_same(house: House) -> None:
    with Shelf() as shelf:
        house.configure(targets={"shelf": shelf.target()})
        shelf.faults.append(Fault("spoil", part="/files/a.txt", times=10**6))
        house.start()
        drop(bag_zip({"P/a.txt": b"a", "P/b.txt": b"b"}), house.inbox / "shelf" / "one.zip")
        info = house.ended("one.zip")
        assert info["failed_fixity"] == ["/P/a.txt"], info
        ended = house.run("verify", info["ticket_number"])
        assert ended.returncode == 2, ended
        assert f"changed: /P/a.txt ({info['ticket_number']})" in ended.stdout
        assert ended.stdout.count("changed: ") == 1

import contextlib
import json
import logging
import os
import shutil
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from presqt_daemon.tickets.locks import lease_ended
from presqt_daemon.upgrade import run as upgrade_run
from presqt_daemon.upgrade.order import UpgradeOrder
from presqt_daemon.upgrade.run import DIED, REST_SHARE, UpgradeRun
from presqt_daemon.upgrade.state import JobState, started
from tests.upgrade.past import TOKEN, kept, ours, presqt

NOW = datetime(2026, 2, 1, tzinfo=UTC)
SCHEMA = json.loads(
    resources.files("presqt_daemon.schemas").joinpath("prepare_upgrade.json").read_bytes()
)


class CutError(BaseException):
    """The process ends here."""


def order_for(mediafiles: Path, **more: Any) -> UpgradeOrder:
    return UpgradeOrder(mediafiles=mediafiles, mode=0o644, **more)


def run(order: UpgradeOrder, *, force: bool = False, **more: Any) -> JobState:
    """The job from where it is to its end; its file must be by the schema all the time."""
    assert order.queue(force=force)
    state = order.state_file.read()
    assert state is not None

    def show(_state: JobState) -> None:
        jsonschema.validate(json.loads(order.state_file.path.read_bytes()), SCHEMA)

    ended = UpgradeRun(order, state, show=show, **more).go()
    assert order.state_file.read() == ended
    assert ended.progress == ended.total - ended.gone
    counts = (ended.already_had, ended.added, ended.left_open, ended.failed_total)
    assert ended.progress == sum(counts)
    return ended


def test_every_kind_of_past_ticket_is_counted_once(tmp_path: Path) -> None:
    uploads = tmp_path / "uploads"
    for name in ("finished", "rejected", "cut"):
        kept(name, uploads)
    presqt(uploads)
    ours(uploads)
    damaged = presqt(uploads)
    damaged.info.write_text("{")
    state = run(order_for(tmp_path))
    assert (state.total, state.added, state.left_open, state.failed_total) == (6, 4, 1, 1)
    [(ticket, reason)] = state.failed
    assert ticket == damaged.ticket
    assert reason.startswith("not JSON")
    assert state.complete
    assert state.status_code == 200


def test_a_second_run_finds_everything_done(tmp_path: Path) -> None:
    for _ in range(3):
        presqt(tmp_path / "uploads")
    order = order_for(tmp_path)
    run(order)
    assert not order.queue(force=False)
    again = run(order, force=True)
    assert (again.already_had, again.added) == (3, 0)


def test_a_run_that_was_cut_short_goes_on_and_counts_right(tmp_path: Path) -> None:
    for _ in range(12):
        presqt(tmp_path / "uploads")
    order = order_for(tmp_path)
    for stop_at in (3, 7, 11):
        seen: list[str] = []

        def begin(ticket: str, seen: list[str] = seen, stop_at: int = stop_at) -> None:
            seen.append(ticket)
            if len(seen) > stop_at:
                raise CutError

        order.queue(force=False)
        state = order.state_file.read()
        assert state is not None
        with pytest.raises(CutError):
            UpgradeRun(order, state, begin=begin).go()
        presqt(tmp_path / "uploads")
    before = order.state_file.read()
    ended = run(order)
    assert (ended.total, ended.added, ended.already_had) == (12, 12, 0)
    assert before is not None
    assert ended.started_at == before.started_at


def test_progress_is_never_seen_to_go_back(tmp_path: Path) -> None:
    for _ in range(40):
        presqt(tmp_path / "uploads")
    order = order_for(tmp_path)
    order.queue(force=False)
    state = order.state_file.read()
    assert state is not None
    ticks = iter(range(10**6))
    shown: list[int] = []

    def begin(_ticket: str) -> None:
        if len(shown) > 3:
            raise CutError

    def job(state: JobState, begin: Callable[[str], None]) -> UpgradeRun:
        return UpgradeRun(
            order,
            state,
            begin=begin,
            show=lambda s: shown.append(s.progress),
            clock=lambda: float(next(ticks)),
        )

    with pytest.raises(CutError):
        job(state, begin).go()
    state = order.state_file.read()
    assert state is not None
    job(state, lambda _ticket: None).go()
    assert shown == sorted(shown)
    assert shown[-1] == 40


def test_a_busy_ticket_is_left_till_last_and_waited_for(tmp_path: Path) -> None:
    uploads = tmp_path / "uploads"
    folders = sorted((presqt(uploads) for _ in range(3)), key=lambda folder: folder.ticket)
    holder = contextlib.ExitStack()
    holder.enter_context(lease_ended(folders[0].path))
    order: list[str] = []

    def begin(ticket: str) -> None:
        order.append(ticket)
        if len(order) == 4:
            holder.close()

    state = run(order_for(tmp_path), begin=begin)
    assert order == [*(folder.ticket for folder in folders), folders[0].ticket]
    assert (state.added, state.failed_total) == (3, 0)


def test_only_a_run_beside_others_rests_and_longer_than_it_worked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrade_run, "SLICE_SECONDS", 0.002)
    for _ in range(40):
        presqt(tmp_path / "uploads")
    slept: list[float] = []
    began = time.process_time()
    run(order_for(tmp_path, yields=True), sleep=slept.append)
    spent = time.process_time() - began
    assert len(slept) > 1
    assert min(slept) >= REST_SHARE * 0.002
    assert 0 < sum(slept) <= REST_SHARE * spent
    slept.clear()
    run(order_for(tmp_path), force=True, sleep=slept.append)
    assert slept == []


def test_a_ticket_that_goes_meanwhile_is_simply_gone(tmp_path: Path) -> None:
    uploads = tmp_path / "uploads"
    folders = sorted((presqt(uploads) for _ in range(3)), key=lambda folder: folder.ticket)
    state = run(order_for(tmp_path), begin=lambda _ticket: shutil.rmtree(folders[1].path, True))
    assert (state.total, state.progress, state.gone, state.added) == (3, 2, 1, 2)


def test_a_ticket_that_cannot_be_looked_at_is_given_up(tmp_path: Path) -> None:
    bad, good = (presqt(tmp_path / "uploads") for _ in range(2))
    state = run(order_for(tmp_path, given_up=frozenset({bad.ticket})))
    assert state.failed == ((bad.ticket, DIED),)
    assert good.receipt.exists()
    assert not bad.receipt.exists()


def test_failures_are_capped_and_all_counted(tmp_path: Path) -> None:
    for _ in range(55):
        presqt(tmp_path / "uploads").info.write_text("[]")
    state = run(order_for(tmp_path))
    assert (len(state.failed), state.failed_total) == (50, 55)
    assert state.complete
    assert "55 past tickets could not get a record, see failed.jsonl" in state.message
    order = order_for(tmp_path)
    assert len(order.state_file.failures_of(state.run)) == 55
    assert order.hopeless(state) == frozenset(os.listdir(tmp_path / "uploads"))
    assert not order.queue(force=False)


def test_asking_again_begins_a_run_where_records_are_missing(tmp_path: Path) -> None:
    presqt(tmp_path / "uploads").info.write_text("{")
    order = order_for(tmp_path)
    first = run(order)
    assert not order.queue(force=False)
    late = presqt(tmp_path / "uploads")
    second = run(order)
    assert late.receipt.exists()
    assert (second.run != first.run, second.total, second.added) == (True, 2, 1)


@pytest.mark.parametrize("how", [{"record_schema": 1}, {"record_schema": None}])
@pytest.mark.parametrize("is_over", [True, False])
def test_a_job_for_other_records_has_not_been_asked_for(
    tmp_path: Path, how: dict[str, int | None], is_over: bool
) -> None:
    bad = presqt(tmp_path / "uploads")
    bad.info.write_text("{")
    order = order_for(tmp_path)
    first = run(order)
    tree = {**json.loads(order.state_file.path.read_bytes()), **how}
    if how["record_schema"] is None:
        del tree["record_schema"]
    if not is_over:
        tree.update(complete=False, status="in_progress", finished_at=None)
    order.state_file.path.write_text(json.dumps(tree))
    state = order.state_file.read()
    assert order.hopeless(state) == frozenset()
    assert run(order).run != first.run
    assert not order.queue(force=False)


def test_a_lost_list_of_failures_exempts_nobody(tmp_path: Path) -> None:
    bad = presqt(tmp_path / "uploads")
    bad.info.write_text("{")
    order = order_for(tmp_path)
    state = run(order)
    assert order.hopeless(state) == {bad.ticket}
    for damage in (b"", b"[]\n", b'{"run": "another"}\n'):
        (order.state_file.folder / "failed.jsonl").write_bytes(damage)
        assert order.hopeless(state) == frozenset()
    (order.state_file.folder / "failed.jsonl").unlink()
    assert order.queue(force=False)


def test_no_token_reaches_the_log_or_the_state(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    uploads = tmp_path / "uploads"
    presqt(uploads, status=TOKEN)
    presqt(uploads, resources_ignored=TOKEN, status_code=[TOKEN], expiration=TOKEN)
    presqt(uploads).info.write_text('{"presqt-destination-token": "' + TOKEN)
    presqt(uploads).path.joinpath("receipt.json").mkdir()
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("presqt_daemon").propagate = True
        state = run(order_for(tmp_path))
    assert state.failed_total == 3
    assert TOKEN not in caplog.text
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.parent.name == "prepare_upgrade":
            assert TOKEN not in path.read_text()


def test_a_run_that_goes_on_counts_anew_and_keeps_its_beginning() -> None:
    before = JobState(
        requested_at=NOW,
        updated_at=NOW,
        started_at=NOW,
        progress=7,
        total=9,
        already_had=3,
        added=2,
        left_open=1,
        gone=1,
        failed=(("t", "r"),),
        failed_total=1,
    )
    after = started(before, datetime(2026, 3, 1, tzinfo=UTC), 9)
    counts = (after.already_had, after.added, after.left_open, after.gone, after.failed_total)
    assert counts == (0, 0, 0, 0, 0)
    assert (after.progress, after.started_at, after.run) == (7, NOW, before.run)


def test_only_the_first_to_ask_queues_the_job(tmp_path: Path) -> None:
    order = order_for(tmp_path)
    (tmp_path / "uploads").mkdir()
    assert order.queue(force=False)
    first = order.state_file.read()
    assert order.queue(force=False)
    assert order.queue(force=True)
    assert order.state_file.read() == first
    assert [path.name for path in order.state_file.folder.iterdir()] == ["process_info.json"]


def test_a_run_ends_with_no_tickets_too(tmp_path: Path) -> None:
    (tmp_path / "uploads").mkdir()
    assert run(order_for(tmp_path)).total == 0


def test_junk_beside_the_tickets_is_passed_over(tmp_path: Path) -> None:
    presqt(tmp_path / "uploads")
    (tmp_path / "uploads" / "notes.txt").touch()
    (tmp_path / "uploads" / f".new-{uuid.uuid4()}").mkdir()
    assert run(order_for(tmp_path)).total == 1

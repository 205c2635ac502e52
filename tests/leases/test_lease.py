import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import cast

import pytest

from presqt_daemon.leases import lease as lease_module
from presqt_daemon.leases import take as take_module
from presqt_daemon.leases.fence import FENCED_EXIT, AskedFence, Fence
from presqt_daemon.leases.heartbeat import HEARTBEAT_NAME, Heartbeat, read_heartbeat, take_epoch
from presqt_daemon.leases.lease import (
    FencedError,
    HeldElsewhereError,
    Lease,
    LeaseTerms,
)
from presqt_daemon.leases.take import Seen, take_lease

TTL = 10.0


@dataclass
class Host:
    """A host with a clock of its own; `on_sleep` is what others do meanwhile."""

    name: str
    now: float = 0.0
    is_alone: bool = False
    on_sleep: list[object] = field(default_factory=list)

    def terms(self) -> LeaseTerms:
        def sleep(seconds: float) -> None:
            self.now += seconds
            if self.on_sleep:
                self.on_sleep.pop(0)()  # type: ignore[operator]

        return LeaseTerms(
            ttl=TTL,
            is_alone=self.is_alone,
            instance=f"{self.name}:boot:1",
            clock=lambda: self.now,
            sleep=sleep,
        )


def epochs(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if name.startswith(".epoch."))


def test_a_ticket_that_nobody_has_is_taken_at_once_and_leaves_nothing_at_its_end(
    tmp_path: Path,
) -> None:
    host = Host("a")
    lease = take_lease(tmp_path, host.terms())
    assert (lease.epoch, host.now) == (1, 0.0)
    assert epochs(tmp_path) == [".epoch.1"]
    lease.release(has_ended=True)
    assert os.listdir(tmp_path) == []


def test_numbers_grow_from_one_to_the_next_and_only_the_last_ones_file_stays(
    tmp_path: Path,
) -> None:
    for number in range(1, 5):
        lease = take_lease(tmp_path, Host("a").terms())
        assert lease.epoch == number
        assert epochs(tmp_path) == [f".epoch.{number}"]
        lease.release(has_ended=False)


def test_a_status_that_tells_of_a_later_number_lifts_it(tmp_path: Path) -> None:
    lease = take_lease(tmp_path, Host("a").terms())
    lease.lift(6)
    assert lease.epoch == 7
    lease.lift(6)
    lease.assert_held()
    assert (lease.epoch, epochs(tmp_path)) == (7, [".epoch.7"])


def test_a_holder_that_lives_is_noticed_before_the_time_to_live_is_over(tmp_path: Path) -> None:
    first, second = Host("a"), Host("b")
    lease = take_lease(tmp_path, first.terms())

    def beat() -> None:
        first.now += 2
        lease.keep()

    second.on_sleep = [lambda: None, beat]
    with pytest.raises(HeldElsewhereError):
        take_lease(tmp_path, second.terms())
    assert second.now < TTL
    with pytest.raises(HeldElsewhereError):
        take_lease(tmp_path, second.terms(), wait=False)


def test_a_name_that_a_share_remembers_as_missing_is_no_free_ticket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As NFS clients do: tests/cluster/nfs/ shows it on the kernel's own."""
    holder = take_lease(tmp_path, Host("a").terms())
    holder.beat()
    taker = Host("b")
    taker.on_sleep = [holder.beat]
    remembered = {tmp_path / HEARTBEAT_NAME}
    ask = os.open

    def open_as_a_client(
        path: Path, flags: int, mode: int = 0o777, dir_fd: int | None = None
    ) -> int:
        if flags & os.O_DIRECTORY:
            remembered.clear()
        if path in remembered:
            raise FileNotFoundError(path)
        return ask(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", open_as_a_client)
    with pytest.raises(HeldElsewhereError):
        take_lease(tmp_path, taker.terms())
    assert taker.now < TTL


def test_a_dead_holders_ticket_is_taken_after_the_time_to_live_and_not_before(
    tmp_path: Path,
) -> None:
    take_lease(tmp_path, Host("a").terms())
    second = Host("b", now=5000.0)
    lease = take_lease(tmp_path, second.terms())
    assert lease.epoch == 2
    assert second.now - 5000.0 >= TTL
    assert epochs(tmp_path) == [".epoch.2"]


def test_a_holder_that_was_frozen_while_another_took_over_is_fenced_for_good(
    tmp_path: Path,
) -> None:
    first, second = Host("a"), Host("b")
    frozen = take_lease(tmp_path, first.terms())
    other = take_lease(tmp_path, second.terms())
    first.now += 100
    for _ in range(2):
        with pytest.raises(FencedError):
            frozen.assert_held()
    frozen.release(has_ended=True)
    other.assert_held()
    assert epochs(tmp_path) == [".epoch.2"]


def test_a_holder_that_was_slow_goes_on_under_the_next_number_where_nobody_came(
    tmp_path: Path,
) -> None:
    host = Host("a")
    lease = take_lease(tmp_path, host.terms())
    host.now += 8
    lease.assert_held()
    assert (lease.epoch, epochs(tmp_path)) == (2, [".epoch.2"])


def test_a_slow_holder_yields_to_one_who_has_won_the_next_number_but_not_told_yet(
    tmp_path: Path,
) -> None:
    host = Host("a")
    lease = take_lease(tmp_path, host.terms())
    assert take_epoch(tmp_path, 2)
    lease.assert_held()  # still within its own time
    host.now += 8
    with pytest.raises(FencedError):
        lease.assert_held()


def test_a_taker_that_died_before_its_first_beat_blocks_nobody_for_ever(tmp_path: Path) -> None:
    take_lease(tmp_path, Host("a").terms()).release(has_ended=False)
    assert take_epoch(tmp_path, 2)
    host = Host("b")
    assert take_lease(tmp_path, host.terms()).epoch == 3
    assert host.now >= TTL


def test_alone_the_number_of_a_taker_killed_before_its_first_beat_does_not_stay(
    tmp_path: Path,
) -> None:
    for number in (1, 2):
        assert take_epoch(tmp_path, number)
    lease = take_lease(tmp_path, Host("b", is_alone=True).terms())
    assert epochs(tmp_path) == [f".epoch.{lease.epoch}"] == [".epoch.3"]
    lease.release(has_ended=True)
    assert os.listdir(tmp_path) == []


def test_who_never_waits_gets_a_dead_holders_ticket_in_the_end(tmp_path: Path) -> None:
    take_lease(tmp_path, Host("a").terms())
    host = Host("b")
    before: Seen = {}
    for now in (0.0, 4.0, 9.0):
        host.now = now
        with pytest.raises(HeldElsewhereError):
            take_lease(tmp_path, host.terms(), wait=False, before=before)
    host.now = 10.0
    assert take_lease(tmp_path, host.terms(), wait=False, before=before).epoch == 2
    assert before == {}


def test_who_never_waits_gets_a_ticket_whose_holder_died_in_its_first_beat(
    tmp_path: Path,
) -> None:
    take_epoch(tmp_path, 1)
    (tmp_path / HEARTBEAT_NAME).touch()
    host, before = Host("b"), Seen()
    while host.now < 2 * TTL:
        with pytest.raises(HeldElsewhereError):
            take_lease(tmp_path, host.terms(), wait=False, before=before)
        host.now += 1
    lease = take_lease(tmp_path, host.terms(), wait=False, before=before)
    assert (lease.epoch, epochs(tmp_path)) == (2, [".epoch.2"])


def test_alone_a_ticket_whose_holder_died_in_its_first_beat_is_taken_at_once(
    tmp_path: Path,
) -> None:
    take_epoch(tmp_path, 1)
    (tmp_path / HEARTBEAT_NAME).touch()
    host = Host("a", is_alone=True)
    lease = take_lease(tmp_path, host.terms(), wait=False)
    assert (lease.epoch, host.now, epochs(tmp_path)) == (2, 0.0, [".epoch.2"])


def test_what_a_holder_left_that_died_right_after_its_first_beat_goes_too(tmp_path: Path) -> None:
    take_epoch(tmp_path, 1)
    take_epoch(tmp_path, 2)
    take_lease(tmp_path, Host("a", is_alone=True).terms()).begin(0.0)
    take_epoch(tmp_path, 2)  # as if it had died before it came to that
    lease = take_lease(tmp_path, Host("a", is_alone=True).terms())
    assert epochs(tmp_path) == [f".epoch.{lease.epoch}"] == [".epoch.4"]


def test_alone_a_number_that_a_dead_holder_won_above_the_statuss_ends_nothing(
    tmp_path: Path,
) -> None:
    take_epoch(tmp_path, 4)
    lease = take_lease(tmp_path, Host("a", is_alone=True).terms())
    lease.lift(3)
    lease.assert_held()
    assert (lease.epoch, epochs(tmp_path)) == (5, [".epoch.5"])


def test_a_number_whose_heartbeat_was_removed_goes_with_the_next_end(tmp_path: Path) -> None:
    take_epoch(tmp_path, 4)
    lease = take_lease(tmp_path, Host("a", is_alone=True).terms())
    lease.lift(4)
    lease.release(has_ended=True)
    assert os.listdir(tmp_path) == []


def test_a_kill_at_the_end_leaves_a_heartbeat_that_tells_of_the_last_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_folder: Path) -> None:
        raise KeyboardInterrupt

    lease = take_lease(tmp_path, Host("a", is_alone=True).terms())
    monkeypatch.setattr(lease_module, "forget_heartbeat", killed)
    with pytest.raises(KeyboardInterrupt):
        lease.forget_if_alone()
    monkeypatch.undo()
    again = take_lease(tmp_path, Host("a", is_alone=True).terms())
    again.release(has_ended=True)
    assert os.listdir(tmp_path) == []


def test_a_ticket_that_has_ended_gets_no_beat_however_long_its_last_status_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill after such a beat left its file in a ticket that nobody opens again."""
    host = Host("a", is_alone=True)
    lease = take_lease(tmp_path, host.terms())
    lease.forget_if_alone()
    host.now += 10 * TTL
    monkeypatch.setattr(lease_module, "write_heartbeat", pytest.fail)
    lease.release(has_ended=True)
    assert os.listdir(tmp_path) == []


def test_a_taker_waits_as_long_as_the_holder_counts_with(tmp_path: Path) -> None:
    patient = replace(Host("a").terms(), ttl=60.0)
    take_lease(tmp_path, patient)
    host = Host("b")
    take_lease(tmp_path, host.terms())
    assert host.now >= 60


def test_of_two_takers_one_wins(tmp_path: Path) -> None:
    first, second = Host("a"), Host("b")
    won: list[Lease] = []
    take_lease(tmp_path, Host("dead").terms())

    def slip_in() -> None:
        if second.now >= TTL - 0.5 and not won:
            first.now = 1000.0
            won.append(take_lease(tmp_path, first.terms()))

    second.on_sleep = [slip_in] * 200
    first.on_sleep = []
    with pytest.raises(HeldElsewhereError):
        take_lease(tmp_path, second.terms())
    won[0].assert_held()


def test_a_taker_frozen_between_its_number_and_its_first_beat_takes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host("a")
    take = take_epoch

    def slowly(folder: Path, epoch: int) -> bool:
        won = take(folder, epoch)
        host.now += 60
        return won

    monkeypatch.setattr(take_module, "take_epoch", slowly)
    with pytest.raises(HeldElsewhereError):
        take_lease(tmp_path, host.terms())


def test_a_beat_is_written_in_place_and_only_when_it_is_time(tmp_path: Path) -> None:
    host = Host("a")
    lease = take_lease(tmp_path, host.terms())
    inode = (tmp_path / HEARTBEAT_NAME).stat().st_ino
    counts = []
    for _ in range(4):
        host.now += 0.6
        lease.keep()
        beat = read_heartbeat(tmp_path)
        assert beat is not None
        counts.append(beat.count)
    assert counts == [1, 2, 2, 3]
    assert (tmp_path / HEARTBEAT_NAME).stat().st_ino == inode


def beat_with(**odd: object) -> bytes:
    whole = Heartbeat(epoch=1, count=1, instance="a:b:1", at=0.0, ttl=TTL, is_alone=False)
    return json.dumps({**asdict(whole), **odd}).encode()


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b"null", b'{"epoch": "1"}', b"\xff" * 600),
        *(beat_with(ttl=1e300), beat_with(ttl=float("nan")), beat_with(ttl=0)),
        *(beat_with(at=float("inf")), beat_with(at="now"), beat_with(instance=None)),
        *(beat_with(epoch=10**300), beat_with(epoch=-1), beat_with(epoch=True)),
    ],
)
def test_what_is_no_beat_is_waited_for_like_a_holder(tmp_path: Path, content: bytes) -> None:
    (tmp_path / HEARTBEAT_NAME).write_bytes(content)
    host = Host("a")
    lease = take_lease(tmp_path, host.terms())
    assert host.now >= TTL
    lease.assert_held()


def test_alone_on_its_host_what_a_killed_process_has_left_is_taken_at_once(
    tmp_path: Path,
) -> None:
    take_lease(tmp_path, Host("a", is_alone=True).terms())
    again = Host("a", is_alone=True)
    assert take_lease(tmp_path, again.terms()).epoch == 2
    assert again.now == 0.0
    other = Host("b", is_alone=True)
    assert take_lease(tmp_path, other.terms()).epoch == 3
    assert other.now >= TTL


def test_alone_a_disk_that_takes_no_beats_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    host, shared = Host("a", is_alone=True), Host("b")
    monkeypatch.setattr(lease_module, "write_heartbeat", full)
    monkeypatch.setattr(take_module, "take_epoch", full)
    lease = take_lease(tmp_path, host.terms())
    host.now += 60
    lease.keep()
    lease.assert_held()
    with pytest.raises(OSError, match="No space"):
        take_lease(tmp_path, shared.terms())


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        take_lease(tmp_path / "gone", Host("a", is_alone=True).terms())


class Child:
    """A worker that asks its fence."""

    def __init__(self, lease: Lease, host: Host) -> None:
        fence = lease.fence()
        assert fence is not None
        self.fence: Fence = fence
        self.host = host
        self.waited = 0
        self.left: list[int] = []

    def ask(self, while_waiting: object = None) -> bool:
        def sleep(_seconds: float) -> None:
            self.waited += 1
            if self.waited > 50:
                raise TimeoutError
            if callable(while_waiting):
                while_waiting()

        self.fence.pass_or_leave(clock=lambda: self.host.now, sleep=sleep, leave=self.left.append)
        return not self.left


def test_a_worker_goes_on_while_its_parent_beats(tmp_path: Path) -> None:
    host = Host("a")
    child = Child(take_lease(tmp_path, host.terms()), host)
    assert child.ask()
    assert child.waited == 0


def test_a_worker_waits_for_a_parent_that_was_silent_too_long(tmp_path: Path) -> None:
    host = Host("a")
    lease = take_lease(tmp_path, host.terms())
    child = Child(lease, host)
    host.now += 8
    with pytest.raises(TimeoutError):
        child.ask()
    child.waited = 0
    assert child.ask(lease.keep)
    assert (child.waited, lease.epoch) == (1, 2)


def test_a_worker_leaves_when_another_host_has_the_ticket(tmp_path: Path) -> None:
    host = Host("a")
    child = Child(take_lease(tmp_path, host.terms()), host)
    take_lease(tmp_path, Host("b").terms())
    assert not child.ask()
    assert child.left == [FENCED_EXIT]


def test_a_worker_leaves_when_its_own_host_has_let_the_ticket_go(tmp_path: Path) -> None:
    host = Host("a")
    lease = take_lease(tmp_path, host.terms())
    child = Child(lease, host)
    lease.release(has_ended=False)
    assert not child.ask()


def test_a_fenced_worker_leaves_without_a_word_or_a_written_byte(tmp_path: Path) -> None:
    take_lease(tmp_path, Host("b").terms())
    code = (
        "import atexit, pathlib, sys\n"
        "from presqt_daemon.leases.fence import Fence\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "atexit.register(lambda: (folder / 'written').touch())\n"
        "try:\n"
        "    Fence(folder=folder, instance='a', epoch=1, ttl=10.0).pass_or_leave()\n"
        "finally:\n"
        "    (folder / 'written').touch()\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert ended.returncode == FENCED_EXIT
    assert not (tmp_path / "written").exists()


def test_the_file_has_one_size_whatever_it_holds(tmp_path: Path) -> None:
    lease = take_lease(tmp_path, Host("a" * 64).terms())
    for _ in range(3):
        lease.beat()
        assert (tmp_path / HEARTBEAT_NAME).stat().st_size == 512
    assert isinstance(read_heartbeat(tmp_path), Heartbeat)


def test_a_share_that_comes_back_in_this_moment_has_the_beat_that_it_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its holder took that for the end of its lease and left."""
    folder, away = tmp_path / "here", tmp_path / "away"
    folder.mkdir()
    lease = take_lease(folder, Host("a").terms())
    folder.rename(away)
    really_open = os.open

    def open_and_back(path: object, *more: object, **named: object) -> int:
        try:
            return really_open(path, *more, **named)  # type: ignore[arg-type]
        finally:
            if away.exists():
                away.rename(folder)

    monkeypatch.setattr(os, "open", open_and_back)
    lease.beat()
    assert folder.is_dir()


def test_who_was_frozen_since_it_asked_asks_before_it_sends_more(tmp_path: Path) -> None:
    """The rest of a body that was begun went out after another had sent the file."""
    host = Host("a")
    asked: list[float] = []
    fence = take_lease(tmp_path, host.terms()).fence()
    assert fence is not None

    class Counting:
        ttl = TTL

        def pass_or_leave(self) -> None:
            asked.append(host.now)

    known = AskedFence(cast("Fence", Counting()), lambda: host.now)
    known.ask()
    known.ask_after_silence()
    assert len(asked) == 1
    host.now += TTL * 0.9
    known.ask_after_silence()
    known.ask_after_silence()
    assert len(asked) == 2

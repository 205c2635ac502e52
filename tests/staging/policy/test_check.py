import os
import time
from pathlib import Path

import pytest

from presqt_daemon.config import StagingConfig
from presqt_daemon.errors import HouseFault, UserFault
from presqt_daemon.messages import Alive, Report
from presqt_daemon.staging.policy.check import check_policy, require_check
from tests.bags import bag_zip
from tests.staging.test_stage import Desk

FILES = {"bagit.txt", "data/P/a.txt"}


def shell(script: str, limit: float = 600.0) -> StagingConfig:
    return StagingConfig(check_command=("sh", "-c", script), check_time_limit=limit)


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    folder = tmp_path / "bag"
    (folder / "data" / "P").mkdir(parents=True)
    for name in FILES:
        (folder / name).write_bytes(b"content")
    return folder


def check(bag: Path, config: StagingConfig) -> None:
    check_policy(bag, FILES, config, lambda: None)


def test_exit_code_0_lets_a_bag_pass_whatever_is_printed(bag: Path) -> None:
    check(bag, shell('[ "$PWD" = "$PRESQT_BAG" ] && cat data/P/a.txt && echo odd >&2'))
    check(bag, StagingConfig())


def test_another_code_refuses_it_with_what_was_printed_as_findings(bag: Path) -> None:
    script = (
        'echo "./data/P/a.txt: Eicar FOUND"; echo "$PRESQT_BAG/data/P/a.txt: Again FOUND" >&2;'
        "printf 'plain \\033[31m words\\n'; exit 3"
    )
    with pytest.raises(UserFault) as caught:
        check(bag, shell(script))
    fault = caught.value
    assert (fault.code, fault.status_code, fault.findings_total) == ("refused-by-policy", 400, 3)
    assert [(item.path, item.message) for item in fault.findings] == [
        ("data/P/a.txt", "data/P/a.txt: Eicar FOUND"),
        ("data/P/a.txt", "data/P/a.txt: Again FOUND"),
        ("", "plain \\x1b[31m words"),
    ]
    assert fault.message == (
        "The bag is refused by the rules of this service: data/P/a.txt: Eicar FOUND (and 2 more "
        "lines). Change that and drop it again, or ask the operator."
    )


def test_a_refusal_without_a_word_says_so_and_one_of_many_is_cut(bag: Path) -> None:
    with pytest.raises(UserFault, match="no reason was given"):
        check(bag, shell("exit 1"))
    with pytest.raises(UserFault) as caught:
        check(bag, shell("seq 1000; exit 1"))
    assert len(caught.value.findings) == 50
    assert caught.value.findings_total == 1000


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("exit 75", "ended with exit code 75"),
        ("no-such-program-anywhere", "ended with exit code 127"),
        ("./data/P/a.txt", "ended with exit code 126"),
        ("kill -9 $$", "was killed by signal 9 (SIGKILL)"),
        ("chmod -R u+w . && echo more >> data/P/a.txt", "has changed the bag (data/P/a.txt)"),
        ("chmod u+w data/P && rm -f data/P/a.txt; exit 1", "has changed the bag (data/P/a.txt)"),
    ],
)
def test_a_check_that_says_nothing_of_the_bag_is_the_operators_to_mend(
    bag: Path, caplog: pytest.LogCaptureFixture, script: str, words: str
) -> None:
    (bag / "data" / "P" / "a.txt").chmod(0o600)
    with pytest.raises(HouseFault) as caught:
        check(bag, shell(script))
    fault = caught.value
    assert (fault.code, fault.status_code, fault.retryable) == ("check-failed", 500, True)
    assert words not in fault.message
    assert words in caplog.text


def test_one_that_takes_too_long_is_ended_and_the_worker_counts_as_alive_meanwhile(
    bag: Path,
) -> None:
    beats: list[float] = []
    with pytest.raises(HouseFault):
        check_policy(
            bag,
            FILES,
            shell("sleep 600 & sleep 600", limit=2.5),
            lambda: beats.append(time.monotonic()),
        )
    assert beats


def test_a_program_that_is_missing_is_found_out_before_anything_is_unpacked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = StagingConfig(check_command=("/nowhere/clamscan", "--secret=1"))
    with pytest.raises(HouseFault):
        require_check(config)
    desk = Desk(tmp_path, bag_zip())
    with pytest.raises(HouseFault):
        desk.stage(config=config)
    assert desk.left() == {desk.name}
    assert "/nowhere/clamscan is not there" in caplog.text
    assert "secret" not in caplog.text


def test_a_refused_bag_leaves_nothing_unpacked_and_no_digests_behind(tmp_path: Path) -> None:
    desk = Desk(tmp_path, bag_zip())
    with pytest.raises(UserFault) as caught:
        desk.stage(config=shell("echo no; exit 1"))
    assert caught.value.code == "refused-by-policy"
    assert desk.left() == {desk.name}


def test_a_bag_that_passes_is_staged_with_the_rights_that_it_should_have(tmp_path: Path) -> None:
    desk = Desk(tmp_path, bag_zip())
    bag = desk.stage(config=shell("test ! -w data || test $(id -u) = 0"))
    folder = desk.folder / bag.folder
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()} == {0o600}
    assert os.access(folder, os.W_OK)


def test_what_only_the_check_waits_for_is_told(tmp_path: Path) -> None:
    began, told = tmp_path / "began", tmp_path / "told"

    class Said(list[Report]):
        def append(self, report: Report) -> None:
            super().append(report)
            if isinstance(report, Alive) and began.exists():
                told.touch()

    desk = Desk(tmp_path, bag_zip())
    desk.said = Said()
    # it ends when it has been told of, so that no pause of a busy machine can hide that
    desk.stage(config=shell(f"touch {began}; until [ -e {told} ]; do sleep 0.05; done", 120.0))
    assert told.exists()

"""The rules of the upload room, broken on purpose: each mutant of ours turns a near test red."""

import os
import random
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = 2
"""So many run without --full, always the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleMutant:
    """In `module` the only `old` becomes `new`; a test of `suite` must fail.

    `only` narrows a large suite.
    """

    name: str
    suite: str
    module: str
    old: str
    new: str
    only: str = ""


MUTANTS = (
    RuleMutant(
        name="takes-an-intent-for-ownership",
        suite="upload/test_ownership",
        module="upload/parcels/decide",
        old="if claim.holds_all or is_same_content(item, claim.digests):",
        new="if True:",
    ),
    RuleMutant(
        name="takes-a-lost-answer-for-ownership",
        suite="upload/test_ownership",
        module="upload/transfer",
        old="        if replaces is None:\n            return False\n",
        new="        if replaces is None:\n            return True\n",
    ),
    RuleMutant(
        name="compares-the-name-that-was-sent",
        suite="upload/test_ownership",
        module="upload/transfer",
        old="answered = item.path if item.asked is None else item.asked",
        new="answered = parcel.remote",
    ),
    RuleMutant(
        name="lists-before-the-last-put",
        suite="upload/test_ownership",
        module="upload/delivery",
        old="        if transfer.delivered:\n"
        "            # after the last put: only what the target shows then is there\n"
        "            listing = listed_by_key(transfer.target, transfer.container, self._threads)\n",
        new="",
    ),
    RuleMutant(
        name="deletes-first",
        suite="targets/test_folder",
        module="targets/folder/target",
        old="            self._write(handle, file)\n",
        new="            if replaces is not None:\n"
        "                (self._path / container.id / file.path).unlink()\n"
        "            self._write(handle, file)\n",
        only="update or put",
    ),
    RuleMutant(
        name="pauses-the-target-for-one-file",
        suite="upload/calls/test_whole_target",
        module="upload/calls/whole_target",
        old="        target.titles() if is_path else target.account()\n",
        new="        raise fault\n",
    ),
    RuleMutant(
        name="compares-ids-as-strings",
        suite="workers/limits/test_permits",
        module="workers/limits/permits",
        old="            container = ContainerKey(site_of(target), identity)\n",
        new="            container = taken.asked or ContainerKey(site_of(target), identity)\n",
    ),
    RuleMutant(
        name="compares-ids-of-the-same-content-as-strings",
        suite="workers/limits/test_duplicates",
        module="workers/limits/duplicates",
        old=" and self._identity_of(other.ticket_number) == identity\n",
        new=" and other.resource_id == info.resource_id\n",
    ),
    RuleMutant(
        name="progress-does-not-reset-the-count-of-deaths",
        suite="workers/test_unfinished_runs",
        module="workers/unfinished_runs",
        old="deaths = 1 if progress else run.deaths + 1",
        new="deaths = run.deaths + 1",
    ),
    RuleMutant(
        name="takes-any-bytes-for-a-token",
        suite="workers/limits/test_tokens",
        module="workers/limits/tokens",
        old='    if not token.isascii() or not token.isprintable() or " " in token:\n',
        new="    if False:\n",
    ),
    RuleMutant(
        name="verify-compares-no-sizes",
        suite="upload/test_ask_again",
        module="upload/ask_again",
        old="            return Now.CHANGED\n    digests",
        new="            pass\n    digests",
    ),
    RuleMutant(
        name="verify-compares-ignored-files-by-our-side",
        suite="upload/test_ask_again",
        module="upload/ask_again",
        old=' and file["outcome"] != Outcome.IGNORED\n',
        new="\n",
    ),
    RuleMutant(
        name="fails-a-ticket-for-a-refused-token",
        suite="upload/calls/test_whole_target",
        module="upload/calls/whole_target",
        old='    if fault.code == "unauthorized":\n        return _held(fault, PauseKind.TOKEN)\n',
        new="",
    ),
    RuleMutant(
        name="publishes-what-others-have-in-a-draft",
        suite="upload/test_ownership",
        module="upload/publishing",
        old="    if foreign := [str(path) for path in sorted(others) if path not in ours]:\n",
        new="    if foreign := [str(path) for path in sorted(others) if path in ours]:\n",
    ),
    RuleMutant(
        name="sends-twins-of-one-name",
        suite="upload/parcels/test_names",
        module="upload/parcels/names",
        old="other = taken.setdefault(rules.key(path), (name, path))",
        new="other = (name, path)",
    ),
)
SAMPLED = random.Random(7).sample(MUTANTS, SAMPLE)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A place with our package and its tests."""
    place = tmp_path / "mutant"
    for name in ("presqt_daemon", "tests"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", place)
    return place


def test_every_mutant_has_a_text_to_change() -> None:
    package = ROOT / "presqt_daemon"
    lost = [
        mutant.name
        for mutant in MUTANTS
        if (package / f"{mutant.module}.py").read_text().count(mutant.old) != 1
    ]
    assert lost == [], "the package has changed: these must follow"


@pytest.mark.parametrize(
    "mutant",
    [
        pytest.param(one, id=one.name, marks=() if one in SAMPLED else pytest.mark.full)
        for one in MUTANTS
    ],
)
def test_a_broken_rule_turns_a_near_test_red(copy: Path, mutant: RuleMutant) -> None:
    path = copy / "presqt_daemon" / f"{mutant.module}.py"
    text = path.read_text()
    path.write_text(text.replace(mutant.old, mutant.new))
    suite = f"tests/{mutant.suite}.py"
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-n0",
            "-p",
            "no:cacheprovider",
            suite,
            "-k",
            mutant.only,
        ],
        check=False,
        cwd=copy,
        # without what a whole run is told by it: a mutant has one small suite
        env={key: value for key, value in os.environ.items() if key != "PYTEST_ADDOPTS"},
        capture_output=True,
        text=True,
    )
    # 1: tests have failed; a copy that cannot even be imported would give another number
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert " passed" in ended.stdout, "not even one test passed: the copy is more than a mutant"

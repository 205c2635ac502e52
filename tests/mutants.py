"""A copy of the package with one text put in the place of another: a near test must see it."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """In `module` the only `old` becomes `new`; a test of `suite` must fail.

    Both are paths without their ending, in the package and in `tests`. `only` narrows a large
    suite, as pytest's `-k` does.
    """

    name: str
    suite: str
    module: str
    old: str
    new: str
    only: str = ""

    def path(self, place: Path = ROOT) -> Path:
        """The file that it changes."""
        return place / "presqt_daemon" / f"{self.module}.py"


def copy_all(place: Path) -> None:
    """Put our package and its tests there."""
    for name in ("presqt_daemon", "tests"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", place)


def run_suite(place: Path, suite: str, *options: str) -> "subprocess.CompletedProcess[str]":
    """The end of one suite on the copy in that place."""
    command = [sys.executable, "-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, f"tests/{suite}.py", *options],
        check=False,
        cwd=place,
        # without what a whole run is told by it: a mutant has one small suite
        env={key: value for key, value in os.environ.items() if key != "PYTEST_ADDOPTS"},
        capture_output=True,
        text=True,
    )


def assert_a_test_turns_red(place: Path, mutant: Mutant, *options: str) -> None:
    """Make the mutant in an empty place and run its suite there, with these options of pytest."""
    copy_all(place)
    path = mutant.path(place)
    path.write_text(path.read_text().replace(mutant.old, mutant.new))
    ended = run_suite(place, mutant.suite, "-k", mutant.only, *options)
    # 1: tests have failed; a copy that cannot even be imported would give another number
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert " passed" in ended.stdout, "not even one test passed: the copy is more than a mutant"


def lost_in(mutants: tuple[Mutant, ...]) -> list[str]:
    """The mutants whose text the package does not have, or more than once."""
    return [one.name for one in mutants if one.path().read_text().count(one.old) != 1]

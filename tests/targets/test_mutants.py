"""The suites of the adapters see a broken adapter: each mutant of ours turns one red.

A mutant is a copy of the package with one text put in the place of another. Only the adapter's own
test is run on it, up to the first failure.
"""

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
class Mutant:
    """In `module` the only `old` becomes `new`; `suite` is the target whose test must fail."""

    name: str
    suite: str
    module: str
    old: str
    new: str


def told_token(suite: str) -> Mutant:
    """The session puts the token into every address."""
    return Mutant(
        name=f"token-in-address-{suite}",
        suite=suite,
        module="web/http",
        old="params=params,\n",
        new="params={**(params or {}), 't': ' '.join(secrets.values()).split()[-1:]},\n",
    )


def deaf(suite: str) -> Mutant:
    """`Retry-After` is not read."""
    return Mutant(
        name=f"retry-after-ignored-{suite}",
        suite=suite,
        module="web/answers",
        old='text = headers.get("Retry-After")\n',
        new="text = None\n",
    )


SUITES = ("osf", "github", "gitlab", "zenodo", "figshare")
MUTANTS = (
    *map(told_token, SUITES),
    *map(deaf, SUITES),
    Mutant(
        name="stale-sha-github",
        suite="github",
        module="github/deposit",
        old="commit = self._commit_pending() or self._branch.head()\n",
        new="commit = self._branch.head()\n        self._commit_pending()\n",
    ),
    Mutant(
        name="stale-base-github",
        suite="github",
        module="github/git",
        old='"tree": tree, "parents": [head]}',
        new='"tree": tree, "parents": []}',
    ),
    Mutant(
        name="echoed-digest-osf",
        suite="osf",
        module="osf/target",
        old="item_from_entry(entry, self._path_of(container, entry, file.path.parent)),",
        new="Item(path=file.path, digests=file.digests),",
    ),
    Mutant(
        name="echoed-digest-github",
        suite="github",
        module="github/git",
        old='return text_at(answer, "sha")\n\n    def begin',
        new='return file.digests["git-blob-sha1"]\n\n    def begin',
    ),
    Mutant(
        name="echoed-digest-gitlab",
        suite="gitlab",
        module="gitlab/deposit",
        old="return items_below(self._prefix, items.values())\n        raise",
        new="return {}\n        raise",
    ),
    Mutant(
        name="unguarded-update-gitlab",
        suite="gitlab",
        module="gitlab/batches",
        old="if action.last_commit else",
        new="if False else",
    ),
    Mutant(
        name="repeated-entries-believed-figshare",
        suite="figshare",
        module="figshare/api",
        old="if len(fresh) < len(entries):",
        new="if False:",
    ),
    Mutant(
        name="invented-digest-zenodo-records",
        suite="zenodo",
        module="zenodo/files",
        old='digests=md5_from(entry.get("checksum")),',
        new='digests=md5_from("0" * 32),',
    ),
    Mutant(
        name="echoed-digest-zenodo-deposit",
        suite="zenodo",
        module="zenodo/bucket",
        old='digests=md5_from(stored.get("checksum")),',
        new="digests=file.digests,",
    ),
    Mutant(
        name="echoed-digest-figshare",
        suite="figshare",
        module="figshare/entries",
        old='computed = str(entry.get("computed_md5") or "").lower()',
        new='computed = str(entry.get("supplied_md5") or "").lower()',
    ),
    Mutant(
        name="public-project-osf",
        suite="osf",
        module="osf/nodes",
        old='"public": self._is_public,',
        new='"public": True,',
    ),
    Mutant(
        name="public-project-github",
        suite="github",
        module="github/repositories",
        old='"private": is_private,',
        new='"private": False,',
    ),
    Mutant(
        name="public-project-gitlab",
        suite="gitlab",
        module="gitlab/projects",
        old='"visibility": self._config.visibility,',
        new='"visibility": "public",',
    ),
    Mutant(
        name="public-files-zenodo",
        suite="zenodo",
        module="zenodo/records",
        old='self._access = "public" if is_public else "restricted"',
        new='self._access = "public"',
    ),
)
SAMPLED = random.Random(1).sample(MUTANTS, SAMPLE)


def without_options() -> dict[str, str]:
    """Our environment, without what a whole run is told by it: a mutant has one small suite."""
    return {key: value for key, value in os.environ.items() if key != "PYTEST_ADDOPTS"}


def run_suite(place: Path, suite: str) -> "subprocess.CompletedProcess[str]":
    """The end of one adapter's test on the copy in that place."""
    test = f"tests/targets/test_{suite}.py"
    command = [sys.executable, "-m", "pytest", "-n0", "-x", "-q", "-p", "no:cacheprovider", test]
    return subprocess.run(
        [*command, "-k", "not memory and not killed"],
        check=False,
        cwd=place,
        env=without_options(),
        capture_output=True,
        text=True,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A place with our package and its tests."""
    place = tmp_path / "mutant"
    for name in ("presqt_daemon", "tests"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", place)
    return place


def text_of(mutant: Mutant, place: Path = ROOT) -> str:
    """What the mutant changes."""
    return (place / "presqt_daemon" / "targets" / f"{mutant.module}.py").read_text()


def test_every_mutant_has_a_text_to_change() -> None:
    lost = [mutant.name for mutant in MUTANTS if text_of(mutant).count(mutant.old) != 1]
    assert lost == [], "the package has changed: these must follow"


@pytest.mark.parametrize(
    "mutant",
    [
        pytest.param(one, id=one.name, marks=() if one in SAMPLED else pytest.mark.full)
        for one in MUTANTS
    ],
)
def test_a_mutant_turns_the_suite_of_its_target_red(copy: Path, mutant: Mutant) -> None:
    path = copy / "presqt_daemon" / "targets" / f"{mutant.module}.py"
    path.write_text(text_of(mutant, copy).replace(mutant.old, mutant.new))
    ended = run_suite(copy, mutant.suite)
    # 1: tests have failed; a copy that cannot even be imported would give another number
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert " passed" in ended.stdout, "not even one test passed: the copy is more than a mutant"


@pytest.mark.full
@pytest.mark.parametrize("suite", SUITES)
def test_a_copy_without_a_change_is_green(copy: Path, suite: str) -> None:
    ended = run_suite(copy, suite)
    assert ended.returncode == 0, ended.stdout + ended.stderr

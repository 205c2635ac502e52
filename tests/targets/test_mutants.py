"""The suites of the adapters see a broken adapter: each mutant of ours turns one red."""

from pathlib import Path

import pytest

from tests.mutants import Mutant, assert_a_test_turns_red, copy_all, lost_in, run_suite

OPTIONS = ("-x", "-k", "not memory and not killed")


def told_token(suite: str) -> Mutant:
    """The session puts the token into every address."""
    return Mutant(
        name=f"token-in-address-{suite}",
        suite=f"targets/test_{suite}",
        module="targets/web/http",
        old="params=params,\n",
        new="params={**(params or {}), 't': ' '.join(secrets.values()).split()[-1:]},\n",
    )


def deaf(suite: str) -> Mutant:
    """`Retry-After` is not read."""
    return Mutant(
        name=f"retry-after-ignored-{suite}",
        suite=f"targets/test_{suite}",
        module="targets/web/answers",
        old='text = headers.get("Retry-After")\n',
        new="text = None\n",
    )


SUITES = ("osf", "github", "gitlab", "zenodo", "figshare")
MUTANTS = (
    *map(told_token, SUITES),
    *map(deaf, SUITES),
    Mutant(
        name="stale-sha-github",
        suite="targets/test_github",
        module="targets/github/deposit",
        old="commit = self._commit_pending() or self._branch.head()\n",
        new="commit = self._branch.head()\n        self._commit_pending()\n",
    ),
    Mutant(
        name="stale-base-github",
        suite="targets/test_github",
        module="targets/github/git",
        old='"tree": tree, "parents": [head]}',
        new='"tree": tree, "parents": []}',
    ),
    Mutant(
        name="echoed-digest-osf",
        suite="targets/test_osf",
        module="targets/osf/target",
        old="item_from_entry(entry, self._path_of(container, entry, file.path.parent)),",
        new="Item(path=file.path, digests=file.digests),",
    ),
    Mutant(
        name="echoed-digest-github",
        suite="targets/test_github",
        module="targets/github/git",
        old='return text_at(answer, "sha")\n\n    def begin',
        new='return file.digests["git-blob-sha1"]\n\n    def begin',
    ),
    Mutant(
        name="echoed-digest-gitlab",
        suite="targets/test_gitlab",
        module="targets/gitlab/deposit",
        old="return items_below(self._prefix, items.values())\n        raise",
        new="return {}\n        raise",
    ),
    Mutant(
        name="unguarded-update-gitlab",
        suite="targets/test_gitlab",
        module="targets/gitlab/batches",
        old="if action.last_commit else",
        new="if False else",
    ),
    Mutant(
        name="repeated-entries-believed-figshare",
        suite="targets/test_figshare",
        module="targets/figshare/api",
        old="if len(fresh) < len(entries):",
        new="if False:",
    ),
    Mutant(
        name="invented-digest-zenodo-records",
        suite="targets/test_zenodo",
        module="targets/zenodo/files",
        old='digests=md5_from(entry.get("checksum")),',
        new='digests=md5_from("0" * 32),',
    ),
    Mutant(
        name="echoed-digest-zenodo-deposit",
        suite="targets/test_zenodo",
        module="targets/zenodo/bucket",
        old='digests=md5_from(stored.get("checksum")),',
        new="digests=file.digests,",
    ),
    Mutant(
        name="echoed-digest-figshare",
        suite="targets/test_figshare",
        module="targets/figshare/entries",
        old='computed = str(entry.get("computed_md5") or "").lower()',
        new='computed = str(entry.get("supplied_md5") or "").lower()',
    ),
    Mutant(
        name="public-project-osf",
        suite="targets/test_osf",
        module="targets/osf/nodes",
        old='"public": self._is_public,',
        new='"public": True,',
    ),
    Mutant(
        name="public-project-github",
        suite="targets/test_github",
        module="targets/github/repositories",
        old='"private": is_private,',
        new='"private": False,',
    ),
    Mutant(
        name="public-project-gitlab",
        suite="targets/test_gitlab",
        module="targets/gitlab/projects",
        old='"visibility": self._config.visibility,',
        new='"visibility": "public",',
    ),
    Mutant(
        name="public-files-zenodo",
        suite="targets/test_zenodo",
        module="targets/zenodo/records",
        old='self._access = "public" if is_public else "restricted"',
        new='self._access = "public"',
    ),
)


def test_every_mutant_has_a_text_to_change() -> None:
    assert lost_in(MUTANTS) == [], "the package has changed: these must follow"


@pytest.mark.sampled(2)
@pytest.mark.parametrize("mutant", [pytest.param(one, id=one.name) for one in MUTANTS])
def test_a_mutant_turns_the_suite_of_its_target_red(tmp_path: Path, mutant: Mutant) -> None:
    assert_a_test_turns_red(tmp_path / "mutant", mutant, *OPTIONS)


@pytest.mark.full
@pytest.mark.parametrize("suite", SUITES)
def test_a_copy_without_a_change_is_green(tmp_path: Path, suite: str) -> None:
    copy_all(tmp_path)
    ended = run_suite(tmp_path, f"targets/test_{suite}", *OPTIONS)
    assert ended.returncode == 0, ended.stdout + ended.stderr

"""`check --deposit` as a person runs it, against targets on real sockets."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.program import Program
from tests.fakes import figshare, github, gitlab, osf, zenodo
from tests.fakes.server import FakeServer


@dataclass(frozen=True, kw_only=True)
class Place:
    """A fake as one entry of `targets:`; `left` counts what the account still has."""

    fake: FakeServer
    settings: str
    token: str
    left: Callable[[], int]
    upload: tuple[str, str]
    removal: str


def _osf() -> Place:
    fake = osf.OsfFake()
    return Place(
        fake=fake,
        settings=f"type: osf, url: '{fake.api}'",
        token=osf.TOKEN,
        left=lambda: len(fake.nodes),
        upload=("PUT", "name=no ending"),
        removal="/nodes/",
    )


def _github() -> Place:
    fake = github.GitHubFake()
    return Place(
        fake=fake,
        settings=f"type: github, url: '{fake.url}'",
        token=github.TOKEN,
        left=lambda: len(fake.repositories),
        upload=("POST", "/git/blobs"),
        removal="/repos/",
    )


def _gitlab() -> Place:
    fake = gitlab.GitLabFake()
    return Place(
        fake=fake,
        settings=f"type: gitlab, url: '{fake.url}'",
        token=gitlab.TOKEN,
        left=lambda: len(fake.projects),
        upload=("POST", "/repository/commits"),
        removal="/projects/",
    )


def _figshare() -> Place:
    fake = figshare.FigshareFake()
    fake.polls = fake.hides = 0
    return Place(
        fake=fake,
        settings=f"type: figshare, url: '{fake.api}'",
        token=figshare.TOKEN,
        left=lambda: len(fake.articles) + len(fake.projects),
        upload=("PUT", "/upload/"),
        removal="/articles/",
    )


def _zenodo(api: str) -> Place:
    fake = zenodo.FakeZenodo()
    return Place(
        fake=fake,
        settings=f"type: zenodo, url: '{fake.url}/api', api: {api}",
        token=zenodo.TOKEN,
        left=lambda: len(fake.drafts),
        upload=("PUT", "presqt.zip"),
        removal="/api/",
    )


PLACES: dict[str, Callable[[], Place]] = {
    "osf": _osf,
    "github": _github,
    "gitlab": _gitlab,
    "figshare": _figshare,
    "records": lambda: _zenodo("records"),
    "deposit": lambda: _zenodo("deposit"),
}


KEPT = (
    "a blank before is kept; a blank behind is kept; a name of 250 bytes is kept; "
    "names that differ by a blank are two files; names that differ by letter case are two files; "
    "names that differ by Unicode form are two files"
)
NAMES = {
    "osf": "a blank before is dropped; a blank behind is dropped; a name of 250 bytes is kept; "
    "names that differ by a blank are one file, so a bag with both is refused; names that differ "
    "by letter case are two files; names that differ by Unicode form are two files",
    "github": KEPT,
    "gitlab": KEPT,
    "figshare": KEPT,
    "records": "names travel inside one zip",
    "deposit": "names travel inside one zip",
}


@contextmanager
def opened(name: str, folder: Path) -> Iterator[tuple[Place, Program]]:
    with ExitStack() as stack:
        place = PLACES[name]()
        stack.enter_context(place.fake)
        token = folder / "lab.token"
        token.write_text(f"{place.token}\n", encoding="utf-8")
        token.chmod(0o600)
        # what is wanted here may be public, a trial never is
        wanted = "visibility: public, publish: after_verified"
        yield (
            place,
            Program(
                folder,
                "uploads: {retries: 0}\n"
                f"targets:\n  lab: {{token_file: lab.token, {wanted}, {place.settings}}}\n",
            ),
        )


@pytest.mark.parametrize("name", PLACES)
def test_a_trial_deposit_is_private_verified_and_gone_again(name: str, tmp_path: Path) -> None:
    with opened(name, tmp_path) as (place, program):
        ended = program.run("check", "--deposit", "lab")
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert "8 files, private, verified by the target's own" in ended.stdout or (
            name == "figshare" and "7 files, private, verified" in ended.stdout
        )
        (line,) = (line for line in ended.stdout.splitlines() if "names at lab" in line)
        assert NAMES[name] in line
        assert "the trial deposit is gone again" in ended.stdout
        assert "warning" not in ended.stdout
        assert place.left() == 0
        assert place.token not in ended.stdout + ended.stderr
        assert place.fake.count("POST", "publish") == 0
        for seen in place.fake.requests:
            assert place.token not in seen.target


@pytest.mark.parametrize("name", PLACES)
def test_one_that_the_token_may_not_remove_is_shown(name: str, tmp_path: Path) -> None:
    with opened(name, tmp_path) as (place, program):
        place.fake.fault("status 403", "DELETE", place.removal)
        ended = program.run("check", "--deposit", "lab")
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert place.left() > 0
        (line,) = (line for line in ended.stdout.splitlines() if "removal" in line)
        assert line.startswith("warning")
        assert "://" in line


@pytest.mark.parametrize("name", ["osf", "gitlab", "records"])
def test_what_goes_wrong_is_said_and_nothing_is_left(name: str, tmp_path: Path) -> None:
    with opened(name, tmp_path) as (place, program):
        method, part = place.upload
        place.fake.fault("status 418", method, part, times=9)
        ended = program.run("check", "--deposit", "lab")
        assert ended.returncode == 1, ended.stdout + ended.stderr
        (line,) = (line for line in ended.stdout.splitlines() if "deposit to lab" in line)
        assert line.startswith("wrong")
        assert "418" in line
        assert place.left() == 0


def test_a_trial_is_private_though_the_target_is_set_to_public(tmp_path: Path) -> None:
    with opened("osf", tmp_path) as (place, program):
        place.fake.fault("status 403", "DELETE", place.removal)
        assert program.run("check", "--deposit", "lab").returncode == 0
        assert isinstance(place.fake, osf.OsfFake)
        (node,) = place.fake.nodes.values()
        assert node.attributes["public"] is False


def test_a_rate_limit_is_told_with_its_time(tmp_path: Path) -> None:
    with opened("osf", tmp_path) as (place, program):
        place.fake.fault("status 429 3000", "PUT", "name=no ending")
        ended = program.run("check", "--deposit", "lab")
        assert ended.returncode == 1
        assert "Try again in 3000 s" in ended.stdout
        assert place.left() == 0


@pytest.mark.parametrize("name", ["osf", "gitlab", "records"])
def test_bytes_that_the_target_spoils_are_found(name: str, tmp_path: Path) -> None:
    with opened(name, tmp_path) as (place, program):
        if isinstance(place.fake, github.GitHubFake | gitlab.GitLabFake):
            place.fake.spoils = 99
        elif isinstance(place.fake, zenodo.FakeZenodo):
            place.fake.spoils.update({"presqt-daemon check.presqt.zip": 9})
        else:
            part = "kind=file" if name == "osf" else "/upload/"
            place.fake.fault("spoil", "PUT", part, times=99)
        ended = program.run("check", "--deposit", "lab")
        assert ended.returncode == 1, ended.stdout + ended.stderr
        assert "arrived with another content" in ended.stdout
        assert place.left() == 0


def test_the_folder_target_is_tried_too(program: Program) -> None:
    ended = program.run("check", "--deposit", "archive")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "8 files, private, verified by the target's own sha512" in ended.stdout
    assert list((program.folder / "archive").iterdir()) == []


def test_a_target_that_is_not_there_is_refused(program: Program) -> None:
    ended = program.run("check", "--deposit", "arhcive")
    assert ended.returncode == 64
    assert "there are: archive" in ended.stderr


def test_a_wrong_configuration_is_78_before_anything_is_sent(program: Program) -> None:
    program.file.write_text("inbax: x\n", encoding="utf-8")
    assert program.run("check", "--deposit", "archive").returncode == 78


def test_without_a_token_nothing_is_tried(tmp_path: Path) -> None:
    program = Program(tmp_path, "targets:\n  lab: {type: osf, token_file: missing.token}\n")
    ended = program.run("check", "--deposit", "lab")
    assert ended.returncode == 1
    assert "not tried" in ended.stdout


@pytest.mark.parametrize("name", PLACES)
def test_check_says_whose_the_token_is(name: str, tmp_path: Path) -> None:
    with opened(name, tmp_path) as (place, program):
        ended = program.run("check")
        assert ended.returncode == 0, ended.stdout
        (line,) = (line for line in ended.stdout.splitlines() if "target lab" in line)
        assert line.startswith("ok")
        assert ", as " in line
        assert place.token not in ended.stdout


def test_a_token_that_is_refused_is_wrong_and_not_shown(tmp_path: Path) -> None:
    with opened("osf", tmp_path) as (_place, program):
        (tmp_path / "lab.token").write_text("another-token", encoding="utf-8")
        ended = program.run("check")
        assert ended.returncode == 1
        assert "[unauthorized]" in ended.stdout
        assert "another-token" not in ended.stdout

"""Which requests to a target count to its pace, and who has one without being configured."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from presqt_daemon.config import TargetConfig
from presqt_daemon.errors import UserFault
from presqt_daemon.targets.base import traits_of
from tests.fakes import figshare, github, gitlab, osf, zenodo
from tests.fakes.server import FakeServer, Seen
from tests.upload.tickets import Supervisor, job_for, staged

KINDS: dict[str, tuple[Callable[[], FakeServer], str, str]] = {
    "osf": (osf.OsfFake, "/v2", osf.TOKEN),
    "github": (github.GitHubFake, "", github.TOKEN),
    "gitlab": (gitlab.GitLabFake, "", gitlab.TOKEN),
    "zenodo": (zenodo.FakeZenodo, "/api", zenodo.TOKEN),
    "figshare": (figshare.FigshareFake, "/v2", figshare.TOKEN),
}


def counts(kind: str, seen: Seen) -> bool:
    """Whether a request is one of those that the service limits."""
    if kind == "github":
        return seen.method in {"POST", "PUT", "PATCH"}
    return kind != "figshare" or not seen.path.startswith("/upload/")


@pytest.mark.parametrize("kind", KINDS)
def test_a_turn_is_taken_for_every_request_that_counts_and_for_no_other(
    tmp_path: Path, kind: str
) -> None:
    make, path, token = KINDS[kind]
    turns: list[int] = []

    def book_turn(requests_per_minute: int) -> float:
        turns.append(requests_per_minute)
        return 0.0

    payload = {"Project/a.bin": b"\xff\x00", "Project/b.txt": b"beta\n"}
    with make() as fake:
        target = TargetConfig(
            name="lab", type=kind, url=f"{fake.url}{path}", requests_per_minute=77
        )
        extra = traits_of(target).algorithms
        job = job_for(staged(tmp_path, payload, extra=extra), target, token=token)
        assert Supervisor().send(job, book_turn=book_turn).failed_fixity == ()
        expected = sum(counts(kind, seen) for seen in fake.seen())
    assert expected > 2
    assert turns == [77] * expected


def test_what_ends_the_wait_for_a_turn_ends_the_upload_before_anything_is_sent(
    tmp_path: Path,
) -> None:
    def book_turn(requests_per_minute: int) -> float:
        raise UserFault("cancelled", f"no turn in {requests_per_minute}")

    with figshare.FigshareFake() as fake:
        target = TargetConfig(name="lab", type="figshare", url=fake.api, requests_per_minute=1)
        job = job_for(staged(tmp_path, extra=("md5",)), target, token=figshare.TOKEN)
        with pytest.raises(UserFault, match="no turn in 1"):
            Supervisor().send(job, book_turn=book_turn)
        assert fake.count() == 0


@pytest.mark.parametrize(
    ("kind", "url", "pace"),
    [("figshare", "https://api.figshare.com/v2/", 60), ("github", "https://api.github.com", 80)],
)
def test_only_the_public_service_has_a_pace_of_its_own(kind: str, url: str, pace: int) -> None:
    target = TargetConfig(name="lab", type=kind)
    assert traits_of(target).requests_per_minute == pace
    assert traits_of(replace(target, url=url)).requests_per_minute == pace
    other = replace(target, url="https://git.example.org/api/v3")
    assert traits_of(other).requests_per_minute is None

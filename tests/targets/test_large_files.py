"""Large files through whole uploads: the sending process stays small, whatever the target.

OSF, Figshare, GitLab and GitHub's blobs have such tests beside their own.
"""

from pathlib import Path

import pytest

from presqt_daemon.config import TargetConfig
from tests.fakes import github, zenodo
from tests.targets.large_files import MOST_MEMORY, staged_sparse
from tests.targets.processes import peak_bytes
from tests.targets.sender import Job
from tests.upload.tickets import folder_config


@pytest.fixture
def size(full: bool) -> int:
    return 1 << 30 if full else 100 << 20


def sparse(folder: Path, size: int) -> Path:
    path = folder / "large.bin"
    with path.open("wb") as stream:
        stream.truncate(size)
    return path


def test_a_folder_takes_it_in_little_memory(tmp_path: Path, size: int) -> None:
    config = folder_config(tmp_path / "archive")
    assert peak_bytes(config, "", sparse(tmp_path, size)) < MOST_MEMORY
    assert (tmp_path / "archive" / "Big" / "big.bin").stat().st_size == size


def test_github_takes_it_as_an_asset_in_little_memory(tmp_path: Path, size: int) -> None:
    with github.GitHubFake() as fake:
        fake.keep_bytes = 1 << 20
        config = TargetConfig(name="github", type="github", url=fake.url)
        assert peak_bytes(config, github.TOKEN, sparse(tmp_path, size)) < MOST_MEMORY
        (repository,) = fake.repositories.values()
        (release,) = repository.releases
        assert [asset.content.size for asset in release.assets] == [size]


@pytest.mark.parametrize("has_records", [True, False], ids=["records", "deposit"])
def test_zenodo_takes_the_zip_of_it_in_little_memory(
    tmp_path: Path, size: int, has_records: bool
) -> None:
    folder = staged_sparse(tmp_path, size, ("md5",))
    with zenodo.FakeZenodo(has_records=has_records) as fake:
        fake.keep_bytes = 2 << 30
        url = f"{fake.url}/api"
        done = Job(folder=str(folder), type="zenodo", url=url, token=zenodo.TOKEN).run()
        (draft,) = fake.drafts
        (content,) = fake.contents(draft).values()
    assert len(content) > size
    assert done["failed"] == []
    assert done["memory"] < MOST_MEMORY

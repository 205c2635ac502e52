"""Which title a new resource gets, and what becomes of the other one."""

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from presqt_daemon.model import DuplicateAction, Resolved
from presqt_daemon.targets.base import ContainerRequest, Target, Traits
from presqt_daemon.targets.github.repositories import _description as github_description
from presqt_daemon.targets.gitlab.projects import _description as gitlab_description
from presqt_daemon.upload.containers.open import chosen_title


@dataclass
class Titled:
    """A target with nothing but traits."""

    traits: Traits = field(
        default_factory=lambda: Traits(
            algorithms=("md5",), titles_are_for_readers=True, min_title_length=3
        )
    )


def chosen(source: str, described: str, target: Titled | None = None) -> tuple[str, str]:
    resolved = Resolved(
        target="t",
        resource_id=None,
        title="Folder",
        duplicate_action=DuplicateAction.IGNORE,
        options_from={"title": source},
    )
    return chosen_title(cast("Target", target or Titled()), resolved, described)


def test_a_title_in_the_metadata_goes_before_a_folders_name_where_titles_are_for_readers() -> None:
    assert chosen("payload", "For\n readers") == ("For readers", "")
    plain = Titled(Traits(algorithms=()))
    assert chosen("payload", "For readers", plain) == ("Folder", "For readers")


@pytest.mark.parametrize("source", ["sidecar", "bag"])
def test_a_title_that_the_sender_chose_stays_and_the_other_one_goes_along(source: str) -> None:
    assert chosen(source, "For readers") == ("Folder", "For readers")


def test_a_title_that_is_too_short_is_not_used() -> None:
    assert chosen("payload", "ab") == ("Folder", "ab")
    assert chosen("payload", "") == ("Folder", "")


@pytest.mark.parametrize("describe", [github_description, gitlab_description])
def test_where_names_are_no_titles_the_metadatas_title_begins_the_description(
    describe: Any,
) -> None:
    fields = {"title": "Folder", "described_title": "For readers", "description": "About it"}
    request = ContainerRequest(ticket="7", resource_id=None, title="Folder", fields=fields)
    said = str(describe(request))
    assert said.startswith("For readers")
    assert said.index("About it") > 0

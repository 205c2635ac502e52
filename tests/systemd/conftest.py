"""One container with the installed service, for all tests of a release."""

from collections.abc import Iterator

import pytest

from tests.systemd.machine import PYTHONS, Machine, booted
from tests.systemd.service import IN_THE_SOURCES, put_checkout, readme_block


@pytest.fixture(
    scope="session",
    params=[
        pytest.param(one, marks=() if one == "bookworm" else pytest.mark.full) for one in PYTHONS
    ],
)
def machine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    """A Debian on which the service was installed by the README's block and runs."""
    with booted(request.param, tmp_path_factory.mktemp(request.param)) as made:
        put_checkout(made, request.param)
        made.run(f"{IN_THE_SOURCES}{readme_block()}")
        made.run(
            "groupadd lab-a && useradd -m -G presqt-drop sender && useradd -m -G lab-a alice"
            " && useradd -m stranger"
        )
        yield made

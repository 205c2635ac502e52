"""The suite of all adapters, against real accounts."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from presqt_daemon.errors import UserFault
from presqt_daemon.model import UploadResult
from presqt_daemon.targets.base import Container, ContainerRequest, Target
from presqt_daemon.upload.send import SendJob, send
from tests.live.accounts import LiveSite, needs, site_of
from tests.targets.conformance import TICKET, Conformance, Site
from tests.upload.tickets import Supervisor

NO_SUCH_ID = "987654321098765"
"""Beyond every number that a target has given so far."""


class Live(Conformance):
    """Titles and tickets are new for every test, since an account remembers."""

    kind: ClassVar[str]
    faults: ClassVar[frozenset[str]] = frozenset({"unauthorized"})

    @pytest.fixture
    def site(self) -> Iterator[LiveSite]:
        site = site_of(self.kind)
        self.ticket, self.title = str(uuid.uuid4()), f"presqt-test-{uuid.uuid4().hex[:8]}"
        self.account = site
        yield site
        site.clear()

    def new(self, target: Target, title: str = "Conformance", ticket: str = TICKET) -> Container:
        container = target.container(
            ContainerRequest(
                ticket=self.ticket if ticket == TICKET else str(uuid.uuid4()),
                resource_id=None,
                title=target.traits.title_from(f"{title} {self.title}"),
            )
        )
        self.account.made[container.id] = container
        return container

    def send(self, site: Site, supervisor: Supervisor, job: SendJob) -> UploadResult:
        """As the worker makes it, with real waits."""
        title = f"{job.resolved.title} {self.title}"
        if job.resolved.resource_id is None:
            job = replace(job, resolved=replace(job.resolved, title=title))
        job = replace(job, uploads=replace(job.uploads, retries=5))
        result = send(job, supervisor.ask, supervisor.reports.append)
        with self.account.opened() as target:
            opened = supervisor.opened
            if opened.container_id not in self.account.made and job.resolved.resource_id is None:
                request = ContainerRequest(ticket=job.ticket, resource_id=None, title=opened.title)
                self.account.made[opened.container_id] = target.container(request)
        return result

    def test_two_tickets_of_one_title_get_two_containers(self, site: Site, tmp_path: Path) -> None:
        pytest.skip("whoever creates takes turns, which the daemon sees to")

    def test_a_file_the_target_spoils_is_noticed(self, site: Site, target: Target) -> None:
        pytest.skip("a real target spoils nothing at will")

    def test_no_such_resource_is_said(self, target: Target) -> None:
        with pytest.raises(UserFault) as raised:
            self.existing(target, NO_SUCH_ID)
        assert raised.value.code in {"resource-not-found", "resource-gone"}


@needs("osf")
class TestOsf(Live):
    kind = "osf"


@needs("github")
class TestGitHub(Live):
    kind = "github"


@needs("gitlab")
class TestGitLab(Live):
    kind = "gitlab"


@needs("zenodo")
class TestZenodo(Live):
    kind = "zenodo"
    has_file_ids = False


@needs("figshare")
class TestFigshare(Live):
    kind = "figshare"

    def test_a_container_that_carries_the_mark_is_not_made_twice(
        self, site: Site, target: Target
    ) -> None:
        """Under its own title: only projects of that title are looked at."""
        first = self.new(target)
        again = self.connect(site)
        assert self.new(again).id == first.id
        again.close()

"""What a run on another host knows of the same content: what the daemon knew before."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from presqt_daemon.model import Finding
from presqt_daemon.tickets.process_info import ProcessInfo
from presqt_daemon.tickets.store import TicketFolder
from presqt_daemon.workers.limits.duplicates import KnownContents, SameContentError
from presqt_daemon.workers.limits.grant import Grant


@dataclass(slots=True, kw_only=True)
class GrantedContents(KnownContents):
    """As `KnownContents` for one run; the daemon notes afterwards what it has staged."""

    grant: Grant

    def notice(
        self,
        folder: TicketFolder,  # noqa: ARG002
        info: ProcessInfo,  # noqa: ARG002
        *,
        points: bool,  # noqa: ARG002
        site: Callable[[str | None], Hashable] = lambda target: target,  # noqa: ARG002
    ) -> Finding | None:
        """The warning that came with the grant.

        Raises SameContentError for the tickets that did, InfoError where one cannot be read.
        """
        if self.grant.same_as:
            found = [self.uploads.folder(ticket).read_info() for ticket in self.grant.same_as]
            raise SameContentError(*found)
        return self.grant.same_content

"""What the arbiter must know of a ticket that has not ended."""

from dataclasses import dataclass

from presqt_daemon.model import Stage
from presqt_daemon.workers.runs.run import Interruption, Run, RunEnd, Work


@dataclass(slots=True, kw_only=True)
class OpenTicket:
    """One open ticket in memory; used by the arbiter's thread only.

    `deaths` counts goes without new progress. `waited` are the seconds that it has waited for
    something but a worker, `waits_from` the monotonic moment since which it does so again,
    `waits_for` what it was parked for last, `note_at` when it is written on next that it is held.
    `folder` is the target's whose inbox folder it came through, `is_slow` says that its staging
    took longer than its size explains. `is_asked_again`: somebody asked for another try while it
    ran, so what stopped it may be mended.
    """

    ticket: str
    work: Work
    zip_bytes: int = 0
    folder: str = ""
    target: str | None = None
    resource_id: str | None = None
    deaths: int = 0
    is_resume: bool = False
    is_restaged: bool = False
    is_slow: bool = False
    interruption: Interruption | None = None
    is_asked_again: bool = False
    is_gone: bool = False
    note_at: float | None = None
    waited: float = 0.0
    waits_from: float | None = None
    waits_for: str | None = None
    order: int = 0

    @property
    def is_cancelled(self) -> bool:
        """Whether the run that goes on was asked to end."""
        return self.interruption is not None and self.interruption.is_cancelled

    def waited_until(self, now: float) -> float:
        """The seconds that it has waited in all."""
        return self.waited + (0.0 if self.waits_from is None else now - self.waits_from)

    def begin_waiting(self, now: float) -> None:
        """Count the time from now on as waiting."""
        if self.waits_from is None:
            self.waits_from = now

    def end_waiting(self, now: float) -> None:
        """Count no more; what was told of the wait is out of date."""
        self.waited, self.waits_from = self.waited_until(now), None
        self.note_at = None

    def become_staged(self, target: str | None, resource_id: str | None) -> None:
        """From now on it is to be sent; what staging took and waited counts no more."""
        if not self.is_restaged:
            self.deaths = 0
        self.work, self.is_resume, self.waited = Work.UPLOAD, False, 0.0
        self.waits_for = None
        self.target, self.resource_id = target, resource_id

    def go_again(self, end: RunEnd) -> None:
        """Its run has ended in the middle; what is not staged any more is staged anew."""
        self.deaths = 0 if end.made_progress else self.deaths + 1
        self.is_resume = True
        stage = None if end.info is None else end.info.stage
        if stage in {Stage.RECEIVED, Stage.VALIDATED} and self.work is Work.UPLOAD:
            # a payload that spoils again and again is no progress, however well staged
            self.work, self.is_restaged = Work.STAGE, True

    def begin(self, now: float, *, is_asking: bool = False) -> Run:
        """The run that begins now."""
        self.end_waiting(now)
        self.interruption, self.is_asked_again = Interruption(), False
        return Run(
            ticket=self.ticket,
            work=self.work,
            deaths=self.deaths,
            is_restaged=self.is_restaged,
            is_resume=self.is_resume,
            waited_seconds=self.waited,
            zip_bytes=self.zip_bytes,
            folder=self.folder,
            is_asking=is_asking,
        )

"""What a `run` in the foreground shows below its log: the tickets at work, and all in one line."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from presqt_daemon.cli.output.figures import is_at_work
from presqt_daemon.cli.output.footer import text_bar
from presqt_daemon.cli.output.progress import bar_of_ticket
from presqt_daemon.cli.output.rows import Totals
from presqt_daemon.cli.output.show import shown
from presqt_daemon.cli.tickets.readings import TicketReadings
from presqt_daemon.tickets.store import Uploads

MAX_LINES = 5


@dataclass(slots=True)
class AtWork:
    """The lines as they are now; called again and again by one thread."""

    mediafiles: Path
    readings: TicketReadings = field(init=False)
    _totals: Totals = field(default_factory=Totals)

    def __post_init__(self) -> None:
        self.readings = TicketReadings(Uploads(self.mediafiles))

    def lines(self) -> list[str]:
        """A line for each of the first few tickets at work, then all tickets in one."""
        self.readings.refresh()
        return list(self._lines())

    def _lines(self) -> Iterator[str]:
        infos = self.readings.infos
        working = sorted(
            (info for info in infos.values() if is_at_work(info)),
            key=lambda info: (info.received_at, info.ticket_number),
        )
        for info in working[:MAX_LINES]:
            rate = self.readings.rates.get(info.ticket_number)
            bar = bar_of_ticket(info, () if rate is None else rate.texts(info))
            figures = "  ".join(bar.figures)
            share = bar.share or 0.0
            yield f"{text_bar(share)} {int(share * 100):>3}%  {shown(info.source_file)}  {figures}"
        if len(working) > MAX_LINES:
            yield f"... and {len(working) - MAX_LINES} more"
        yield self._totals.line(infos, len(self.readings.damaged))

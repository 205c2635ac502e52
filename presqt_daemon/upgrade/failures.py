"""`prepare_upgrade/failed.jsonl`: every ticket for which the last run could make no record."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from presqt_daemon.system.files import replace_file
from presqt_daemon.tickets.lines import read_lines
from presqt_daemon.upgrade.state import FAILURES_NAME


@dataclass(frozen=True, slots=True)
class Failures:
    """The file; its first line names the run, which is how it is told from an older one's."""

    folder: Path
    mode: int = 0o644

    def keep(self, run: str, failed: Iterable[tuple[str, str]]) -> None:
        """Replace the file by a run's failures: ticket and reason. Raises OSError."""
        rows = [{"run": run}, *({"ticket": ticket, "reason": why} for ticket, why in failed)]
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        content = lines.encode("utf-8", "backslashreplace")
        replace_file(self.folder / FAILURES_NAME, content, mode=self.mode)

    def tickets_of(self, run: str) -> frozenset[str]:
        """The tickets that failed in a run, none where the file is another's. Raises OSError."""
        rows = read_lines(self.folder / FAILURES_NAME)
        if next(rows, {}).get("run") != run:
            return frozenset()
        return frozenset(str(row.get("ticket")) for row in rows)

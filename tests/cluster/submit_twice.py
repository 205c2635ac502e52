"""A program: one ticket given to each of several workers at once, as two daemons or a retry would.

Arguments: configuration, ticket, the workers' addresses. Says in JSON how each go has ended.
"""

import json
import os
import sys
from pathlib import Path

from presqt_daemon.settings.load import load_config
from presqt_daemon.workers.engines.dask import DaskEngine
from presqt_daemon.workers.limits.grant import Grant, settings_marks, short_mark
from presqt_daemon.workers.limits.tokens import Tokens
from presqt_daemon.workers.run_ticket import run_ticket
from presqt_daemon.workers.runs.run import Run, Work

ROOM_BYTES = 1 << 30


def main(path: str, ticket: str, *workers: str) -> None:
    config = load_config(Path(path), {})
    tokens = Tokens(config.targets, os.environ)
    grant = Grant(
        settings=settings_marks(config),
        goes_on_to="osf",
        marks={"osf": short_mark(tokens.mark_of(config.targets["osf"]))},
        pace={"osf": 0.5},
        room=ROOM_BYTES,
    )
    run = Run(ticket=ticket, work=Work.STAGE, folder="osf")
    engine = DaskEngine(config.engine_options)
    assert engine.trouble() is None
    client = engine._client
    futures = [
        client.submit(
            run_ticket, config.mediafiles, ticket, run, grant, pure=False, workers=[one], key=one
        )
        for one in workers
    ]
    ends = [future.result() for future in futures]
    print(json.dumps([[end.kind.value, end.waiting_for] for end in ends]))
    engine.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A drop brought to its end by the worker's own task, in this process, and its status kept.

The service is honest: what is odd comes from the sender alone.
"""

import json
import pickle
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from presqt_daemon.config import Config, TargetConfig, UploadsConfig
from presqt_daemon.errors import MAX_MESSAGE
from presqt_daemon.messages import (
    End,
    Failed,
    Go,
    Opened,
    Reached,
    Staged,
    Uploaded,
    WantsContainer,
    WantsCreate,
    WantsSpace,
    WantsTurn,
)
from presqt_daemon.model import Resolved, Route, Stage
from presqt_daemon.staging.stage import StageJob
from presqt_daemon.tickets.claim_record import ClaimRecord, Owner
from presqt_daemon.tickets.process_info import (
    ProcessInfo,
    add_warnings,
    advance,
    tree_from_info,
)
from presqt_daemon.tickets.store import TicketFolder, Uploads
from presqt_daemon.upload.send import SendJob
from presqt_daemon.workers.outcomes import end_failed, end_finished
from presqt_daemon.workers.processes.conversation import project
from presqt_daemon.workers.processes.options import claim_of
from presqt_daemon.workers.processes.tasks import StageTask, UploadTask, run_task
from tests.targets import odd_answers
from tests.targets.odd_answers import PAYLOAD
from tests.tickets.infos import new_info, writer_of
from tests.workers.processes.odd_drops import OddDrop, odd_drop

KINDS = ("folder", *odd_answers.KINDS)
ZIP = "drop.zip"
MOST_BYTES = 64 << 10
"""Of a status file, whatever a sender wrote; three payload files fill little of it."""


@dataclass
class Outcome:
    """What came of a drop, as its status tells it."""

    info: ProcessInfo | None = None
    error: BaseException | None = None
    end: End | None = None
    is_stored: bool = False
    bugs: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def fault(self) -> str | None:
        """What must never come of it, None where all is well."""
        if self.error is not None:
            return f"an error that was not caught: {self.error!r}"
        if self.bugs:
            return f"a request that the service does not know: {self.bugs[:2]}"
        if self.info is None or not isinstance(self.end, Uploaded | Failed):
            return f"no end: {self.end!r:.300}"
        texts = [self.info.message, *(one.message for one in self.info.warnings)]
        texts += [one.message for one in self.info.errors]
        if longest := max(texts, key=len, default="")[MAX_MESSAGE:]:
            return f"a sentence of {MAX_MESSAGE + len(longest)} characters: {texts[0]:.200}"
        if (size := len(json.dumps(tree_from_info(self.info)))) > MOST_BYTES:
            return f"a status of {size} bytes"
        if isinstance(self.end, Failed):
            code = self.end.error.code
            is_senders = code in {"bad-request", "bad-sidecar", "invalid-bag", "malformed-bag",
                                  "unknown-target", "resource-not-found", "too-large"}  # fmt: skip
            return None if is_senders else f"{code}: {self.end.error.message:.300}"
        if not self.is_stored or self.info.failed_fixity:
            return "a deposit that lacks files"
        return None


@dataclass
class _Host:
    """Stands at the other end of the worker's line, and keeps the ticket's status as the daemon."""

    config: Config
    folder: TicketFolder
    token: str
    info: ProcessInfo
    end: End | None = None
    _answers: list[Any] = field(default_factory=list)
    _resolved: Resolved | None = None

    def send(self, message: Any) -> None:
        message = pickle.loads(pickle.dumps(message))
        if isinstance(message, WantsSpace):
            self._resolved = message.resolved
            if not message.has_room:
                self._answers.append(Go())
        elif isinstance(message, WantsCreate | WantsContainer | WantsTurn):
            self._answers.append(Go())
        elif isinstance(message, Staged):
            self._answers.append(self._upload_task())
        elif isinstance(message, Reached):
            self.info = advance(self.info, message.stage)
            if message.bag is not None:
                warnings = message.bag.warnings, message.bag.warnings_total
                self.info = add_warnings(self.info, *warnings)
        elif isinstance(message, Opened):
            self.info = project(self.info, message, self.info.received_at)
        elif isinstance(message, End):
            self.end = message

    def recv(self) -> Any:
        return self._answers.pop(0)

    def _upload_task(self) -> UploadTask:
        resolved = self._resolved
        assert resolved is not None
        self.info = replace(
            self.info,
            target=resolved.target,
            resource_id=resolved.resource_id,
            title=resolved.title,
            file_duplicate_action=resolved.duplicate_action,
            options_from=resolved.options_from,
        )
        job = SendJob(
            folder=self.folder.path,
            resolved=resolved,
            target=self.config.targets[resolved.target],
            token=self.token,
            uploads=self.config.uploads,
            boot_id="boot",
            ticket=self.folder.ticket,
        )
        return UploadTask(ticket=self.folder.ticket, job=job)


def deposit(kind: str, seed: int, place: Path) -> Outcome:
    """The drop of a seed, from its zip to its last status."""
    drop, outcome = odd_drop(seed), Outcome()
    with _service(kind, place) as (target, token, holds_all, bugs):
        config = Config(
            mediafiles=place / f"mediafiles-{uuid.uuid4()}",
            targets={"here": replace(target, sender_may=("resource_id",))},
            uploads=UploadsConfig(fts_metadata=True, retries=1),
        )
        uploads = Uploads(config.mediafiles)
        host = _claim(uploads, drop, config, token)
        began = time.monotonic()
        task = StageTask(
            ticket=host.folder.ticket,
            job=StageJob(
                folder=host.folder.path,
                zip_name=ZIP,
                config=config.staging,
                payload_mode=0o600,
                boot_id="boot",
            ),
            claim=claim_of(host.folder),
            source_file=ZIP,
            config=config,
        )
        try:
            run_task(task, cast("Any", host))
            outcome.end = host.end
            outcome.info = _ended(uploads, host)
        except BaseException as error:  # noqa: BLE001  (whatever it is, it is judged)
            outcome.error = error
        outcome.seconds = time.monotonic() - began
        outcome.is_stored = holds_all()
        outcome.bugs = tuple(map(repr, bugs))
        bugs.clear()
    return outcome


def _claim(uploads: Uploads, drop: OddDrop, config: Config, token: str) -> _Host:
    folder = uploads.folder(str(uuid.uuid4()))
    folder.path.mkdir(parents=True)
    (folder.path / ZIP).write_bytes(drop.zip)
    sidecar = None if drop.sidecar is None else f"{ZIP}.yaml"
    if sidecar is not None and drop.sidecar is not None:
        (folder.path / sidecar).write_bytes(drop.sidecar)
    folder.write_claim(
        ClaimRecord(
            ticket=folder.ticket,
            inbox_folder="inbox/here",
            inbox_name=ZIP,
            zip_name=ZIP,
            sidecar_name=sidecar,
            route=Route(target="here"),
            dropped_by_uid=0,
            dropped_by_name=None,
            received_at="2026-01-31T09:30:00Z",
            owner=Owner(host="depot", boot_id="b", pid=1, started=1),
        )
    )
    info = new_info(ticket_number=folder.ticket, target="here", source_file=ZIP)
    return _Host(config=config, folder=folder, token=token, info=info)


def _ended(uploads: Uploads, host: _Host) -> ProcessInfo | None:
    """The last status, as it is read from its file again."""
    holder = writer_of(uploads, host.folder, host.info)
    if isinstance(host.end, Failed):
        end_failed(holder, host.end.error, host.config)
    elif isinstance(host.end, Uploaded):
        assert host.info.stage is Stage.HASHED
        end_finished(holder, host.end.result, host.config)
    else:
        return None
    return host.folder.read_info()


@contextmanager
def _service(
    kind: str, place: Path
) -> Iterator[tuple[TargetConfig, str, Callable[[], bool], list[BaseException]]]:
    if kind == "folder":
        archive = place / f"archive-{uuid.uuid4()}"
        archive.mkdir()

        def holds_all() -> bool:
            found = {path.read_bytes() for path in archive.rglob("*") if path.is_file()}
            return set(PAYLOAD.values()) <= found

        yield TargetConfig(name="here", type="folder", path=archive), "", holds_all, []
        return
    with odd_answers.service(kind) as (fake, target, token):
        yield target, token, lambda: odd_answers.holds_all(kind, fake), fake.bugs


def in_time(kind: str, seed: int, place: Path, seconds: float) -> Outcome | None:
    """The same, None where it has not come to an end in that time."""
    ended: list[Outcome] = []
    thread = threading.Thread(target=lambda: ended.append(deposit(kind, seed, place)), daemon=True)
    thread.start()
    thread.join(seconds)
    return ended[0] if ended else None

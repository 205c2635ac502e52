"""A ticket as staging leaves it, made from plain values, and a way to send it."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from presqt_daemon.config import TargetConfig, UploadsConfig
from presqt_daemon.digest import Digester
from presqt_daemon.messages import Go, Opened, Progress, Report, WantsContainer, WantsCreate
from presqt_daemon.model import Bag, DuplicateAction, PayloadFile, Resolved, UploadResult
from presqt_daemon.records.payload import PayloadHead
from presqt_daemon.tickets.store import MARK_NAME
from presqt_daemon.upload.send import SendJob, send
from tests.bags import bag_tree
from tests.payloads import write_payload

FILES = {"Project/a.txt": b"alpha\n", "Project/sub/b.txt": b"beta\n"}
BOOT = "boot-1"


def digests_of(content: bytes, algorithms: Iterable[str]) -> dict[str, str]:
    digester = Digester(algorithms, len(content))
    digester.update(content)
    return digester.digests()


def staged(
    root: Path,
    payload: Mapping[str, bytes] | None = None,
    *,
    folders: tuple[str, ...] = (),
    algorithms: tuple[str, ...] = ("sha512",),
    extra: tuple[str, ...] = (),
    bag: str = "bag",
) -> Path:
    """A ticket's folder with an unpacked bag and its `payload.jsonl`.

    `algorithms` are those of the manifests, `extra` was computed for the target.
    """
    files = FILES if payload is None else payload
    folder = root / str(uuid.uuid4())
    for name, content in bag_tree(files, algorithms=algorithms).items():
        path = folder / bag / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for name in folders:
        (folder / bag / "data" / name).mkdir(parents=True, exist_ok=True)
    head = PayloadHead(
        bag=Bag(
            folder=bag,
            version="1.0",
            algorithms=algorithms,
            info=(),
            payload_files=len(files),
            payload_bytes=sum(map(len, files.values())),
        ),
        algorithm=(extra or algorithms)[0],
        boot_id=BOOT,
        folders=folders,
    )
    rows = (
        PayloadFile(
            path=PurePosixPath(name),
            size=len(content),
            digests=digests_of(content, {*algorithms, *extra}),
        )
        for name, content in files.items()
    )
    write_payload(folder / "payload.jsonl", head, rows)
    return folder


def mark_of(folder: Path) -> str:
    """The number that the ticket's new container carries."""
    return (folder / MARK_NAME).read_text().strip()


def job_for(
    folder: Path,
    target: TargetConfig,
    *,
    title: str = "Project",
    resource_id: str | None = None,
    action: DuplicateAction = DuplicateAction.IGNORE,
    uploads: UploadsConfig | None = None,
    token: str | None = None,
    boot_id: str = BOOT,
) -> SendJob:
    return SendJob(
        folder=folder,
        resolved=Resolved(
            target=target.name, resource_id=resource_id, title=title, duplicate_action=action
        ),
        target=target,
        token=token,
        uploads=uploads or UploadsConfig(fts_metadata=False),
        boot_id=boot_id,
        ticket=folder.name,
    )


@dataclass
class Supervisor:
    """Answers and remembers, as the worker's supervisor does."""

    reports: list[Report] = field(default_factory=list)
    asked: int = 0
    slept: list[float] = field(default_factory=list)

    def ask(self, question: WantsCreate | WantsContainer) -> Go:
        self.asked += isinstance(question, WantsCreate)
        return Go()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def send(self, job: SendJob, **options: Any) -> UploadResult:
        return send(job, self.ask, self.reports.append, sleep=self.sleep, **options)

    @property
    def opened(self) -> Opened:
        return next(report for report in self.reports if isinstance(report, Opened))

    @property
    def progress(self) -> list[Progress]:
        return [report for report in self.reports if isinstance(report, Progress)]


def folder_config(path: Path, **changes: Any) -> TargetConfig:
    return replace(TargetConfig(name="archive", type="folder", path=path), **changes)


def tree_of(folder: Path) -> dict[str, bytes | None]:
    """Every path below a folder: its content, None for a folder; hidden side folders too."""
    return {
        path.relative_to(folder).as_posix(): None if path.is_dir() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
    }

"""What a worker and its supervisor say to each other, as values that survive pickling.

A worker reports; the supervisor answers a question (`WantsSpace`, `WantsCreate`,
`WantsContainer`, `WantsTurn`) with `Go` or ends the worker. To `Staged` it answers with the task of
sending the bag, or with None, and then the worker's work is done. Nothing here grows with the
number of payload files, except the lists of an ended upload.
"""

from dataclasses import dataclass

from presqt_daemon.errors import PresqtError
from presqt_daemon.model import Bag, Finding, Labels, PauseKind, Resolved, Stage, UploadResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Surveyed:
    """The zip has been looked at, nothing is written yet.

    `unpacked_bytes` and `entries` are what the central directory declares.
    """

    labels: Labels
    unpacked_bytes: int
    entries: int
    payload_files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WantsSpace:
    """A bag is about to be unpacked, which is to go where `resolved` says.

    `folder` is the target's in whose inbox folder it was dropped, empty for the inbox itself. One
    that `has_room` fits into what was set aside for the task: that is told, and no answer comes.
    """

    resolved: Resolved
    folder: str
    unpacked_bytes: int
    entries: int
    has_room: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WantsCreate:
    """A new container is about to be created; creating is serialised per account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WantsContainer:
    """The container is open and nothing is sent yet; one takes one ticket at a time.

    `identity` is the same for every id under which the target opens it.
    """

    identity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WantsTurn:
    """One request is about to be made to a target that takes so many from an account."""

    requests_per_minute: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """The creation asked for by `WantsCreate` is over, whatever came of it.

    `identity` is, as in `WantsContainer`, that of a container which is new: it is in no hands yet.
    """

    identity: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A write of the bag to disk begins; `number` counts from 1."""

    number: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A stage has become durably true."""

    stage: Stage
    bag: Bag | None = None
    algorithm: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The container exists; `link` is where a person finds it."""

    container_id: str
    link: str | None
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the work is. Totals are 0 until they are known; `message` None leaves it as it is."""

    bytes_done: int = 0
    bytes_total: int = 0
    files_done: int = 0
    files_total: int = 0
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delayed:
    """A wait inside the work: for what, and how many seconds from now; None: it is over."""

    waiting_for: str | None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Alive:
    """Work moved (a poll answered, a digest taken) without a figure that changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A line for the log, told among its `kind`, or only `once` in the daemon's life.

    `trace` are the rows below it. The daemon writes it, since only there it is known what has been
    said before.
    """

    kind: str
    level: int
    text: str
    trace: str = ""
    once: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LookingAt:
    """A run over past tickets comes to this one; if the worker dies now, it died there."""

    ticket: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited:
    """The run ends and the ticket is parked.

    `seconds` counts from now; None: as long as the table of pauses says. `kind` is that of the
    pause in which all tickets of the target are held, None where only this one waits.
    """

    reason: str
    waiting_for: str
    seconds: float | None
    kind: PauseKind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """Staging ended well: asks whether it may go on into sending."""

    bag: Bag


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointed:
    """Nothing was sent: what an earlier ticket has brought is at the target, file by file."""

    first: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploaded:
    """The upload ended well; failed fixity is part of the result, not an error."""

    result: UploadResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The work ended with an error that has a name."""

    error: PresqtError
    warnings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoilt:
    """The payload on disk is no longer what was staged; the ticket is staged again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Short:
    """The machine lacked what the work needs; neither the sender nor the target is at fault."""

    waiting_for: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Go:
    """The supervisor's yes; to `WantsTurn` it says after how many `seconds` the turn comes."""

    seconds: float = 0.0


Question = WantsSpace | WantsCreate | WantsContainer | WantsTurn
Report = (
    Question | Staged | Created | Attempt | Reached | Opened | Progress | Delayed | Alive | Remark
)
End = Pointed | Uploaded | Failed | Limited | Spoilt | Short

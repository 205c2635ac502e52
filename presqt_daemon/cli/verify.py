"""`verify`: targets are asked again for their digests, which are compared with the records."""

import contextlib
import functools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from presqt_daemon.cli.command_line.context import Context
from presqt_daemon.cli.command_line.exits import Exit, not_possible, wrong_usage
from presqt_daemon.cli.output.progress import Step, following_steps
from presqt_daemon.cli.output.show import (
    Row,
    capped,
    complain,
    is_terminal,
    pen,
    print_lines,
    shown,
)
from presqt_daemon.cli.tickets.find import all_tickets, find_taken
from presqt_daemon.cli.tickets.turns import Turns
from presqt_daemon.config import Config
from presqt_daemon.errors import PresqtError
from presqt_daemon.model import Status
from presqt_daemon.records.premis import event_tree
from presqt_daemon.records.record import (
    SCHEMA_VERSION,
    Record,
    RecordError,
    append_event,
    open_record,
)
from presqt_daemon.records.record_head import read_record_head
from presqt_daemon.targets.base import connect
from presqt_daemon.tickets.legacy import read_any_info
from presqt_daemon.tickets.locks import HeldError, lease_ended
from presqt_daemon.tickets.process_info import InfoError
from presqt_daemon.tickets.store import RECEIPT_NAME, TicketFolder, Uploads
from presqt_daemon.units import counted
from presqt_daemon.upload.ask_again import Now, PlaceAtTarget, ask_again, place_from_record
from presqt_daemon.upload.calls.archive_disk import missing_archive
from presqt_daemon.workers.limits.tokens import MissingTokenError, Tokens

COLUMNS = ("ticket", "result", "deposited", "title", "found")
LEASE_SECONDS = 10.0


@dataclass(slots=True)
class FixityCheck:
    """What a target said of one deposit; `problem` is why it could not be asked."""

    ticket: str
    counts: dict[Now, int] = field(default_factory=lambda: dict.fromkeys(Now, 0))
    differing: list[str] = field(default_factory=list)
    problem: str | None = None
    title: str = ""
    deposited: str = ""

    @property
    def result(self) -> str:
        """In one word."""
        if self.counts[Now.CHANGED] or self.counts[Now.GONE]:
            return "wrong"
        return "warning" if self.problem or self.counts[Now.UNKNOWN] else "ok"

    @property
    def counted(self) -> list[str]:
        """How many files were found how."""
        return [f"{count} {now}" for now, count in self.counts.items() if count]


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What every deposit is asked for with. `away` says why a target's archive is not there."""

    config: Config
    tokens: Tokens
    turns: Turns
    away: Callable[[str], str | None]
    show: Callable[[Step], None]
    tells_files: bool


class ArchiveAwayError(Exception):
    """A folder target's disk is not mounted: nothing that was deposited is changed or gone."""


class NothingThereError(Exception):
    """Nothing of a ticket was ever brought to a target by itself; the message says why."""


class UntoldError(Exception):
    """Something of a ticket should be at a target, and cannot be asked for; why."""


def main(context: Context) -> int:
    """0 all match; 2 something changed or is gone; 1 a target could not tell; Refusal 4 or 6."""
    config, options = context.config(), context.options
    tokens = Tokens(config.targets, dict(context.environment))
    if options.sample is not None and options.sample < 1:
        raise wrong_usage("--sample takes a number from 1")
    with following_steps(shows=is_terminal()) as show:
        means = Means(
            config=config,
            tokens=tokens,
            turns=Turns(),
            away=_looked_at_once(config),
            show=show,
            tells_files=options.ticket is not None,
        )
        if options.ticket is not None:
            findings = [_verify_one(means, options.ticket)]
        else:
            findings = list(_verify_many(means, options.sample))
    if not findings:
        print("there is no deposit to ask for")
        return Exit.OK
    pen().print_table(COLUMNS, [_row(finding) for finding in findings])
    for finding in findings:
        print_lines(capped((f"{path} ({finding.ticket})" for path in finding.differing), most=50))
    unasked = sum(1 for finding in findings if finding.problem is not None)
    if unasked:
        complain(f"{unasked} of {len(findings)} deposits could not be verified, see their detail")
    wrong = [finding for finding in findings if finding.result == "wrong"]
    if wrong:
        files = sum(item.counts[Now.CHANGED] + item.counts[Now.GONE] for item in wrong)
        what = f"{counted(files, 'file')} of {counted(len(wrong), 'deposit')}"
        complain(f"{what} changed or {'is' if files == 1 else 'are'} gone at their target")
        return Exit.DIFFERS
    return Exit.OK if all(finding.result == "ok" for finding in findings) else Exit.FAILED


def _verify_one(means: Means, wanted: str) -> FixityCheck:
    folder = find_taken(means.config, wanted, "has no ticket yet", Exit.UNKNOWN_TICKET)
    try:
        return _verify(means, folder)
    except (NothingThereError, UntoldError) as error:
        raise not_possible(f"cannot verify ticket {folder.ticket}: {error}") from None


def _verify_many(means: Means, sample: int | None) -> Iterator[FixityCheck]:
    """Every deposit, or so many of them by chance; tickets that never made one are passed over."""
    uploads = Uploads(means.config.mediafiles)
    names = sorted(all_tickets(uploads))
    if sample is not None:
        random.SystemRandom().shuffle(names)
    done = 0
    for looked_at, name in enumerate(names):
        if sample is not None and done >= sample:
            return
        count, total = (looked_at, len(names)) if sample is None else (done, sample)
        means.show(Step(words="asking the targets again", done=count, total=total, unit="tickets"))
        folder = uploads.folder(name)
        try:
            yield _verify(means, folder)
        except NothingThereError:
            continue
        except UntoldError as error:
            yield FixityCheck(ticket=name, problem=str(error))
        done += 1


def _verify(means: Means, folder: TicketFolder) -> FixityCheck:
    """One deposit; what was found stands in its record too."""
    finding = FixityCheck(ticket=folder.ticket)
    with contextlib.suppress(InfoError):
        info = read_any_info(folder)
        finding.title = info.title or info.source_file
        finding.deposited = f"{info.finished_at or info.received_at:%Y-%m-%d}"
    try:
        _ask(means, folder, finding)
        _append(folder, finding)
    except HeldError:
        finding.problem = "the record is busy: what was found is not written into it"
    except (RecordError, MissingTokenError, ArchiveAwayError) as error:
        finding.problem = str(error)
    except PresqtError as error:
        finding.problem = f"{error.message} [{error.code}]"
    except OSError as error:
        finding.problem = f"cannot be reached: {error.strerror or error}"
    return finding


def _ask(means: Means, folder: TicketFolder, finding: FixityCheck) -> None:
    mark = read_record_head(folder.receipt)
    if mark is None or mark.version < SCHEMA_VERSION:
        raise _without_record(folder)
    with open_record(folder.receipt) as record:
        place, target_name = _place(record, folder.ticket)
        target = means.config.targets.get(target_name)
        if target is None:
            raise UntoldError(f"its target {target_name!r} is not configured")
        if (problem := means.away(target_name)) is not None:
            raise ArchiveAwayError(problem)
        connection = connect(target, means.tokens.of(target))
        paced = means.turns.of(target, connection, means.config.uploads.retries)
        try:
            for path, now in ask_again(connection, place, record.files or (), paced):
                finding.counts[now] += 1
                if means.tells_files:
                    told = sum(finding.counts.values())
                    words = f"asking {target_name} about {finding.title}"
                    means.show(Step(words=words, done=told, total=0, unit="files"))
                if now in {Now.CHANGED, Now.GONE}:
                    finding.differing.append(f"{now}: {path}")
        finally:
            connection.close()
    if not sum(finding.counts.values()):
        raise _nothing_told(record.tree["status"])


def _looked_at_once(config: Config) -> Callable[[str], str | None]:
    """Why a target's archive is not there, None where it is or has none; one look for each."""

    @functools.cache
    def away(name: str) -> str | None:
        target = config.targets[name]
        if target.type != "folder" or target.path is None:
            return None
        return missing_archive(target, config.mediafiles)

    return away


def _without_record(folder: TicketFolder) -> Exception:
    """Why a ticket without a record of today cannot be verified."""
    info = folder.known_info()
    if info is not None and info.is_open:
        return NothingThereError("it has not ended")
    return UntoldError("it has no record that can be read: run prepare-upgrade")


def _place(record: Record, ticket: str) -> tuple[PlaceAtTarget, str]:
    """Where a record says that the files are, and at which target. Raises RecordError too."""
    tree = record.tree
    try:
        if tree["same_as"] is not None:
            raise NothingThereError(f"its content was brought by ticket {tree['same_as']}")
        target = tree["target"]
        if tree["resource"] is None or target is None or not record.files:
            raise _nothing_told(tree["status"])
        place = place_from_record(tree, ticket)
    except (KeyError, TypeError, ValueError) as error:
        raise RecordError(f"{RECEIPT_NAME} is damaged ({error!r})") from None
    return place, str(target)


def _nothing_told(status: object) -> Exception:
    """Why nothing of a record can be asked for; only a failed upload may have left nothing."""
    if status == Status.FAILED:
        return NothingThereError("nothing of it is at a target")
    return UntoldError("its record does not tell where its files are")


def _append(folder: TicketFolder, finding: FixityCheck) -> None:
    outcome = {"wrong": "failure", "warning": "warning", "ok": "success"}[finding.result]
    told = f"The target was asked again: {', '.join(finding.counted)}."
    detail = f"{told} {'; '.join(finding.differing[:10])}".rstrip()
    event = event_tree("fixity check", datetime.now(UTC), outcome, detail)
    with lease_ended(folder.path, wait_seconds=LEASE_SECONDS):
        append_event(folder.receipt, event)


def _row(finding: FixityCheck) -> Row:
    found = ", ".join([*finding.counted, *([] if finding.problem is None else [finding.problem])])
    return (
        finding.ticket,
        finding.result,
        finding.deposited or "-",
        shown(finding.title) or "-",
        shown(found),
    )

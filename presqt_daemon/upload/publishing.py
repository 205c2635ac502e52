"""A whole deposit is published, where that is wanted and nothing of others goes along."""

from collections.abc import Collection
from pathlib import PurePosixPath

from presqt_daemon.config import TargetConfig
from presqt_daemon.errors import PresqtError
from presqt_daemon.metadata.fts_document import INVALID_NAME, NAME
from presqt_daemon.model import Finding, UploadResult
from presqt_daemon.targets.base import Container, Target
from presqt_daemon.targets.left_out import RESTRICTED
from presqt_daemon.tickets.process_info import NOT_PUBLISHED
from presqt_daemon.upload.calls.threads import TargetThreads
from presqt_daemon.upload.fts_metadata import METADATA_ERROR
from presqt_daemon.upload.parcels.layout import named
from presqt_daemon.upload.results import UploadSummary

_UNKNOWN = (
    "Fixity can't be determined because {target} may not have provided a file checksum. "
    "See receipt.json for more details."
)


def publish(
    config: TargetConfig,
    target: Target,
    container: Container,
    threads: TargetThreads,
    summary: UploadSummary,
    others: Collection[PurePosixPath],
) -> tuple[str | None, str | None, tuple[Finding, ...]]:
    """The link, a note and warnings: published where that is wanted and all is ours, verified.

    `others` are the paths in the container that the bag does not have: nothing of others is opened.
    """
    note = None
    if target.traits.makes_drafts:
        note = draft_note(container.link, is_restricted=RESTRICTED in container.state)
    if config.publish != "after_verified" or not summary.is_verified:
        return container.link, note, ()
    ours = {PurePosixPath(name) for name in (*container.added, NAME, INVALID_NAME)}
    if foreign := [str(path) for path in sorted(others) if path not in ours]:
        message = (
            f"All files are there, but it was not published: it holds what this ticket did not "
            f"bring ({named(foreign)}). A person must look at it and publish it."
        )
        return container.link, note, (Finding(code=NOT_PUBLISHED, message=message),)
    try:
        link = threads.run(lambda _doubtful: target.publish(container))
    except PresqtError as error:
        message = f"All files are there, but publishing failed: {error.message}"
        return container.link, note, (Finding(code=NOT_PUBLISHED, message=message),)
    return link or container.link, None, ()


def final_message(result: UploadResult, target_name: str) -> str:
    """One message for a person: failed fixity first, then what could not be checked, then notes."""
    wrong = ["fixity"] if result.failed_fixity else []
    if any(warning.code == METADATA_ERROR for warning in result.warnings):
        wrong.append("metadata")
    parts = ["Upload successful."]
    if wrong:
        parts = [f"Upload successful but with {' and '.join(wrong)} errors."]
    if result.unverified_fixity:
        parts.append(_UNKNOWN.format(target=target_name))
    if result.note is not None:
        parts.append(result.note)
    return " ".join(parts)


def draft_note(link: str | None, *, is_restricted: bool = False) -> str:
    """What a person still has to do where the target keeps drafts."""
    note = f"Draft, not published: open {link}." if link else "Draft, not published."
    if not is_restricted:
        return note
    return f"{note} Its files are restricted: make them public there before you publish it."

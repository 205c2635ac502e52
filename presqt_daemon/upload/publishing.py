"""A whole deposit is published, where that is wanted and nothing of others goes along."""

from collections.abc import Collection
from pathlib import PurePosixPath

from presqt_daemon.config import TargetConfig
from presqt_daemon.errors import PresqtError
from presqt_daemon.metadata.fts_document import INVALID_NAME, NAME
from presqt_daemon.model import Finding
from presqt_daemon.targets.base import Container, Target
from presqt_daemon.targets.left_out import RESTRICTED
from presqt_daemon.tickets.process_info import NOT_PUBLISHED
from presqt_daemon.upload.calls.threads import TargetThreads
from presqt_daemon.upload.final_message import draft_note
from presqt_daemon.upload.parcels.layout import named
from presqt_daemon.upload.summary import UploadSummary


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
    if foreign := [str(path) for path in others if path not in ours]:
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

"""What the forkserver imports once, so that a new worker has it in a few milliseconds."""

import presqt_daemon.staging.stage
import presqt_daemon.targets.folder
import presqt_daemon.upload.send

PRELOADED = (
    presqt_daemon.staging.stage,
    presqt_daemon.targets.folder,
    presqt_daemon.upload.send,
)

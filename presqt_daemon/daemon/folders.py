"""The folders in `mediafiles/` that the daemon and its commands rely on."""

from presqt_daemon.config import Config
from presqt_daemon.system.files import make_folder, sync_folder


def make_folders(config: Config) -> None:
    """Make what the daemon needs in `mediafiles/`."""
    for folder in (config.uploads_folder, config.upgrade_folder):
        make_folder(folder)
    make_folder(config.control_folder, 0o700)
    sync_folder(config.mediafiles)

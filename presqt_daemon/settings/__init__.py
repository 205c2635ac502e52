"""From text to configuration: file, environment and command line in, one frozen `Config` out.

Called by every command, through `load_config`. Schema and example are made of the same definitions.
"""

from presqt_daemon.settings.load import PLACES, find_file, load_config, load_with_origins
from presqt_daemon.settings.overrides import PREFIX
from presqt_daemon.settings.read import config_from_tree

__all__ = ["PLACES", "PREFIX", "config_from_tree", "find_file", "load_config", "load_with_origins"]

"""Find the configuration file, and put environment and command line over what it says."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from presqt_daemon.config import Config
from presqt_daemon.errors import ConfigError
from presqt_daemon.settings.read import config_from_tree
from presqt_daemon.system.yaml import YamlError, read_yaml

PREFIX = "PRESQT_DAEMON__"
PLACES: tuple[Path, ...] = (Path("config.yaml"), Path("/etc/presqt-daemon/config.yaml"))


def find_file(given: Path | None) -> Path:
    """The configuration file to read; ConfigError when there is none."""
    if given is not None:
        return given
    for place in PLACES:
        if place.exists():
            return place
    wanted = " or ".join(str(place) for place in PLACES)
    raise ConfigError((f"no configuration: give --config FILE, or make {wanted}",))


def load_config(path: Path, environment: Mapping[str, str]) -> Config:
    """The configuration in a file, overridden by `PRESQT_DAEMON__SECTION__KEY` variables.

    Raises ConfigError with every problem.
    """
    try:
        tree = read_yaml(path.read_bytes())
    except OSError as error:
        raise ConfigError((f"{path}: {error.strerror}",)) from None
    except YamlError as error:
        raise ConfigError((f"{path}: {error}",)) from None
    tree = {} if tree is None else tree
    if not isinstance(tree, dict):
        raise ConfigError((f"{path}: the file must hold keys and values",))
    _override(tree, environment)
    return config_from_tree(tree, path.resolve().parent)


def _override(tree: dict[Any, Any], environment: Mapping[str, str]) -> None:
    """Put `PRESQT_DAEMON__A__B=value` into the tree; a value is read as YAML would read it."""
    for name, text in sorted(environment.items()):
        if not name.startswith(PREFIX):
            continue
        keys = [part.lower() for part in name[len(PREFIX) :].split("__")]
        try:
            value = read_yaml(text.encode())
        except YamlError as error:
            raise ConfigError((f"{name}: {error}",)) from None
        place: Any = tree
        for depth, key in enumerate(keys):
            if keys[0] == "targets" and depth == 1 and isinstance(place, dict):
                key = next((n for n in place if str(n).lower().replace("-", "_") == key), key)
            if depth == len(keys) - 1:
                place[key] = value
                break
            inner = place.get(key)
            if not isinstance(inner, dict):
                inner = place[key] = {}
            place = inner

"""Find the configuration file, and put environment and command line over what it says."""

import errno
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from presqt_daemon.config import Config
from presqt_daemon.errors import ConfigError
from presqt_daemon.safe_text import without_secrets
from presqt_daemon.settings.complaints import Complaints, KeyPath
from presqt_daemon.settings.overrides import Override, put_over, variables_from
from presqt_daemon.settings.read import read_config
from presqt_daemon.settings.yaml_advice import advice_from_yaml_error
from presqt_daemon.system.yaml import YamlError, lines_from_yaml, read_yaml

PLACES: tuple[Path, ...] = (Path("config.yaml"), Path("/etc/presqt-daemon/config.yaml"))


def find_file(given: Path | None) -> Path:
    """The configuration file to read; ConfigError when there is none."""
    if given is not None:
        return given
    for place in PLACES:
        if place.exists():
            return place
    wanted = " or ".join(str(place) for place in PLACES)
    raise ConfigError(
        (f"no configuration: give --config FILE, or make {wanted} (presqt-daemon config example)",)
    )


def load_config(
    path: Path | None, environment: Mapping[str, str], settings: Sequence[tuple[str, str]] = ()
) -> Config:
    """The configuration in a file, overridden by variables, then by `--set` (key, value) pairs.

    Without a file the defaults are overridden; relative paths are then of the working folder.
    Raises ConfigError with every problem, each with its key and where that was written.
    """
    return load_with_origins(path, environment, settings)[0]


def load_with_origins(
    path: Path | None, environment: Mapping[str, str], settings: Sequence[tuple[str, str]] = ()
) -> tuple[Config, Mapping[KeyPath, str]]:
    """The same, and where each key was written; what is not among them has its default."""
    tree: dict[Any, Any] = {}
    origins: dict[KeyPath, str] = {}
    if path is not None:
        tree, origins = _read_file(path)
    complaints = Complaints(origins)
    overrides = variables_from(environment, complaints)
    overrides += [
        Override(f"--set {without_secrets(key)}", tuple(key.strip().split(".")), value)
        for key, value in settings
    ]
    put_over(tree, overrides, origins, complaints)
    base = Path.cwd() if path is None else path.resolve().parent
    return read_config(tree, base, complaints), origins


def _read_file(path: Path) -> tuple[dict[Any, Any], dict[KeyPath, str]]:
    """What the file says, and where each key of it stands."""
    try:
        content = path.read_bytes()
    except OSError as error:
        hint = f"; presqt-daemon config example > {path} writes one to begin with"
        missing = hint if error.errno == errno.ENOENT else ""
        raise ConfigError((f"{path}: {error.strerror}{missing}",)) from None
    try:
        tree = read_yaml(content)
        lines = lines_from_yaml(content)
    except YamlError as error:
        place = f"{path}, line {error.line}" if error.line is not None else str(path)
        advice = without_secrets(advice_from_yaml_error(error, content))
        raise ConfigError((f"{place}: {advice}",)) from None
    if tree is None:
        tree = {}
    if not isinstance(tree, dict):
        hint = "; a blank must follow the colon" if isinstance(tree, str) and ":" in tree else ""
        raise ConfigError(
            (f"{path}: the file must hold keys and values, such as 'inbox: /srv/inbox'{hint}",)
        )
    origins: dict[KeyPath, str] = {(): str(path)}
    origins |= {keys: f"{path}, line {line}" for keys, line in lines.items()}
    return tree, origins

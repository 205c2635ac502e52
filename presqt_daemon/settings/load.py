"""Find the configuration file, and put environment and command line over what it says."""

import errno
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from presqt_daemon.config import Config
from presqt_daemon.errors import ConfigError
from presqt_daemon.safe_text import without_secrets
from presqt_daemon.settings.complaints import Complaints, KeyPath
from presqt_daemon.settings.overrides import Override, put_over, variables_from
from presqt_daemon.settings.read import read_config
from presqt_daemon.system.yaml import YamlError, lines_from_yaml, read_yaml

PLACES: tuple[Path, ...] = (Path("config.yaml"), Path("/etc/presqt-daemon/config.yaml"))

_WINDOWS_PATH = re.compile(r"[A-Za-z]:\\")


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


def advice_from_yaml_error(error: YamlError, content: bytes) -> str:
    """What is wrong and what to do, without the place; never the line itself."""
    lines = content.decode("utf-8", "replace").splitlines()
    line = lines[error.line - 1] if error.line is not None and error.line <= len(lines) else ""
    text = line.strip()
    value = text.partition(":")[2].strip() or text.removeprefix("-").strip()
    if "\\t" in error.problem or line[: len(line) - len(line.lstrip())].count("\t"):
        return "a tab; lines are moved to the right by blanks only"
    if value.startswith("*"):
        return 'text that begins with * must stand in quotes, such as "*.part"'
    if "escape" in error.problem:
        what = "a Windows path? This service runs on Linux: write /srv/deposits, say. " * (
            _WINDOWS_PATH.search(line) is not None
        )
        return f"{what}In double quotes a backslash begins an escape: use single quotes"
    if "mapping values are not allowed" in error.problem:
        return (
            "a key where none can stand: it is moved further to the right than the keys above it, "
            "or text that holds ': ' lacks quotes"
        )
    if "unexpected end of stream" in error.problem or "<stream end>" in error.problem:
        return "the file ends within quotes or brackets: one of them is not closed"
    if "expected <block end>" in error.problem:
        return "the keys of one part must all begin in the same column"
    if "not UTF-8" in error.problem:
        return f"{error.problem}; save it in the encoding UTF-8"
    if value.startswith(("@", "`", "%", "!", "&")):
        return f"text that begins with {value[0]} must stand in quotes"
    return error.problem

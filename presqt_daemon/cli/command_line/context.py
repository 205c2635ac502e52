"""What every command is given: its options and the configuration."""

import argparse
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from presqt_daemon.cli.command_line.exits import wrong_usage
from presqt_daemon.config import Config
from presqt_daemon.errors import ConfigError
from presqt_daemon.safe_text import without_secrets
from presqt_daemon.settings import PREFIX, find_file, load_config, load_with_origins


@dataclass(frozen=True, slots=True)
class Context:
    """One call of the program."""

    options: argparse.Namespace
    environment: Mapping[str, str]

    def config_file(self) -> Path:
        """The configuration file; ConfigError when there is none."""
        return find_file(self.options.config)

    def file_in_use(self) -> Path | None:
        """The configuration file; None where environment and `--set` stand for it."""
        try:
            return self.config_file()
        except ConfigError:
            return None

    def config(self) -> Config:
        """The configuration; read again at every call. Raises ConfigError.

        A file is needed unless environment or `--set` name both folders.
        """
        return self.config_with_origins()[0]

    def config_with_origins(self) -> tuple[Config, Mapping[tuple[str, ...], str]]:
        """The same, and where each key of it was written."""
        pairs = self._pairs()
        named = {key for key, _value in pairs}
        named |= {name[len(PREFIX) :].lower() for name in self.environment if PREFIX in name}
        if self.file_in_use() is None and named >= {"inbox", "mediafiles"}:
            return load_with_origins(None, self.environment, pairs)
        return load_with_origins(self.config_file(), self.environment, pairs)

    def config_or_defaults(self) -> Config:
        """The configuration; the defaults with environment and `--set` where there is no file."""
        return load_config(self.file_in_use(), self.environment, self._pairs())

    def _pairs(self) -> list[tuple[str, str]]:
        """Key and value of each `--set`. Refusal where one is not written so."""
        pairs = []
        for setting in self.settings():
            key, equals, value = setting.partition("=")
            if not equals or not key.strip():
                raise wrong_usage(f"--set {without_secrets(setting)}: write KEY=VALUE")
            pairs.append((key.strip(), value))
        return pairs

    def command(self, *words: str) -> str:
        """Another command for the same configuration, as a person types it."""
        file: Path | None = self.options.config
        chosen = [] if file is None else ["--config", str(file)]
        chosen += [word for setting in self.settings() for word in ("--set", setting)]
        return shlex.join(["presqt-daemon", *chosen, *words])

    def settings(self) -> list[str]:
        """Every `--set`, in the order given."""
        return [*self.options.settings, *getattr(self.options, "more_settings", [])]

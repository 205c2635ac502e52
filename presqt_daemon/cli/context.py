"""What every command is given: its options and the configuration."""

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from presqt_daemon.cli.exits import Exit, Refusal
from presqt_daemon.config import Config
from presqt_daemon.errors import ConfigError
from presqt_daemon.settings import PREFIX, find_file, load_config


@dataclass(frozen=True, slots=True)
class Context:
    """One call of the program."""

    options: argparse.Namespace
    environment: Mapping[str, str]

    def config_file(self) -> Path:
        """The configuration file; ConfigError when there is none."""
        return find_file(self.options.config)

    def config(self) -> Config:
        """The configuration; read again at every call. Raises ConfigError."""
        return load_config(self.config_file(), _overridden(self.environment, self.settings()))

    def config_or_defaults(self) -> Config:
        """The configuration; the defaults where no file is named and none is found."""
        try:
            self.config_file()
        except ConfigError:
            return Config()
        return self.config()

    def settings(self) -> list[str]:
        """Every `--set`, in the order given."""
        return [*self.options.settings, *getattr(self.options, "more_settings", [])]


def context_from_options(options: argparse.Namespace) -> Context:
    """The context of this process."""
    return Context(options, os.environ)


def _overridden(environment: Mapping[str, str], settings: list[str]) -> dict[str, str]:
    """The environment with each `--set a.b=value` as the variable that says the same."""
    merged = dict(environment)
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key:
            raise Refusal(f"--set {setting}: write KEY=VALUE", Exit.USAGE)
        name = key.strip().replace(".", "__").replace("-", "_").upper()
        merged[f"{PREFIX}{name}"] = value
    return merged

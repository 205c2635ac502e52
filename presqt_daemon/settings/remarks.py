"""What a configuration may say but hardly means."""

import os
from collections.abc import Iterator

from presqt_daemon.config import Config
from presqt_daemon.targets.definition import TOKEN_KEYS, definition_of
from presqt_daemon.units import text_from_bytes, text_from_seconds

UNIT_STOP_SECONDS = 120.0
"""`TimeoutStopSec=` of the unit that comes along; what runs longer is killed."""
_WRITING_SECONDS = 10.0


def remarks_on(config: Config) -> Iterator[str]:
    """One sentence for each thing that an operator should look at again."""
    folders: dict[str, str] = {}
    for target in config.targets.values():
        kind = definition_of(target.type)
        has_token = any(getattr(target, key) for key in TOKEN_KEYS)
        if kind is not None and kind.needs_token and not has_token:
            yield (
                f"targets.{target.name}: names no token (token_file, token_credential or "
                "token_env); without one nothing can be deposited"
            )
        if target.path is not None:
            other = folders.setdefault(os.path.realpath(target.path), target.name)
            if other != target.name:
                yield (
                    f"targets.{target.name}.path: the same folder as targets.{other}.path; "
                    "deposits of both lie side by side"
                )
    if config.stop_grace + _WRITING_SECONDS > UNIT_STOP_SECONDS:
        yield (
            f"stop_grace: {text_from_seconds(config.stop_grace)}; under systemd the unit ends what "
            f"still runs after {text_from_seconds(UNIT_STOP_SECONDS)}: raise its TimeoutStopSec= "
            "too, or lower this"
        )
    textfile = config.metrics.textfile
    if textfile is not None and textfile.suffix != ".prom":
        yield f"metrics.textfile: {textfile.name}; node_exporter reads only files named *.prom"
    staging = config.staging
    if staging.max_file_bytes > staging.max_unpacked_bytes:
        yield (
            f"staging.max_file_bytes: {text_from_bytes(staging.max_file_bytes)} is never reached; "
            f"a whole bag may have {text_from_bytes(staging.max_unpacked_bytes)} "
            "(staging.max_unpacked_bytes)"
        )

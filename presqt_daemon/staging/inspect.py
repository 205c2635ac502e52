"""All the staging checks on one zip, nothing kept: what `validate` shows."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from presqt_daemon.config import StagingConfig
from presqt_daemon.errors import PresqtError
from presqt_daemon.model import Bag, Finding
from presqt_daemon.staging.attempts import write_bag
from presqt_daemon.staging.code_page import open_bag_zip
from presqt_daemon.staging.preview import preview_bag
from presqt_daemon.staging.refused import raise_wrong
from presqt_daemon.staging.second_writer import helpers_for
from presqt_daemon.staging.stage import bag_folder, collector_paused, full_disk_named, no_payload
from presqt_daemon.staging.unpack import Writing


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What the checks found; `bag` is there where the bag is valid.

    A valid bag without payload files has an `error` all the same: a drop of it is refused.

    `errors` and `warnings` are the first of so many as the totals say.
    """

    errors: tuple[Finding, ...]
    errors_total: int
    warnings: tuple[Finding, ...]
    warnings_total: int
    bag: Bag | None
    error: PresqtError | None


def inspect_zip(
    path: Path,
    config: StagingConfig,
    scratch: Path,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Inspection:
    """The verdict on a zip, which is unpacked in a folder below `scratch` that does not stay.

    `progress` hears how many bytes of how many have been unpacked.
    """
    try:
        bag = _valid_bag(path, config, scratch, progress)
    except PresqtError as error:
        return Inspection(
            errors=error.findings,
            errors_total=error.findings_total,
            warnings=error.warnings,
            warnings_total=error.warnings_total,
            bag=None,
            error=error,
        )
    return Inspection(
        errors=(),
        errors_total=0,
        warnings=bag.warnings,
        warnings_total=bag.warnings_total,
        bag=bag,
        error=None if bag.payload_files else no_payload(),
    )


def check_zip(path: Path, config: StagingConfig) -> None:
    """Raise what staging would raise for this zip; nothing is written, its bytes are read once."""
    with collector_paused(), open_bag_zip(path, config) as archive:
        found = preview_bag(archive, config)
        raise_wrong(archive, found.members, found.structure)
        if not found.payload_files:
            raise no_payload()


def _valid_bag(
    path: Path, config: StagingConfig, scratch: Path, progress: Callable[[int, int], None]
) -> Bag:
    done = 0

    def advance(content: int, _files: int) -> None:
        nonlocal done
        done += content
        progress(min(done, found.unpacked_bytes), found.unpacked_bytes)

    with (
        full_disk_named(),
        open_bag_zip(path, config) as archive,
        helpers_for(archive) as helpers,
        TemporaryDirectory(dir=scratch, prefix=".inspect-") as place,
    ):
        found = preview_bag(archive, config)
        how = Writing(
            folder=Path(place, "bag"),
            mode=0o600,
            config=config,
            progress=advance,
            helpers=helpers,
        )
        write_bag(archive, found, how)
        return found.bag(bag_folder(found.root, path.name))

"""All the staging checks on one zip, nothing kept: what `validate` shows."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from presqt_daemon.config import StagingConfig
from presqt_daemon.errors import PresqtError
from presqt_daemon.findings import finding
from presqt_daemon.model import Bag, Finding, Severity
from presqt_daemon.staging.attempts import Writing, write_bag
from presqt_daemon.staging.code_page import open_bag_zip
from presqt_daemon.staging.helper import helpers_for
from presqt_daemon.staging.stage import bag_folder, full_disk_named
from presqt_daemon.staging.survey import survey

_NO_PAYLOAD = finding(
    "no-payload-files",
    "data",
    "holds no files: the bag is valid, but there is nothing to deposit and a drop is refused",
    severity=Severity.WARNING,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What the checks found; `bag` is there exactly when `error` is not.

    `errors` and `warnings` are the first of so many as the totals say.
    """

    errors: tuple[Finding, ...]
    errors_total: int
    warnings: tuple[Finding, ...]
    warnings_total: int
    bag: Bag | None
    error: PresqtError | None


def inspect_zip(path: Path, config: StagingConfig, scratch: Path) -> Inspection:
    """The verdict on a zip, which is unpacked in a folder below `scratch` that does not stay."""
    try:
        bag = _valid_bag(path, config, scratch)
    except PresqtError as error:
        return Inspection(
            errors=error.findings,
            errors_total=error.findings_total,
            warnings=error.warnings,
            warnings_total=error.warnings_total,
            bag=None,
            error=error,
        )
    more = () if bag.payload_files else (_NO_PAYLOAD,)
    return Inspection(
        errors=(),
        errors_total=0,
        warnings=more + bag.warnings,
        warnings_total=len(more) + bag.warnings_total,
        bag=bag,
        error=None,
    )


def _valid_bag(path: Path, config: StagingConfig, scratch: Path) -> Bag:
    with (
        full_disk_named(),
        open_bag_zip(path, config) as archive,
        helpers_for(archive) as helpers,
        TemporaryDirectory(dir=scratch, prefix=".inspect-") as place,
    ):
        found = survey(archive, config)
        how = Writing(
            place=Path(place),
            mode=0o600,
            algorithm=None,
            attempts=config.attempts,
            from_disk=config.read_back == "disk",
            began=lambda *_: None,
            progress=lambda *_: None,
            alive=lambda: None,
            helpers=helpers,
        )
        write_bag(archive, found, how)
        return found.bag(bag_folder(found.root, path.name))

"""What a zip's bag says and holds before anything is unpacked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from presqt_daemon.bagit.bag import Structure, read_structure
from presqt_daemon.config import StagingConfig
from presqt_daemon.errors import ConfigError, HouseFault, UserFault
from presqt_daemon.findings import finding
from presqt_daemon.messages import Surveyed
from presqt_daemon.model import Bag, Labels, Severity
from presqt_daemon.profile import Profile, read_profile
from presqt_daemon.staging.bag_in_zip import find_bag
from presqt_daemon.staging.refused import check_line_ends, raise_unreadable, raise_wrong
from presqt_daemon.zips.entries import Archive, Member

PAYLOAD = "data/"


@dataclass(frozen=True, slots=True, kw_only=True)
class BagPreview:
    """A bag that is sound as far as can be told without digests.

    `root` is its folder in the zip, "" or with a slash at its end; `members` are its files by path
    relative to the root, in the order of their data; `folders` all folders below the root.
    """

    root: str
    members: Mapping[str, Member]
    folders: frozenset[str]
    structure: Structure
    labels: Labels
    payload_files: int
    payload_bytes: int
    unpacked_bytes: int

    def surveyed(self) -> Surveyed:
        """The same as a report."""
        return Surveyed(
            labels=self.labels,
            unpacked_bytes=self.unpacked_bytes,
            entries=len(self.members) + len(self.folders),
            payload_files=self.payload_files,
        )

    def empty_folders(self) -> tuple[str, ...]:
        """Payload folders that hold nothing, relative to the payload folder, sorted."""
        filled = {path.rpartition("/")[0] for path in (*self.members, *self.folders)}
        return tuple(
            sorted(
                path[len(PAYLOAD) :] for path in self.folders - filled if path.startswith(PAYLOAD)
            )
        )

    def bag(self, folder: str) -> Bag:
        """The bag as it is told once it is valid."""
        return Bag(
            folder=folder,
            version=self.structure.version,
            algorithms=self.structure.algorithms,
            info=self.structure.info,
            payload_files=self.payload_files,
            payload_bytes=self.payload_bytes,
            warnings=self.structure.of(Severity.WARNING),
            warnings_total=self.structure.warnings_total,
        )


def preview_bag(
    archive: Archive, config: StagingConfig, alive: Callable[[], None] = lambda: None
) -> BagPreview:
    """The bag in a zip.

    `alive` is called while the digests of a wrong bag are taken. Raises UserFault `malformed-bag`,
    `invalid-bag` (with every error, those of its digests too), `too-large` or `incomplete-zip`, and
    HouseFault `internal-error` when the profile is gone.
    """
    bag = find_bag(archive)
    root, members, folders = bag.root, bag.members, bag.tree.folders
    _check_count(members, config)
    profile = None if config.profile is None else _read_profile(config.profile)
    structure = read_structure(bag.tree, profile, max_files=config.max_files)
    # what was undone in the zip before the bag was looked at is told with the bag's own warnings
    structure = replace(
        structure,
        findings=(*structure.findings, *archive.warnings),
        warnings_total=structure.warnings_total + len(archive.warnings),
    )
    check_line_ends(members, folders, structure)
    if structure.errors_total:
        raise_unreadable(structure)
        raise_wrong(archive, members, structure, alive)
    payload = [member for path, member in members.items() if path.startswith(PAYLOAD)]
    return BagPreview(
        root=root,
        members=members,
        folders=folders,
        structure=structure,
        labels=_labels(structure.info, members, folders),
        payload_files=len(payload),
        payload_bytes=sum(member.size for member in payload),
        unpacked_bytes=sum(member.size for member in members.values()),
    )


def _read_profile(path: Path) -> Profile:
    """The profile, which could be read when the service started."""
    try:
        return read_profile(path)
    except ConfigError as error:
        raise HouseFault(
            "internal-error",
            f"The BagIt profile {path.name} cannot be used any more (staging.profile), so no bag "
            "can be judged. Tell the operator; retry when it is back.",
        ) from error


def _check_count(members: Mapping[str, Member], config: StagingConfig) -> None:
    count = sum(path.startswith(PAYLOAD) for path in members)
    if max(count, len(members) - count) <= config.max_files:
        return
    found = finding(
        "too-many-files",
        "",
        f"the bag has {max(count, len(members) - count)} files, more than the "
        f"{config.max_files} allowed",
        severity=Severity.ERROR,
        hint="The limit is set by staging.max_files; ask the operator, or drop less",
    )
    raise UserFault("too-large", found.message, findings=(found,))


def _labels(
    info: tuple[tuple[str, str], ...], members: Mapping[str, Member], folders: frozenset[str]
) -> Labels:
    """What the bag says of itself; the first of repeated labels counts."""
    values: dict[str, str] = {}
    for label, value in info:
        values.setdefault(label.casefold(), value.strip())
    payload = (path[len(PAYLOAD) :] for path in (*members, *folders) if path.startswith(PAYLOAD))
    tops = set()
    top_files = 0
    for path in payload:
        top, slash, _ = path.partition("/")
        if slash or PAYLOAD + top in folders:
            tops.add(top)
        else:
            top_files += 1
    return Labels(
        target=values.get("presqt-target"),
        resource_id=values.get("presqt-resource-id"),
        duplicate_action=values.get("presqt-duplicate-action"),
        title=values.get("presqt-title"),
        external_identifier=values.get("external-identifier"),
        top_folder=next(iter(tops)) if len(tops) == 1 and not top_files else None,
        top_folders=len(tops),
        top_files=top_files,
    )

"""A manifest: which files it lists, with which checksums.

RFC 8493 sections 2.1.3 (payload manifest), 2.2.1 (tag manifest).
"""

from dataclasses import dataclass

from presqt_daemon.staging.budget import TagBudget
from presqt_daemon.staging.findings import Findings
from presqt_daemon.staging.manifest_lines import LineReader
from presqt_daemon.staging.manifest_names import ManifestName
from presqt_daemon.staging.paths import Names
from presqt_daemon.staging.tag_text import read_list
from presqt_daemon.staging.tree import Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One manifest. `listed`: file of the bag -> checksum in lower case; `absent`: not found."""

    file: ManifestName
    listed: dict[str, str]
    absent: dict[str, str]


def read_manifest(
    tree: Tree,
    file: ManifestName,
    codec: str,
    names: Names,
    findings: Findings,
    budget: TagBudget,
) -> Manifest | None:
    """The manifest's lines, each resolved to a file of the bag; None when it cannot be read.

    Lines that name a file as it is are taken in one pass. The others wait until all of those are
    known, so that a bent name can never take the place of an exact one.
    """
    text = read_list(tree, file.name, codec, findings, budget)
    if text is None:
        return None
    reader = LineReader(file, names, findings, budget)
    reader.read(text.pieces())
    return Manifest(file=file, listed=reader.listed, absent=reader.absent)

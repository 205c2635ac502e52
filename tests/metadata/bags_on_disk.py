"""The metadata of a bag that a test has laid out on disk."""

import os
from pathlib import Path

from presqt_daemon.metadata.bag_metadata import BagMetadata, read_bag_metadata


def metadata_of(root: Path) -> BagMetadata:
    data = root / "data"
    return read_bag_metadata(root, os.listdir(data) if data.is_dir() else ())

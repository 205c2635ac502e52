"""The library `bagit`: makes a bag of a folder, and says what it thinks of one.

The only module that imports it. Its log holds paths of this machine and tracebacks, so that it is
kept quiet here.
"""

import contextlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import bagit


class LibraryError(Exception):
    """The library could not make a bag; its words may hold paths of this machine."""


def make_bag(folder: Path, info: Mapping[str, str], algorithms: tuple[str, ...]) -> None:
    """Turn a folder into a bag, in place; what it held is below `data/` afterwards.

    Not for a process with threads: the library changes the working directory for a while. Raises
    OSError, or LibraryError for all else.
    """
    with _quiet():
        try:
            bagit.make_bag(str(folder), dict(info), processes=1, checksums=list(algorithms))
        except OSError:
            raise
        except Exception as error:
            raise LibraryError(f"{type(error).__name__}: {error}") from error


def trouble_with(folder: Path) -> str | None:
    """Why the library does not take a bag folder for valid, None where it does.

    Any exception counts, since many defects crash it.
    """
    with _quiet():
        try:
            bagit.Bag(str(folder)).validate(processes=1)
        except Exception as error:  # noqa: BLE001  (it raises far more than its own errors)
            return f"{type(error).__name__}: {error}"
    return None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("bagit")
    level, propagate = logger.level, logger.propagate
    logger.setLevel(logging.CRITICAL + 1)
    logger.propagate = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
        logger.propagate = propagate

"""One content on its way to one key of an InvenioRDM draft: begun, sent whole or in parts, ended.

Which of the two ways a site, or a proxy before it, takes shows only when it refuses one; the other
one is tried then. What was begun and refused for good is taken away again: a pending file stops a
draft from being published.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from presqt_daemon.errors import NOT_THERE, PresqtError, TargetFault, UserFault
from presqt_daemon.system.failpoints import reach
from presqt_daemon.targets.base import Sending
from presqt_daemon.targets.web.answers import BODY_LIMIT_HINT, Answer
from presqt_daemon.targets.web.fields import objects_in
from presqt_daemon.targets.web.given import GivenAddresses
from presqt_daemon.targets.web.http import Http
from presqt_daemon.targets.zenodo.parts import (
    REFUSED,
    STORE_SECONDS,
    note_begun,
    parts_in,
    put_parts,
    size_of_parts,
)

PART_SIZES = (64 << 20, 8 << 20, 1 << 20)
"""Bytes of one part: below the 100 MiB that a stock InvenioRDM takes in one request, and smaller
ones for proxies (nginx: 1 MiB, if nobody has set another) where those say 413."""

MOST_PARTS = 10_000
"""Of S3, below which many sites stand."""

LARGE_BYTES = 1 << 30
"""From here on a file goes in parts where the server takes them; a cut costs one part then."""

_DONE = (200, 201, 202)
_NOTHING_TO_END = (400, 404, 409, 500)
"""How the server may refuse to end a file whose content has never come, or not whole; 500 is what
InvenioRDM 14.0.5 says where there is none."""


_MAY_PASS = NOT_THERE | {"unauthorized"}


class KeyStuckError(Exception):
    """An unfinished file that cannot be deleted, so that its key cannot be had.

    On S3 a begun file whose upload has expired is one (invenio-app-rdm issue 3278).
    """


@dataclass
class DraftContent:
    """Sends contents to keys of drafts; remembers which way the site has refused."""

    http: Http
    large_bytes: int = field(default_factory=lambda: LARGE_BYTES)
    part_sizes: tuple[int, ...] = PART_SIZES
    _takes_parts: bool = True
    _begun: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._given = GivenAddresses(self.http.target)

    def store(self, files: str, key: str, file: Sending, pending: Mapping[str, Any] | None) -> Any:
        """The server's entry of the complete file; `files` is the address of the draft's files.

        `pending` is what an earlier go of ours has begun under this key.
        """
        with (
            faults_by_name(),
            self._given.asking(f"{files} {key}"),
            self._cleared_when_refused(files, key),
        ):
            if pending is not None:
                self._begun.add(_address(files, key))
                entry = self._gone_on(files, key, file, pending)
                if entry is not None:
                    return entry
                self._clear(files, key)
            if file.size < self.large_bytes or not self._in_parts(files, key, file):
                self._whole_or_parts(files, key, file)
                reach("zenodo-sent")
            return _ended(self._end(files, key), key)

    def _clear(self, files: str, key: str) -> None:
        """Take an unfinished file away. Raises KeyStuckError where the server cannot."""
        try:
            self.delete(files, key)
        except PresqtError as error:
            raise KeyStuckError(key) from error

    def delete(self, files: str, key: str) -> None:
        """Take a file away, whether complete or not; one that is gone is fine."""
        url = _address(files, key)
        self.http.delete(url, f"the removal of {key}")
        self._begun.discard(url)

    def _gone_on(self, files: str, key: str, file: Sending, pending: Mapping[str, Any]) -> Any:
        """The entry where the earlier go's content needs no more than its rest, or its end.

        None where it must begin anew.
        """
        parts = parts_in(pending)
        if parts is not None:
            size = size_of_parts(file, pending, parts)
            if size is None or put_parts(self.http, file, parts, size) is not None:
                return None
            reach("zenodo-sent")
            return _ended(self._end(files, key), key)
        answer = self._end(files, key, (*_DONE, *_NOTHING_TO_END))
        return _ended(answer, key) if answer.status in _DONE else None

    def _whole_or_parts(self, files: str, key: str, file: Sending) -> None:
        """Send it whole; in parts where that was too much for one request."""
        self._begin(files, [{"key": key}], key, (201,))
        reach("zenodo-begun")
        answer = self.http.send(
            f"{_address(files, key)}/content",
            file,
            f"the content of {file.path}",
            expect=(200, 201, 413),
            read_seconds=STORE_SECONDS,
        )
        if answer.status != 413:
            return
        self.delete(files, key)
        if not self._in_parts(files, key, file):
            raise UserFault(
                "too-large",
                f"{self.http.target} answered 413 to {file.path} of {file.size} bytes, and takes "
                f"it in no smaller parts either. {BODY_LIMIT_HINT}",
            )

    def _in_parts(self, files: str, key: str, file: Sending) -> bool:
        """Whether the server has taken every part; smaller ones are tried where they are too large.

        False when it takes none, and nothing is begun any more.
        """
        while (
            self._takes_parts and self.part_sizes and self.part_sizes[0] * MOST_PARTS >= file.size
        ):
            size = self.part_sizes[0]
            transfer = {"type": "M", "parts": -(-file.size // size), "part_size": size}
            tree = [{"key": key, "size": file.size, "transfer": transfer}]
            answer = self._begin(files, tree, key, (201, 400, *REFUSED))
            if answer.status != 201:
                self._takes_parts = False
                break
            note_begun(file, size)
            reach("zenodo-begun")
            parts = parts_in(_entry_in(answer, key)) or []
            status = put_parts(self.http, file, parts, size) if parts else 404
            if status is None:
                reach("zenodo-sent")
                return True
            self.delete(files, key)
            if status != 413:
                self._takes_parts = False
            else:
                self.part_sizes = self.part_sizes[1:]
        return False

    def _begin(self, files: str, tree: Any, key: str, expect: tuple[int, ...]) -> Answer:
        doing = f"the beginning of {key}"
        answer = self.http.ask("POST", files, doing=doing, tree=tree, expect=expect)
        if answer.status == 201:
            self._begun.add(_address(files, key))
        return answer

    def _end(self, files: str, key: str, expect: tuple[int, ...] = _DONE) -> Answer:
        return self.http.ask(
            "POST",
            f"{_address(files, key)}/commit",
            doing=f"the end of {key}",
            expect=expect,
            read_seconds=STORE_SECONDS,
        )

    @contextlib.contextmanager
    def _cleared_when_refused(self, files: str, key: str) -> Iterator[None]:
        """Take away what was begun when the server has refused it for good."""
        try:
            yield
        except PresqtError as error:
            is_final = not (error.retryable or error.outcome_unknown or error.code in _MAY_PASS)
            if not is_final or _address(files, key) not in self._begun:
                raise
            try:
                self.delete(files, key)
            except PresqtError:
                raise type(error)(
                    error.code,
                    f"{error.message} The unfinished file {key} could not be removed: delete it "
                    "in the draft before publishing.",
                ) from error
            raise


@contextlib.contextmanager
def faults_by_name() -> Iterator[None]:
    """Refusals by their cause, where the status alone does not tell it."""
    try:
        yield
    except (TargetFault, UserFault) as error:
        said = error.message.lower()
        if error.code == "target-refused" and "maximum file size" in said:
            raise UserFault("too-large", error.message) from error
        raise


def _address(files: str, key: str) -> str:
    return f"{files}/{quote(key, safe='')}"


def _ended(answer: Answer, key: str) -> Mapping[str, Any]:
    """The entry of a file that is complete now."""
    entry = answer.tree()
    if entry.get("key") != key:
        raise TargetFault(
            "target-misbehaved",
            f"{answer.target} ended {key}, but does not name it in its answer.",
            retryable=True,
            outcome_unknown=True,
        )
    return entry


def _entry_in(answer: Answer, key: str) -> Mapping[str, Any]:
    for entry in objects_in(answer.tree(), "entries"):
        if entry.get("key") == key:
            return entry
    raise TargetFault(
        "target-misbehaved", f"{answer.target} began {key}, but does not name it in its answer."
    )

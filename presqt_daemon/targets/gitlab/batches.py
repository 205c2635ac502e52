"""Many files in few commits: what goes into each, and the body that carries it.

Bodies over 20 MB are limited to three in 30 seconds, over 300 MB refused, and far more than 100
actions in one commit fail (docs.gitlab.com/api/commits).
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from presqt_daemon.targets.base import Sending
from presqt_daemon.targets.base64_body import Part, base64_length

MESSAGE = "PresQT Upload"
ACTIONS = 100
BATCH_CHARACTERS = 15 * 10**6
"""Base64 characters in one commit, unless a single file has more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One file of a commit; `path` is from the repository's root."""

    path: str
    file: Sending
    is_update: bool


def batches(actions: Sequence[Action]) -> Iterator[Sequence[Action]]:
    """The actions in their order, in groups that one commit takes; a large file goes alone."""
    start = weight = 0
    for number, action in enumerate(actions):
        length = base64_length(action.file.size)
        is_full = number - start >= ACTIONS or weight + length > BATCH_CHARACTERS
        if number > start and is_full:
            yield actions[start:number]
            start, weight = number, 0
        weight += length
    if start < len(actions):
        yield actions[start:]


def commit_parts(branch: str, actions: Sequence[Action]) -> list[Part]:
    """A commit's JSON body, for `Base64Body`."""
    head = f'{{"branch":{json.dumps(branch)},"commit_message":"{MESSAGE}","stats":false,"actions":['
    parts: list[Part] = []
    text = head
    for action in actions:
        text += (
            f'{{"action":"{"update" if action.is_update else "create"}",'
            f'"file_path":{json.dumps(action.path)},"encoding":"base64","content":"'
        )
        parts += [text.encode(), action.file]
        text = '"},'
    parts.append(f"{text.removesuffix(',')}]}}".encode())
    return parts

"""Many files in few commits: what goes into each, and the body that carries it.

Bodies over 20 MB are limited to three in 30 seconds, over 300 MB refused, and far more than 100
actions in one commit fail (docs.gitlab.com/api/commits).
"""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from presqt_daemon.targets.base import Item, Sending
from presqt_daemon.targets.git_host import grouped
from presqt_daemon.targets.web.base64_body import Part, base64_length

MESSAGE = "PresQT Upload"
ACTIONS = 100
BATCH_CHARACTERS = 15 * 10**6
"""Base64 characters in one commit, unless a single file has more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitAction:
    """One file of a commit; `path` is from the repository's root.

    `replaces` is what was seen there, which the file may take the place of; with `is_update` the
    branch has a file there now. `last_commit` is the one that made it so: GitLab refuses an update
    of a file that another has changed since.
    """

    path: str
    file: Sending
    is_update: bool
    replaces: Item | None = None
    last_commit: str | None = None


def batches(
    actions: Sequence[CommitAction], most_characters: int = BATCH_CHARACTERS
) -> Iterator[Sequence[CommitAction]]:
    """The actions in their order, in groups that one commit takes; a large file goes alone."""
    return grouped(
        actions,
        lambda action: base64_length(action.file.size),
        most=ACTIONS,
        heaviest=most_characters,
    )


def weight_of(batch: Collection[CommitAction]) -> int:
    """Base64 characters in one commit."""
    return sum(base64_length(action.file.size) for action in batch)


def commit_parts(branch: str, actions: Sequence[CommitAction]) -> list[Part]:
    """A commit's JSON body, for `Base64Body`."""
    head = f'{{"branch":{json.dumps(branch)},"commit_message":"{MESSAGE}","stats":false,"actions":['
    parts: list[Part] = []
    text = head
    for action in actions:
        guard = f'"last_commit_id":{json.dumps(action.last_commit)},' if action.last_commit else ""
        text += (
            f'{{"action":"{"update" if action.is_update else "create"}",{guard}'
            f'"file_path":{json.dumps(action.path)},"encoding":"base64","content":"'
        )
        parts += [text.encode(), action.file]
        text = '"},'
    parts.append(f"{text.removesuffix(',')}]}}".encode())
    return parts

"""Why GitLab refuses a request, in its own words, and what a refused commit means."""

import re

from presqt_daemon.errors import PresqtError, UserFault
from presqt_daemon.targets.web.answers import Answer

_COLLISION = re.compile(r"with this name|could not update|changed since", re.IGNORECASE)
_PROTECTED = re.compile(r"protected|allowed to push", re.IGNORECASE)


class Collided(Exception):
    """A file to create was there, or one to update was not, or not as it was seen."""


def refusal_of_commit(answer: Answer, fault: PresqtError, target: str, branch: str) -> Exception:
    """What a refused commit means; Collided when files came or went since the listing.

    `fault` is what its status says.
    """
    said = words(answer.tree()) or ""
    if answer.status in {400, 409} and _COLLISION.search(said):
        return Collided()
    if fault.retryable:
        return fault
    if fault.code != "target-full" and _PROTECTED.search(said):
        return UserFault(
            "forbidden",
            f"{target} does not let this token write to the branch {branch}: {said}. It is "
            "protected; ask the project's maintainer to let this account push.",
        )
    return fault


def words(tree: object) -> str | None:
    """GitLab's reason: a text, or texts by field; of a refused token what is wrong with it.

    OAuth's form (RFC 6750 section 3.1) has the reason in `error_description`.
    """
    if not isinstance(tree, dict):
        return None
    said = tree.get("message") or tree.get("error_description") or tree.get("error")
    if isinstance(said, dict):
        return "; ".join(f"{key} {_joined(value)}" for key, value in said.items())
    return None if said is None else _joined(said)


def _joined(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

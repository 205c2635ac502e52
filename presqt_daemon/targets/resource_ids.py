"""What the ids of containers look like, by type of target: known without asking the service.

A folder in the inbox is read as an id only if it can be one, so that a folder named for another
reason is told at once and not after a question to the service for each zip in it.
"""

import re
from dataclasses import dataclass

from presqt_daemon.targets.folder.side import PREFIX


@dataclass(frozen=True, slots=True, kw_only=True)
class IdForm:
    """A pattern for whole ids, and the same in words, to follow "ids there are"."""

    pattern: re.Pattern[str]
    words: str


_FORMS = {
    # https://developer.osf.io/: a GUID of a node or a file, with a storage provider behind a colon
    "osf": IdForm(
        pattern=re.compile(r"[A-Za-z0-9_-]+(:[A-Za-z0-9_-]+)?"),
        words="letters and digits as in abc12, or abc12:osfstorage",
    ),
    # https://docs.github.com/en/rest/repos/repos: a number, or owner and name
    "github": IdForm(
        pattern=re.compile(r"(?s)([0-9]+|[A-Za-z0-9_-]+/(?!\.+$)[A-Za-z0-9._-]+)(:.+)?"),
        words="a number, or owner and name as in owner%2Fname, a folder in it behind %3A",
    ),
    # https://docs.gitlab.com/api/projects/: a number, or the path with its groups
    "gitlab": IdForm(
        pattern=re.compile(r"(?s)([0-9]+|[\w.-]+(/[\w.-]+)+)(:.+)?"),
        words="a number, or group and name as in group%2Fname, a folder in it behind %3A",
    ),
    # Zenodo counts; InvenioRDM's identifiers are groups of base32 characters joined by hyphens
    "zenodo": IdForm(
        pattern=re.compile(r"[0-9]+|[0-9a-z]+(-[0-9a-z]+)+"),
        words="a number, or letters and digits as in abcde-12345",
    ),
    # https://docs.figshare.com/: numbers of a project and of an article in it
    "figshare": IdForm(
        pattern=re.compile(r"[1-9][0-9]{0,18}(:[1-9][0-9]{0,18})?"),
        words="the number of a project, or project and article as in 123%3A456",
    ),
    "folder": IdForm(
        pattern=re.compile(
            rf"(?s)(?!{re.escape(PREFIX)})(?!\.\.?(/|$))[^/]+(/(?!\.\.?(/|$))[^/]+)*"
        ),
        words="the path of a folder in the archive, with %2F for each /",
    ),
}


def why_no_id(type_name: str, resource_id: str) -> str | None:
    """What ids of this type of target are, where this cannot be one; None where it can.

    A type that is not ours takes any.
    """
    form = _FORMS.get(type_name)
    if form is None or form.pattern.fullmatch(resource_id):
        return None
    return form.words

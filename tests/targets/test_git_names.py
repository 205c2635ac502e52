import pytest

from presqt_daemon.errors import UserFault
from presqt_daemon.targets.git_names import refuse_git_path, why_git_refuses


@pytest.mark.parametrize(
    "name",
    [
        ".git", ".GIT", ".g\u200cit", "\ufeff.git", ".git ", ".git. .", "git~1", "GIT~1", "git~1 .",
        ".git:stream", ".git::$INDEX_ALLOCATION", "a\\.git", ".git\\config", "a\\git~1\\b",
    ],
)  # fmt: skip
def test_what_some_file_system_reads_as_gits_own_folder_is_refused(name: str) -> None:
    assert why_git_refuses(name)
    with pytest.raises(UserFault) as raised:
        refuse_git_path(f"dir/{name}/x")
    assert raised.value.code == "bad-request"


@pytest.mark.parametrize(
    "name",
    [
        "git",
        ".gitignore",
        ".gitmodules",
        ".git~",
        "git~2",
        "x.git",
        " .git",
        "a:.git",
        ".gi t",
        "\\",
    ],
)
def test_other_names_are_taken(name: str) -> None:
    assert why_git_refuses(name) is None

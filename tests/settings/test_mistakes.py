"""What people write by mistake, and that they are told where, what and what to do instead."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from presqt_daemon.errors import ConfigError
from presqt_daemon.safe_text import may_be_secret, without_secrets
from presqt_daemon.settings import load_config
from presqt_daemon.settings.remarks import remarks_on

GOOD = "inbox: in\nmediafiles: mf\ntargets:\n  archive: {type: folder, path: ar}\n"
TOKEN = "abcDEF1234567890secretTOKEN"

MISTAKES: tuple[tuple[str, str, str], ...] = (
    # what it is, the file, what is said of it
    ("tabs", "targets:\n\tarchive:\n\t\ttype: folder\n", "line 2: a tab; lines are moved"),
    (
        "too little indent",
        "targets:\n  archive:\n  type: folder\n  path: ar\n",
        "line 1: targets: the keys of a target must stand further to the right",
    ),
    (
        "uneven indent",
        "targets:\n  archive:\n    type: folder\n     path: ar\n",
        "line 4: a key where none can stand",
    ),
    (
        "a misspelt section",
        f"{GOOD}retentions:\n  verified: 5d\n",
        "line 5: retentions: unknown key; did you mean retention?",
    ),
    (
        "a misspelt key",
        f"{GOOD}retention:\n  verifed: 5d\n",
        "line 6: retention.verifed: unknown key; did you mean retention.verified?",
    ),
    (
        "a capital in a key",
        f"{GOOD}Staging: {{}}\n",
        "line 5: Staging: unknown key; did you mean staging?",
    ),
    (
        "a misspelt type key",
        "targets:\n  archive: {typ: folder, path: ar}\n",
        "line 2: targets.archive.typ: unknown key; did you mean targets.archive.type?",
    ),
    (
        "a type in capitals",
        "targets:\n  archive: {type: Folder, path: ar}\n",
        "line 2: targets.archive.type: 'Folder' is no type of target; did you mean folder?",
    ),
    ("an unknown type", "targets:\n  x: {type: dropbox}\n", "'dropbox' is no type of target"),
    ("minutes", f"{GOOD}staging:\n  time_limit: 10 minutes\n", "line 6: staging.time_limit"),
    ("Gb", f"{GOOD}staging:\n  max_zip_bytes: 100Gb\n", "a size such as 500 MB or 2 GiB"),
    ("a comma", f"{GOOD}staging:\n  small: 1,5 GB\n", "a size such as 500 MB or 2 GiB"),
    (
        "a pasted token",
        f"targets:\n  osf: {{type: osf, token: {TOKEN}}}\n",
        "line 2: targets.osf.token: a token never stands in the configuration",
    ),
    (
        "a password",
        f"targets:\n  osf: {{type: osf, api_key: {TOKEN}}}\n",
        "a token never stands in the configuration",
    ),
    (
        "a token for its file",
        f"targets:\n  osf: {{type: osf, token_file: {TOKEN * 2}}}\n",
        "token_file: looks like a token itself (not shown); write the path",
    ),
    (
        "a token for its variable",
        f"targets:\n  osf: {{type: osf, token_env: {TOKEN}}}\n",
        "token_env: looks like a token itself (not shown)",
    ),
    (
        "a token for its credential",
        "targets:\n  osf: {type: osf, token_credential: ghp_0123456789abcdefghijABCDEF}\n",
        "token_credential: looks like a token itself (not shown)",
    ),
    (
        "a token for a type",
        f"targets:\n  osf: {{type: {TOKEN}}}\n",
        "this is no type of target",
    ),
    ("a token for a mode", f"{GOOD}permissions: {{status: {TOKEN}}}\n", "not shown"),
    (
        "a password in an address",
        "targets:\n  z: {type: zenodo, url: 'https://me:pw@zenodo.org/api'}\n",
        "must hold no user name and no password",
    ),
    (
        "a target twice",
        "targets:\n  archive: {type: folder, path: a}\n  archive: {type: folder, path: b}\n",
        "line 3: the key 'archive' stands twice",
    ),
    (
        "a decimal mode",
        "targets:\n  a: {type: folder, path: ar, mode: 640}\n",
        "line 2: targets.a.mode: 640 is not a file mode such as 0644",
    ),
    ("a mode as ls shows it", f"{GOOD}permissions: {{status: rw-r--r--}}\n", "such as 0644"),
    (
        "payload for everybody",
        f"{GOOD}permissions: {{payload: 0777}}\n",
        "line 5: permissions.payload: others must not be able to change what is ours",
    ),
    ("a quoted yes", f'{GOOD}intake:\n  route_by_drop: "yes"\n', "true or false, without quotes"),
    (
        "a Windows path",
        "inbox: C:\\deposits\\inbox\n",
        "line 1: inbox: 'C:\\\\deposits\\\\inbox' is a Windows path",
    ),
    ("a quoted Windows path", 'inbox: "C:\\deposits"\n', "line 1: a Windows path?"),
    ("a Windows share", "inbox: '\\\\server\\inbox'\n", "is a Windows path"),
    ("a list", "- inbox: in\n- mediafiles: mf\n", "the file must hold keys and values"),
    ("an ini file", "inbox=in\nmediafiles=mf\n", "the file must hold keys and values"),
    (
        "targets as a list",
        "targets:\n  - name: archive\n    type: folder\n",
        "line 1: targets: is a list; write each target's name as a key",
    ),
    ("one in another", "inbox: in\nmediafiles: in/mf\n", "line 2: mediafiles: "),
    ("a variable", "mediafiles: $HOME/mf\n", "line 1: mediafiles: '$HOME/mf': variables such"),
    ("a variable in braces", "inbox: ${ROOT}/in\n", "variables such as $HOME are not filled in"),
    ("a home of nobody", "inbox: ~nobodyatall/in\n", "there is no such user here"),
    (
        "text for a list",
        'intake: {ignore: "*.part"}\n',
        """line 1: intake.ignore: '*.part' must be a list of texts, such as ["*.part"]""",
    ),
    (
        "a star without quotes",
        "intake:\n  ignore:\n    - *.part\n",
        "line 3: text that begins with * must stand in quotes",
    ),
    ("a percent sign first", "inbox: %in\n", "text that begins with % must stand in quotes"),
    ("a key twice", "inbox: in\ninbox: in2\n", "line 2: the key 'inbox' stands twice"),
    (
        "an unknown default target",
        f"default_target: archiv\n{GOOD}",
        "line 1: default_target: 'archiv' is not among the targets (there are: archive)",
    ),
    (
        "a name with a blank",
        "targets:\n  lab osf!: {type: folder, path: ar}\n",
        "line 2: targets.lab osf!: a target's name is made of letters",
    ),
    (
        "an address without https",
        "targets:\n  z: {type: zenodo, url: zenodo.org}\n",
        "line 2: targets.z.url: must begin with https://",
    ),
    (
        "a bad port",
        "targets:\n  z: {type: zenodo, url: 'https://zenodo.org:port/'}\n",
        "targets.z.url: is no address",
    ),
    (
        "true for a word",
        "targets:\n  z: {type: zenodo, publish: true}\n",
        "targets.z.publish: True must be one of: never, after_verified",
    ),
    (
        "a key of another type",
        "targets:\n  z: {type: zenodo, path: ar}\n",
        "line 2: targets.z.path: has no meaning for type zenodo",
    ),
    ("no blank after the colon", "inbox:in\nmediafiles:mf\n", "a blank must follow the colon"),
    ("an open quote", 'inbox: "in\nmediafiles: mf\n', "one of them is not closed"),
    ("an open brace", "targets: {a: {type: folder, path: ar}\n", "one of them is not closed"),
    ("typographic quotes", "inbox: \u201cin\u201d\n", "use plain quotes or none"),
    ("a share's address", "inbox: smb://server/share\n", "mount the share and name the folder"),
    (
        "a key of another part",
        f"{GOOD}time_limit: 1h\n",
        "did you mean staging.time_limit or uploads.time_limit?",
    ),
    (
        "a key in the wrong part",
        f"{GOOD}uploads: {{settle: 1s}}\n",
        "uploads.settle: unknown key; did you mean intake.settle?",
    ),
    ("a name that is a number", "targets:\n  2024: {type: folder}\n", "must stand in quotes"),
    ("a name that is true", "targets:\n  yes: {type: folder}\n", "must stand in quotes"),
    (
        "a variable's value for its name",
        "targets:\n  g: {type: github, token_env: $GITHUB_TOKEN}\n",
        "write it without $",
    ),
    ("a token for a key", f"{GOOD}{TOKEN}: 1\n", "line 5: (not shown: it may be a secret)"),
    (
        "a token for a target's entry",
        f"targets:\n  osf: {TOKEN}\n",
        "line 2: targets.osf: must hold keys and values",
    ),
    ("a section without keys", f"{GOOD}staging: 4\n", "line 5: staging: must hold keys and values"),
    ("an empty target", "targets:\n  archive:\n", "line 2: targets.archive: must hold keys"),
)

VARIABLES: tuple[tuple[str, Mapping[str, str], str], ...] = (
    (
        "misspelt",
        {"PRESQT_DAEMON__STAGING__WORKER": "2"},
        "environment, PRESQT_DAEMON__STAGING__WORKER: staging.worker: unknown key; did you mean",
    ),
    (
        "one underscore",
        {"PRESQT_DAEMON_STAGING_WORKERS": "many"},
        "PRESQT_DAEMON_STAGING_WORKERS: has no effect; write PRESQT_DAEMON__STAGING__WORKERS",
    ),
    (
        "one underscore before a plain key",
        {"PRESQT_DAEMON_INBOX": "/srv"},
        "write PRESQT_DAEMON__INBOX",
    ),
    (
        "one underscore before a target",
        {"PRESQT_DAEMON_TARGETS_ARCHIVE__WORKERS": "1"},
        "write PRESQT_DAEMON__TARGETS__ARCHIVE__WORKERS",
    ),
    (
        "a bad value",
        {"PRESQT_DAEMON__STAGING__WORKERS": "many"},
        "environment, PRESQT_DAEMON__STAGING__WORKERS: staging.workers: 'many' must be",
    ),
    (
        "one underscore after the section",
        {"PRESQT_DAEMON__STAGING_WORKERS": "2"},
        "did you mean staging.workers?",
    ),
    (
        "a token in a variable's name",
        {f"PRESQT_DAEMON__{TOKEN}": "1"},
        "environment, (not shown: it may be a secret)",
    ),
    ("below a value", {"PRESQT_DAEMON__INBOX__PATH": "/x"}, "inbox takes one value"),
    (
        "an unknown target",
        {"PRESQT_DAEMON__TARGETS__ZENODO__WORKERS": "1"},
        "there is no target 'zenodo' (there are: archive)",
    ),
    (
        "a token",
        {"PRESQT_DAEMON__TARGETS__ARCHIVE__TOKEN": TOKEN},
        "a token never stands in the configuration",
    ),
)


def _problems(
    path: Path, environment: Mapping[str, str], settings: tuple[tuple[str, str], ...] = ()
) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path, environment, settings)
    return "\n".join(caught.value.problems)


@pytest.mark.parametrize(
    ("text", "said"), [row[1:] for row in MISTAKES], ids=[m[0] for m in MISTAKES]
)
def test_a_mistake_is_told_with_its_line_and_what_to_do(
    text: str, said: str, tmp_path: Path
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text, "utf-8")
    problems = _problems(file, {})
    assert str(file) in problems
    assert said in problems
    assert TOKEN not in problems
    assert "me:pw" not in problems
    assert "ghp_" not in problems
    assert "Error" not in problems


@pytest.mark.parametrize(
    ("environment", "said"), [row[1:] for row in VARIABLES], ids=[v[0] for v in VARIABLES]
)
def test_a_mistake_in_a_variable_names_the_variable(
    environment: Mapping[str, str], said: str, tmp_path: Path
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(GOOD, "utf-8")
    problems = _problems(file, environment)
    assert said in problems
    assert TOKEN.lower() not in problems.lower()


def test_a_mistake_on_the_command_line_names_it_and_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f"{GOOD}staging: {{workers: many}}\n", "utf-8")
    assert load_config(file, {}, (("staging.workers", "2"),)).staging.workers == 2
    problems = _problems(file, {}, (("staging.workers", "few"),))
    assert problems.startswith("--set staging.workers: staging.workers: 'few' must be")
    problems = _problems(file, {}, (("staging.workers", "2"), ("targets.archiv.workers", "1")))
    assert "--set Staging.workers: Staging: unknown key; did you mean staging?" in _problems(
        file, {}, (("staging.workers", "2"), ("Staging.workers", "1"))
    )
    problems = _problems(file, {}, (("staging.workers", "2"), ("targets.archiv.workers", "1")))
    assert "--set targets.archiv.workers: there is no target 'archiv'" in problems


def test_a_file_in_another_encoding_is_told(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(b"inbox: in\xe9\n")
    assert "save it in the encoding UTF-8" in _problems(file, {})


def test_what_other_programs_write_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    for content in (b"\xef\xbb\xbfinbox: in\r\nmediafiles: mf\r\n", b'{"inbox": "in"}', b""):
        file.write_bytes(content)
        assert load_config(file, {}).inbox.parent == tmp_path


def test_without_a_file_variables_and_the_command_line_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = load_config(
        None, {"PRESQT_DAEMON__STAGING__WORKERS": "3"}, (("targets.archive.workers", "1"),)
    )
    assert config.staging.workers == 3
    assert config.targets["archive"].workers == 1
    assert config.targets["archive"].path == tmp_path / "archive"


def test_two_targets_in_one_folder_are_remarked_though_a_link_leads_to_it(tmp_path: Path) -> None:
    (tmp_path / "ar").mkdir()
    (tmp_path / "link").symlink_to("ar")
    file = tmp_path / "config.yaml"
    file.write_text(
        "targets:\n  a: {type: folder, path: ar}\n  b: {type: folder, path: link}\n", "utf-8"
    )
    assert [remark.partition(":")[0] for remark in remarks_on(load_config(file, {}))] == [
        "targets.b.path"
    ]


def test_what_is_allowed_but_hardly_meant_is_remarked(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        "targets:\n  a: {type: folder, path: ar}\n  b: {type: folder, path: ar}\n"
        "  o: {type: osf}\nstop_grace: 10m\nstaging: {max_file_bytes: 500 GB}\n",
        "utf-8",
    )
    remarks = list(remarks_on(load_config(file, {})))
    assert [remark.partition(":")[0] for remark in remarks] == [
        "targets.b.path",
        "targets.o",
        "stop_grace",
        "staging.max_file_bytes",
    ]
    file.write_text(GOOD, "utf-8")
    assert list(remarks_on(load_config(file, {}))) == []


@pytest.mark.parametrize(
    "text",
    [
        TOKEN,
        "ghp_abc",
        "glpat-xyz",
        "0123456789abcdef0123456789abcdef01234567",
        "a/b " + TOKEN,
    ],
)
def test_tokens_are_taken_for_secrets(text: str) -> None:
    assert may_be_secret(text)
    assert TOKEN not in without_secrets(f"it is '{text}'")


@pytest.mark.parametrize(
    "text",
    [
        "/var/lib/presqt-daemon/mediafiles/2024",
        "/etc/presqt-daemon/osf-lab-a.token",
        "PRESQT_DAEMON__STAGING__WORKERS",
        "the-archive-of-the-library-2",
        "100 GB",
    ],
)
def test_words_and_paths_are_shown(text: str) -> None:
    assert not may_be_secret(text)
    assert without_secrets(text) == text


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "retention: {records: never}",
            "'never' is not a time such as 30s, 10m, 1h or 5d, or forever",
        ),
        ("staging: {workers: none}", "'none' must be a whole number from 1, or auto"),
    ],
)
def test_the_word_that_a_key_takes_beside_numbers_is_named(
    tmp_path: Path, line: str, said: str
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f"{GOOD}{line}\n", "utf-8")
    assert said in _problems(file, {})

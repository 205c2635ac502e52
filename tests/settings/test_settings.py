import dataclasses
import json
import re
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import presqt_daemon.schemas
from presqt_daemon.config import Config, TargetConfig
from presqt_daemon.errors import ConfigError
from presqt_daemon.receivers import ReceiverConfig
from presqt_daemon.settings import config_from_tree, find_file, load_config
from presqt_daemon.settings import targets as target_entries
from presqt_daemon.settings.schema import example, text_from_schema
from presqt_daemon.settings.sections import NAMED, SECTIONS, settings_of, target_settings
from presqt_daemon.system.yaml import read_yaml
from presqt_daemon.targets.definition import OWN_MODULES, definition_of

EXAMPLE = Path(__file__).parents[2] / "config.example.yaml"
SCHEMA_FILE = Path(presqt_daemon.schemas.__file__).parent / "config.json"
SCHEMA = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
BASE = Path("/srv/deposits")


def _keys(kind: Any) -> set[str]:
    return set(settings_of(kind))


def _problems(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        config_from_tree(read_yaml(text.encode()), BASE)
    return caught.value.problems


def _problems_of(tree: Any) -> tuple[str, ...]:
    try:
        config_from_tree(tree, BASE)
    except ConfigError as error:
        return error.problems
    return ()


def _load(text: str) -> Config:
    return config_from_tree(read_yaml(text.encode()), BASE)


def _whole_example() -> Any:
    """The example with its commented targets made live."""
    text = EXAMPLE.read_text(encoding="utf-8")
    return read_yaml(re.sub(r"(?m)^  # (  |[a-z])", r"  \1", text).encode())


def test_the_example_is_the_defaults() -> None:
    example = read_yaml(EXAMPLE.read_bytes())
    assert config_from_tree(example, BASE) == config_from_tree({}, BASE)


def test_the_example_names_every_key() -> None:
    example = _whole_example()
    assert set(example) == _keys(Config) | set(NAMED) | set(SECTIONS)
    for section, kind in SECTIONS.items():
        assert set(example[section]) == _keys(kind), section
    named = {key for target in example["targets"].values() for key in target}
    assert named == set(target_settings()) - {"options"}
    assert set(example["receivers"]["staff"]) == _keys(ReceiverConfig)


def test_the_commented_targets_of_the_example_are_right() -> None:
    config = config_from_tree(_whole_example(), BASE)
    assert list(config.targets) == ["archive", "osf-lab-a", "zenodo", "github"]
    for target in config.targets.values():
        kind = definition_of(target.type)
        assert kind is not None
        plain = TargetConfig(name=target.name, type=target.type, own=kind.own_defaults)
        differing = {
            item.name
            for item in dataclasses.fields(target)
            if getattr(target, item.name) != getattr(plain, item.name)
        }
        assert differing <= {"path", "url", "token_file", "token_credential", "token_env"}


def test_schema_and_example_are_made_of_the_definitions() -> None:
    """After a change of `config.py`: `presqt-daemon config schema`, `config example`."""
    assert SCHEMA_FILE.read_text(encoding="utf-8") == text_from_schema()
    schema = SCHEMA_FILE.relative_to(EXAMPLE.parent)
    assert EXAMPLE.read_text(encoding="utf-8") == example(str(schema))


def test_every_key_of_the_schema_has_a_meaning_and_a_default_that_is_read_as_the_default() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$id"]
    properties = SCHEMA["properties"]
    assert set(properties) == _keys(Config) | set(NAMED) | set(SECTIONS)
    places = {
        name: (properties[name]["properties"], settings_of(kind)) for name, kind in SECTIONS.items()
    }
    receiver = SCHEMA["$defs"]["receiver"]["properties"]
    places["receivers"] = (receiver, settings_of(ReceiverConfig))
    places["targets"] = (SCHEMA["$defs"]["target"]["properties"], target_settings())
    places[""] = ({k: v for k, v in properties.items() if k in _keys(Config)}, settings_of(Config))
    for place, (named, settings) in places.items():
        for key, item in settings.items():
            assert named[key]["description"], (place, key)
            given = named[key]["default"]
            read = item.metadata["notation"].read(given)
            wanted = str(item.default) if isinstance(item.default, Path) else item.default
            assert read == wanted, (place, key)


@pytest.mark.parametrize("kind", OWN_MODULES)
def test_the_schema_takes_a_key_for_a_type_as_we_do(kind: str) -> None:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    for key, item in target_settings().items():
        value = "x" if item.default is None else item.metadata["notation"].write(item.default)
        value = {"url": "https://x", "time_limit": "1h"}.get(key, value)
        value = 1 if key in {"connections", "requests_per_minute"} else value
        value = {"a": "b"} if key == "options" else value
        entry = {"path": "archive"} if kind == "folder" else {}
        tree = {"targets": {"a": {**entry, key: value, "type": kind}}}
        problems = _problems_of(tree)
        assert all("has no meaning" in problem for problem in problems), problems
        assert validator.is_valid(tree) is not bool(problems), key


def test_the_schema_takes_the_example_and_refuses_what_we_refuse() -> None:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    validator.validate(read_yaml(EXAMPLE.read_bytes()))
    validator.validate(_whole_example())
    for wrong in (
        "inbax: x",
        "staging: {workers: 0}",
        "staging: {max_zip_bytes: much}",
        "intake: {observer: maybe}",
        "permissions: {status: '0999'}",
        "targets: {}",
        "targets: {archive: {path: x}}",
        "targets: {'a b': {type: folder, path: x}}",
        "retention: {verified: never}",
    ):
        assert not validator.is_valid(read_yaml(wrong.encode())), wrong
        assert _problems(wrong)


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("inbox: drop here\ntargets: {a: {type: folder, path: store}}\n", "utf-8")
    config = load_config(file, {})
    assert config.inbox == tmp_path / "drop here"
    assert config.mediafiles == tmp_path / "mediafiles"
    assert config.targets["a"].path == tmp_path / "store"
    assert config.uploads_folder == tmp_path / "mediafiles" / "uploads"


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(b"# nothing\n")
    assert load_config(file, {}) == config_from_tree({}, tmp_path)


def test_every_problem_is_told_at_once_with_its_path_and_the_likely_key() -> None:
    problems = _problems(
        "inbax: x\n"
        "stop_grace: soon\n"
        "default_target: none\n"
        "intake: {setle: 1s, route_by_drop: perhaps}\n"
        "staging: [1]\n"
        "targets:\n"
        "  a: {type: folder}\n"
        "  b: {type: osf, path: x, keep: bag}\n"
        "  c: 5\n"
    )
    text = "\n".join(problems)
    for expected in (
        "inbax: unknown key; did you mean inbox?",
        "stop_grace: 'soon' is not a time",
        "default_target: 'none'",
        "intake.setle: unknown key; did you mean intake.settle?",
        "intake.route_by_drop:",
        "staging: must hold keys and values",
        "targets.a.path: is missing",
        "targets.b.path: has no meaning for type osf",
        "targets.b.keep: has no meaning for type osf",
        "targets.c: must hold keys and values",
    ):
        assert expected in text
    assert len(problems) == 10


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        (b"{", "not JSON"),
        (b"{}", "Accept-BagIt-Version: must list at least one version"),
    ],
)
def test_a_profile_that_cannot_be_used_is_told_with_the_other_problems(
    content: bytes | None, said: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "p.json").write_bytes(content)
    tree = {"inbax": "x", "staging": {"profile": "p.json"}}
    with pytest.raises(ConfigError) as caught:
        config_from_tree(tree, tmp_path)
    text = "\n".join(caught.value.problems)
    assert "inbax: unknown key" in text
    assert f"staging.profile: {tmp_path / 'p.json'}" in text
    assert said in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("targets: {a: {type: osf, token_env: A, token_file: b}}", "not both"),
        ("targets: {a: {type: osf, url: 'ftp://x'}}", "https://"),
        ("targets: {a: {type: osf, sender_may: [title]}}", "sender_may"),
        ("targets: {a: {type: osf}, A: {type: osf}}", "by case only"),
        ("targets: {'../a': {type: osf}}", "made of letters"),
        ("targets: {.a: {type: osf}}", "made of letters"),
        ("targets: {a: {workers: 2}}", "type: is missing"),
        ("inbox: here\nmediafiles: here/below", "must not lie in or around"),
        ("mediafiles: archive", "must not lie in or around"),
        ("inbox: ''", "must be text"),
        ("inbox: null", "must not be empty"),
        ("staging: {workers: true}", "whole number"),
        ("uploads: {retries: -1}", "whole number"),
    ],
)
def test_what_cannot_be_is_refused(text: str, said: str) -> None:
    assert any(said in problem for problem in _problems(text)), _problems(text)


def test_two_folder_targets_may_share_a_place() -> None:
    text = "targets: {a: {type: folder, path: s}, b: {type: folder, path: s/b}}"
    assert set(_load(text).targets) == {"a", "b"}


def test_a_plug_in_type_takes_options(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("vault", "vault_target", "presqt_daemon.targets")
    monkeypatch.setattr(target_entries, "entry_points", lambda group: [point])
    config = _load("targets: {a: {type: vault, options: {bucket: x, retries: 3}}}")
    assert config.targets["a"].options == {"bucket": "x", "retries": "3"}


def test_the_environment_overrides_the_file_key_by_key(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        "staging: {workers: 2, attempts: 1}\ntargets: {lab-a: {type: osf, workers: 1}}\n", "utf-8"
    )
    config = load_config(
        file,
        {
            "PRESQT_DAEMON__STAGING__WORKERS": "5",
            "PRESQT_DAEMON__STOP_GRACE": "3s",
            "PRESQT_DAEMON__TARGETS__LAB_A__WORKERS": "7",
            "PRESQT_DAEMON__INTAKE__IGNORE": "['*.x']",
            "PRESQT_DAEMON_FAILPOINT": "none",
            "HOME": "/",
        },
    )
    assert (config.staging.workers, config.staging.attempts) == (5, 1)
    assert config.stop_grace == 3
    assert config.targets["lab-a"].workers == 7
    assert config.intake.ignore == ("*.x",)


def test_a_misspelt_variable_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(b"")
    with pytest.raises(ConfigError, match=r"staging\.wrkers"):
        load_config(file, {"PRESQT_DAEMON__STAGING__WRKERS": "5"})
    with pytest.raises(ConfigError, match="PRESQT_DAEMON__INBOX"):
        load_config(file, {"PRESQT_DAEMON__INBOX": "[a"})


@pytest.mark.parametrize(
    "content", [b"- a", b"text", b"a: 1\na: 2", b"a: &x 1\nb: *x", b"\xff", b"!!python/none a"]
)
def test_a_file_that_is_no_clean_mapping_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=re.escape(str(file))):
        load_config(file, {})


def test_a_missing_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_config(tmp_path / "none.yaml", {})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_bytes(b"")
    assert find_file(None) == Path("config.yaml")
    assert find_file(tmp_path / "other") == tmp_path / "other"

from pathlib import Path

import pytest

from presqt_daemon.settings import load_config, load_with_origins
from presqt_daemon.settings.shown import shown_settings, yaml_of
from presqt_daemon.system.yaml import read_yaml

SECRET = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
FILE = """\
inbox: in
targets:
  lab:
    type: osf
    token_env: LAB_TOKEN
  box: {type: folder, path: box}
staging:
  workers: 3
  check_command: [scan, --key, "hunter2 hunter2"]
receivers:
  staff: {command: [tell, --password=hunter2]}
"""
ENVIRONMENT = {"PRESQT_DAEMON__UPLOADS__RETRIES": "8", "PRESQT_DAEMON__TARGETS__LAB__WORKERS": "1"}
SETTINGS = [("staging.small", "2 GB"), ("stop_grace", "10s")]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(FILE, encoding="utf-8")
    return path


def by_key(file: Path) -> dict[str, tuple[str, str]]:
    config, origins = load_with_origins(file, ENVIRONMENT, SETTINGS)
    return {".".join(one.key): (one.text, one.origin) for one in shown_settings(config, origins)}


def test_every_value_has_its_origin(file: Path) -> None:
    found = by_key(file)
    assert found["inbox"] == (f'"{file.parent}/in"', f"{file}, line 1")
    assert found["staging.workers"] == ("3", f"{file}, line 8")
    assert found["staging.small"] == ("2 GB", "--set staging.small")
    assert found["stop_grace"] == ("10s", "--set stop_grace")
    assert found["uploads.retries"] == ("8", "environment, PRESQT_DAEMON__UPLOADS__RETRIES")
    assert found["targets.lab.workers"][1] == "environment, PRESQT_DAEMON__TARGETS__LAB__WORKERS"
    assert found["targets.box.path"][1] == f"{file}, line 6"
    assert found["staging.attempts"] == ("3", "default")
    assert found["mediafiles"] == (f'"{file.parent}/mediafiles"', "default")


def test_a_target_shows_what_its_type_takes_and_no_more(file: Path) -> None:
    keys = by_key(file).keys()
    assert "targets.lab.url" in keys
    assert "targets.lab.keep" not in keys
    assert "targets.box.keep" in keys
    assert "targets.box.token_file" not in keys


def test_nothing_that_may_be_a_secret_is_shown(file: Path) -> None:
    text = "\n".join(f"{key}: {value}" for key, value in by_key(file).items())
    assert "hunter2" not in text
    assert "--key" not in text
    assert '"scan"' in text
    assert "LAB_TOKEN" in text


def test_a_title_that_looks_like_a_token_is_hidden(file: Path) -> None:
    config, origins = load_with_origins(file, {}, [("intake.ignore", f"['{SECRET}']")])
    assert SECRET not in "\n".join(yaml_of(shown_settings(config, origins)))


def test_what_is_shown_is_yaml_that_says_the_same(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    targets = "  'a.b': {type: zenodo, token_env: T}\n  box: {type: folder, path: b}\n"
    file.write_text(f"targets:\n{targets}", encoding="utf-8")
    config, origins = load_with_origins(file, {}, SETTINGS)
    shown = "\n".join(yaml_of(shown_settings(config, origins)))
    assert read_yaml(shown.encode())
    again = tmp_path / "again.yaml"
    again.write_text(shown, encoding="utf-8")
    assert load_config(again, {}) == config

from pathlib import Path

import pytest

from presqt_daemon.config import Config
from presqt_daemon.errors import ConfigError
from presqt_daemon.receivers import USUAL_EVENTS
from presqt_daemon.settings import config_from_tree
from presqt_daemon.system.yaml import read_yaml

BASE = Path("/srv/deposits")


def load(text: str) -> Config:
    return config_from_tree(read_yaml(text.encode()), BASE)


def problems(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(text)
    return "\n".join(caught.value.problems)


def test_nobody_is_told_of_anything_by_default() -> None:
    config = load("{}")
    assert config.receivers == {}
    assert not config.notify.has_ping
    assert load("receivers:\n").receivers == {}


def test_receivers_are_read_with_their_events_and_folders() -> None:
    config = load(
        "receivers:\n"
        "  staff: {urls_file: staff.urls}\n"
        "  hook: {command: [/usr/local/bin/on-deposit, --quiet], events: [finished],"
        " targets: [archive], time_limit: 5m}\n"
        "notify: {every: 1h, ping_credential: ping}\n"
    )
    staff, hook = config.receivers["staff"], config.receivers["hook"]
    assert staff.urls_file == BASE / "staff.urls"
    assert staff.events == USUAL_EVENTS
    assert hook.command == ("/usr/local/bin/on-deposit", "--quiet")
    assert (hook.events, hook.targets, hook.time_limit) == (("finished",), ("archive",), 300.0)
    assert config.notify.every == 3600.0
    assert config.notify.has_ping


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("receivers: {staff: {}}", "has no way to be told"),
        ("receivers: {staff: {urls_file: a, command: [b]}}", "not both"),
        ("receivers: {staff: {urls_file: a, events: [fail]}}", "'fail', which is not one of"),
        ("receivers: {staff: {urls_file: a, events: []}}", "nothing would ever be told"),
        ("receivers: {staff: {urls_file: a, targets: [osf]}}", "'osf' is not among the targets"),
        ("receivers: {'a b': {urls_file: a}}", "a receiver's name is made of"),
        ("receivers: [staff]", "a name for each receiver"),
        ("receivers: {staff: mail}", "must hold keys and values"),
        ("receivers: {staff: {urls_credential: a/b}}", "must be the plain name"),
        ("receivers: {staff: {command: /bin/hook}}", 'such as ["/usr/local/bin/on-deposit"]'),
        ("notify: {ping_file: a, ping_credential: b}", "not both"),
    ],
)
def test_a_mistake_is_told_with_what_to_write(text: str, words: str) -> None:
    assert words in problems(text)


@pytest.mark.parametrize(
    "text",
    [
        "receivers: {staff: {urls_file: 'mailto://u:canary@h'}}",
        "receivers: {staff: {urls_credential: 'mailto://u:canary@h'}}",
        "receivers: {staff: {urls_file: ['mailto://u:canary@h']}}",
        "receivers: {staff: {url: 'mailto://u:canary@h'}}",
        "receivers: {staff: {urls: ['mailto://u:canary@h']}}",
        "receivers: {staff: 'mailto://u:canary@h'}",
        "receivers: 'mailto://u:canary@h'",
        "receivers: {'mailto://u:canary@h': {urls_file: a}}",
        "notify: {ping_file: 'https://hc.example/canary'}",
        "notify: {ping_credential: 'https://hc.example/canary'}",
        "notify: {ping_every: 'https://hc.example/canary'}",
        "notify: {ping_url: 'https://hc.example/canary'}",
    ],
)
def test_an_address_that_was_pasted_is_refused_and_never_shown(text: str) -> None:
    said = problems(text)
    assert said
    assert "canary" not in said

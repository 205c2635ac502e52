import pickle
from dataclasses import replace
from pathlib import Path

from presqt_daemon.config import Config, EngineOptions, TargetConfig
from presqt_daemon.workers.limits.grant import Grant, differing, settings_marks, short_mark
from presqt_daemon.workers.limits.tokens import mark_from

OSF = TargetConfig(name="osf", type="osf", token_file=Path("/etc/presqt-daemon/osf.token"))
CONFIG = Config(targets={"osf": OSF})


def test_hosts_may_differ_in_what_is_their_own() -> None:
    own = replace(
        CONFIG,
        inbox=Path("/elsewhere"),
        stop_grace=1.0,
        engine_options=EngineOptions(tls_ca=Path("/other/ca.pem"), address="tls://host:8786"),
        targets={"osf": replace(OSF, token_file=None, token_env="OSF_TOKEN")},
    )
    assert settings_marks(own) == settings_marks(CONFIG)


def test_what_differs_between_hosts_that_would_do_another_thing_is_told_by_its_key() -> None:
    two = {"osf": OSF, "two": replace(OSF, name="two")}
    others = {
        "mediafiles": replace(CONFIG, mediafiles=Path("/elsewhere")),
        "uploads": replace(CONFIG, uploads=replace(CONFIG.uploads, duplicates="update")),
        "staging": replace(CONFIG, staging=replace(CONFIG.staging, max_files=7)),
        "targets.osf": replace(CONFIG, targets={"osf": replace(OSF, url="https://other.org")}),
        "targets.two": replace(CONFIG, targets=two),
    }
    found = {
        key: differing(settings_marks(one), settings_marks(CONFIG)) for key, one in others.items()
    }
    assert found == {key: [key] for key in others}


def test_nothing_secret_is_in_a_grant() -> None:
    token = "a-token-that-nobody-may-read"
    whole = mark_from(token)
    grant = Grant(settings=settings_marks(CONFIG), marks={"osf": short_mark(whole)})
    sent = pickle.dumps(grant)
    assert token.encode() not in sent
    assert whole is not None
    assert whole.encode() not in sent
    assert short_mark(mark_from("another")) != short_mark(whole)

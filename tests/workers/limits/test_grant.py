import pickle
from dataclasses import replace
from pathlib import Path

from presqt_daemon.config import Config, EngineOptions, TargetConfig
from presqt_daemon.workers.limits.grant import Grant, settings_digest, short_mark
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
    assert settings_digest(own) == settings_digest(CONFIG)


def test_hosts_that_would_do_another_thing_have_another_digest() -> None:
    others = [
        replace(CONFIG, mediafiles=Path("/elsewhere")),
        replace(CONFIG, uploads=replace(CONFIG.uploads, duplicates="update")),
        replace(CONFIG, staging=replace(CONFIG.staging, max_files=7)),
        replace(CONFIG, targets={"osf": replace(OSF, url="https://other.example.org")}),
        replace(CONFIG, targets={"osf": OSF, "two": replace(OSF, name="two")}),
    ]
    assert settings_digest(CONFIG) not in {settings_digest(one) for one in others}


def test_nothing_secret_is_in_a_grant() -> None:
    token = "a-token-that-nobody-may-read"
    whole = mark_from(token)
    grant = Grant(settings=settings_digest(CONFIG), marks={"osf": short_mark(whole)})
    sent = pickle.dumps(grant)
    assert token.encode() not in sent
    assert whole is not None
    assert whole.encode() not in sent
    assert short_mark(mark_from("another")) != short_mark(whole)

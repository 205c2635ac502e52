from pathlib import Path
from typing import Any

import pytest

from presqt_daemon.config import Config
from presqt_daemon.errors import ConfigError
from presqt_daemon.settings.read import config_from_tree
from presqt_daemon.workers.engines.starts import open_engine

TLS = {"tls_ca": "ca.pem", "tls_cert": "cert.pem", "tls_key": "key.pem"}


def problems(engine: str, **options: Any) -> str:
    try:
        config_from_tree({"engine": engine, "engine_options": options}, Path("/srv"))
    except ConfigError as error:
        return "\n".join(error.problems)
    return ""


def test_the_local_engine_needs_nothing() -> None:
    assert problems("local") == ""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "must say where the scheduler of dask is"),
        ({"address": "host:8786"}, "must begin with tcp:// or tls://"),
        ({"address": "tcp://host"}, "must end with a host and a port"),
        ({"address": "tcp://host:eight"}, "must end with a host and a port"),
        ({"address": "tcp://host:99999"}, "must end with a host and a port"),
        ({"address": "tcp://:8786"}, "must end with a host and a port"),
        ({"address": "tcp://host:8786", **TLS}, "must begin with tls://, since tls_ca is set"),
        ({"address": "tls://host:8786"}, "must be set, since the address begins with tls://"),
        ({"address": "tls://host:8786", "tls_ca": "ca.pem"}, "or none of them"),
        ({"address": "tcp://host:8786", "lease_ttl": "1s"}, "must be at least 2s"),
        ({"address": "tcp://host:8786", "lease_ttl": "2h"}, "an hour at most"),
    ],
)
def test_an_engine_that_could_not_be_reached_is_a_mistake(
    options: dict[str, Any], said: str
) -> None:
    assert said in problems("dask", **options)


def test_what_is_whole_is_taken() -> None:
    assert problems("dask", address="tcp://host:8786") == ""
    assert problems("dask", address="tcp://[2001:db8::1]:8786") == ""
    assert problems("dask", address="tls://host:8786", **TLS) == ""


def test_an_engine_that_is_not_known_is_named() -> None:
    assert "slurm" in problems("slurm")


def test_an_engine_whose_library_is_missing_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match=r"pip install 'presqt-daemon\[dask\]'"):
        open_engine(Config(engine="dask"))
    assert open_engine(Config()) is None

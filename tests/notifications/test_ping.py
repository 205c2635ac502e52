from pathlib import Path

import pytest

from presqt_daemon.notifications.addresses import (
    NoAddressError,
    ping_address,
    receiver_addresses,
)
from presqt_daemon.notifications.ping import FRESH_SECONDS, Ping, ask
from presqt_daemon.receivers import NotifyConfig, ReceiverConfig
from tests.house.receivers import free_port, web_server


def config(path: Path, address: str) -> NotifyConfig:
    path.write_text(address + "\n")
    return NotifyConfig(ping_file=path, ping_every=300.0)


def test_it_is_asked_now_and_then_while_the_loop_turns_and_never_after_it_hangs(
    tmp_path: Path,
) -> None:
    now = 0.0
    with web_server() as web:
        given = config(tmp_path / "ping", f"http://127.0.0.1:{web.port}/alive")
        ping = Ping(given, environment={}, clock=lambda: now)
        assert not ping.ask_if_due(), "the loop has not turned yet"
        ping.beat()
        assert ping.ask_if_due()
        now = 299.0
        ping.beat()
        assert not ping.ask_if_due()
        now = 300.0
        assert ping.ask_if_due()
        now = 299.0 + FRESH_SECONDS + 600
        assert not ping.ask_if_due(), "a loop that hangs is not alive"
        ping.beat()
        assert ping.ask_if_due()
        assert [path for path, _ in web.requests] == ["/alive"] * 3


def test_a_failure_says_why_and_nothing_of_the_address(tmp_path: Path) -> None:
    path, port = tmp_path / "ping", free_port()
    with web_server() as web:
        web.status = 404
        assert ask(config(path, f"http://127.0.0.1:{web.port}/canary"), {}) == "it answered 404"
    assert ask(config(path, f"http://127.0.0.1:{port}/canary"), {}) == "Connection refused"
    for odd in ("http://canary canary/", "http://[canary/", "http://127.0.0.1:canary/", "canary",
                "ftp://canary", "http://canary\x01.example/", "file:///canary"):  # fmt: skip
        said = ask(config(path, odd), {})
        assert said, odd
        assert "canary" not in said


def test_it_is_logged_once_a_minute_and_when_it_is_well_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    now = 0.0
    with web_server() as web:
        web.status = 500
        path = tmp_path / "ping"
        path.write_text(f"http://127.0.0.1:{web.port}/x")
        given = NotifyConfig(ping_file=path, ping_every=1.0)
        ping = Ping(given, environment={}, clock=lambda: now)
        for now in (0.0, 20.0, 40.0, 61.0):  # noqa: B007  (the clock reads it)
            ping.beat()
            assert ping.ask_if_due()
        assert caplog.text.count("could not be asked: it answered 500") == 2
        web.status = 200
        now = 80.0
        ping.beat()
        assert ping.ask_if_due()
        assert "is asked again" in caplog.text


def test_addresses_come_from_a_file_or_a_credential_and_comments_are_passed_over(
    tmp_path: Path,
) -> None:
    (tmp_path / "staff").write_text("# staff\n\n mailto://a \nslack://b\n")
    by_file = ReceiverConfig(name="x", urls_file=tmp_path / "staff")
    assert receiver_addresses(by_file, {}) == ("mailto://a", "slack://b")
    by_credential = ReceiverConfig(name="x", urls_credential="staff")
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert receiver_addresses(by_credential, environment) == ("mailto://a", "slack://b")
    with pytest.raises(NoAddressError, match="no credentials are passed"):
        receiver_addresses(by_credential, {})
    (tmp_path / "staff").write_text("# nobody\n")
    with pytest.raises(NoAddressError, match="holds no address"):
        receiver_addresses(by_file, {})
    with pytest.raises(NoAddressError, match="No such file"):
        receiver_addresses(ReceiverConfig(name="x", urls_file=tmp_path / "none"), {})


def test_the_ping_has_one_web_address(tmp_path: Path) -> None:
    with pytest.raises(NoAddressError, match="must be one"):
        ping_address(config(tmp_path / "ping", "http://a/\nhttp://b/"), {})

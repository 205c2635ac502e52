"""A zip that goes bad on the server's disk after its bag was found valid is no sender's fault."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.bags import bag_zip, drop, zip_bytes
from tests.house.house import House, open_house, wait_until
from tests.house.shelf import Fault, Shelf

FILES = {f"P/{name}.txt": name.encode() * 99 for name in ("a", "b", "c")}
GOOD = bag_zip(FILES)

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut short": lambda zip_: zip_[: len(zip_) // 2],
    "emptied": lambda _zip: b"",
    "a byte of a file": lambda zip_: _flipped(zip_, zip_.index(b"data/P/b.txt") + 20),
    "another zip": lambda _zip: zip_bytes({"a": b"1"}, folder="x"),
}


def _flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


def retried(house: House, ticket: str, attempt: int) -> dict[str, Any]:
    """How the ticket ends when it goes again."""
    assert house.run("retry", ticket).returncode == 0

    def look() -> dict[str, Any] | None:
        info = house.info(ticket)
        return info if info["attempt"] == attempt and info["status"] != "in_progress" else None

    found: dict[str, Any] = wait_until(look, 100, what=f"for the end of attempt {attempt}")
    return found


@pytest.mark.parametrize(
    "has_scratch", [False, pytest.param(True, marks=pytest.mark.full)], ids=["", "scratch"]
)
def test_a_zip_that_rots_after_its_bag_was_valid_is_the_operators_and_a_good_copy_goes_on(
    has_scratch: bool, tmp_path: Path
) -> None:
    (tmp_path / "scratch").mkdir()
    staging = {"scratch": str(tmp_path / "scratch")} if has_scratch else {}
    with Shelf() as shelf, open_house(tmp_path, staging=staging) as house:
        shelf.faults.append(Fault("status 400", part="/files/b.txt", times=1))
        house.configure(targets={"shelf": shelf.target()})
        house.start()
        drop(GOOD, house.inbox / "shelf" / "one.zip")
        info = house.ended("one.zip")
        assert info["stage"] == "hashed", info
        ticket = info["ticket_number"]
        kept = house.uploads / ticket / "one.zip"
        for path in (house.uploads / ticket).glob("*/data/P/a.txt"):
            path.unlink()  # what was unpacked is spoilt as well, so that the zip is needed
        for attempt, name in enumerate(DAMAGES, start=2):
            kept.write_bytes(DAMAGES[name](GOOD))
            info = retried(house, ticket, attempt)
            assert (info["status"], info["error_code"]) == ("failed", "state-lost"), (name, info)
            assert info["status_code"] == 500
            assert info["expiration"] is None, "no sender's fault: its zip is kept"
            assert "was found valid" in info["message"]
            # a sender can do nothing about what is wrong inside
            assert [error["code"] for error in info["errors"]] == ["state-lost"]
            assert f"{kept} is refused now" in house.log
        kept.write_bytes(GOOD)
        info = retried(house, ticket, len(DAMAGES) + 2)
        assert info["status"] == "finished", info
        assert house.stop() == 0
    assert shelf.stored() == {"P": {k.removeprefix("P/"): v for k, v in FILES.items()}}
    assert max(shelf.puts.values()) == 1

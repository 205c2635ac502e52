"""Two uploads of one account keep together to the target's pace."""

import time
from pathlib import Path

from tests.bags import bag_zip, drop
from tests.fakes.figshare import TOKEN, FigshareFake
from tests.fakes.server import Reply, Request
from tests.house.house import open_house, wait_until

PER_MINUTE = 600
AT_ONCE = 30
"""A burst of three seconds' worth."""


class Timed(FigshareFake):
    """Notes when each request came to the API, and for which file list."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []
        self.places: list[str] = []

    def before(self, request: Request) -> Reply | None:
        if not request.path.startswith("/upload/"):
            with self.lock:
                self.times.append(time.monotonic())
                if request.method == "POST" and request.path.endswith("/files"):
                    self.places.append(request.path)
        return super().before(request)


def test_an_upload_that_waits_for_its_turn_can_be_cancelled(tmp_path: Path) -> None:
    with Timed() as fake:
        target = {
            "type": "figshare",
            "url": fake.api,
            "token_file": "token",
            "requests_per_minute": 1,
        }
        with open_house(tmp_path, targets={"figshare": target}) as house:
            (tmp_path / "token").write_text(TOKEN)
            house.start()
            drop(bag_zip(), house.inbox / "figshare" / "one.zip")
            wait_until(lambda: fake.times)
            running = house.of("one.zip")
            assert running is not None
            (house.control / f"{running['ticket_number']}.cancel").touch()
            assert house.ended("one.zip", 20)["error_code"] == "cancelled"
    assert len(fake.times) == 1


def test_two_uploads_at_once_share_the_pace_of_their_account(tmp_path: Path) -> None:
    with Timed() as fake:
        target = {
            "type": "figshare",
            "url": fake.api,
            "token_file": "token",
            "workers": 2,
            "requests_per_minute": PER_MINUTE,
        }
        with open_house(tmp_path, targets={"figshare": target}) as house:
            (tmp_path / "token").write_text(TOKEN)
            house.start()
            for name in ("one", "two"):
                files = {f"{name}/{number}.txt": f"{number}".encode() for number in range(5)}
                drop(bag_zip(files), house.inbox / "figshare" / f"{name}.zip")
            wait_until(lambda: len(fake.times) > AT_ONCE)
            for name in ("one", "two"):
                info = house.ended(f"{name}.zip", 60)
                assert (info["status"], info["failed_fixity"]) == ("finished", [])
    first, second = sorted(set(fake.places), key=fake.places.index)
    last_of_first = max(i for i, place in enumerate(fake.places) if place == first)
    assert fake.places.index(second) < last_of_first, "the uploads did not overlap"
    # what was held up on its way to the fake may come close to the next, but is not made more
    beyond = len(fake.times) - AT_ONCE - 5
    assert beyond > 20
    assert fake.times[-1] - fake.times[0] > beyond * 60 / PER_MINUTE


def test_verify_waits_for_a_limit_and_then_asks_again(tmp_path: Path) -> None:
    with Timed() as fake:
        target = {"type": "figshare", "url": fake.api, "token_file": "token"}
        with open_house(tmp_path, targets={"figshare": target}) as house:
            (tmp_path / "token").write_text(TOKEN)
            house.start()
            drop(bag_zip(), house.inbox / "figshare" / "one.zip")
            assert house.ended("one.zip", 60)["status"] == "finished"
            before = fake.count("GET", "/files")
            fake.fault("status 429 1", "GET", "/files")
            ended = house.run("verify", "one.zip")
            assert ended.returncode == 0, ended.stdout + ended.stderr
            assert fake.count("GET", "/files") > before + 1

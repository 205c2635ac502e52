"""Two bags on their way into one project at once, through two entries for one site."""

from pathlib import Path

from tests.bags import bag_zip, drop
from tests.fakes.osf import TOKEN, OsfFake
from tests.fakes.server import Seen
from tests.house.house import open_house


class SlowOsf(OsfFake):
    """Takes a second for a body after it has seen that the name is free."""

    def between(self, seen: Seen) -> None:
        if seen.query.get("name") == "both.txt":
            self.released.wait(1)


def test_a_project_takes_one_ticket_at_a_time_by_whatever_entry_and_id(tmp_path: Path) -> None:
    with SlowOsf() as fake:
        node = fake.new_node("Theirs").id
        targets = {
            name: {"type": "osf", "url": fake.api, "token_file": "token"} for name in ("one", "two")
        }
        with open_house(tmp_path, targets=targets) as house:
            (tmp_path / "token").write_text(TOKEN)
            house.start()
            for name, place in (("one", node), ("two", f"{node}:osfstorage")):
                (house.inbox / name / place).mkdir()
                content = bag_zip({"both.txt": name.encode(), f"{name}.txt": b"x"})
                drop(content, house.inbox / name / place / f"{name}.zip")
            ends = [house.ended(f"{name}.zip", 120) for name in ("one", "two")]
        assert [end["status"] for end in ends] == ["finished", "finished"]
        assert [end["failed_fixity"] for end in ends] == [[], []]
        ignored = [end["resources_ignored"] for end in ends]
        assert sorted(ignored) == [[], ["/both.txt"]]
        stored = {one.name: one for one in fake.entities.values()}
        assert stored["both.txt"].versions == 1
        kept = stored["both.txt"].content
        assert kept is not None
        assert kept.kept == ends[ignored.index([])]["target"].encode()

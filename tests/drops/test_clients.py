"""Whatever program brings a zip: it ends without an error and the zip is deposited once."""

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bags import bag_zip
from tests.drops.clients import CLIENTS, needs
from tests.house.house import House, open_house, wait_until

ROUNDS = 10
FILES = 4


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A daemon with the quiet time of the defaults, for all clients one after the other."""
    with open_house(tmp_path_factory.mktemp("drops")) as house:
        house.configure(intake={"settle": "1s", "rescan": "1s"})
        house.start()
        yield house
        assert "Traceback" not in house.log


def bring(house: House, client: str, number: int) -> None:
    """One round: some files by one program, and what became of them."""
    inbox = house.inbox / "archive"
    names = [f"{client.replace(' ', '_')}.{number}.{part}.zip" for part in range(FILES)]
    # another file system, so that nothing can simply be renamed
    base = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=base) as folder:
        files = [Path(folder) / name for name in names]
        for file in files:
            file.write_bytes(bag_zip({f"{file.stem}/a.bin": os.urandom(100_000)}))
        before = set(house.tickets())
        assert CLIENTS[client](files, inbox) == []
    for name in names:
        assert house.ended(name, 120)["status"] == "finished"
    made = [house.info(ticket) for ticket in set(house.tickets()) - before]
    assert Counter(info["source_file"] for info in made) == Counter(names)
    for name in names:
        assert (house.archive / name.removesuffix(".zip")).is_dir()
        (note,) = inbox.glob(f"{name}.*.ticket.json")
        answer = note.with_name(note.name.replace(".ticket.json", ".process_info.json"))
        wait_until(answer.exists, 60, what="for the sender's answer")
    left = [path.name for path in inbox.iterdir() if not path.name.endswith(".json")]
    assert left == []


@pytest.mark.parametrize("client", CLIENTS)
def test_a_program_ends_well_and_each_zip_is_deposited_once(house: House, client: str) -> None:
    if (missing := needs(client)) is not None:
        pytest.skip(missing)
    bring(house, client, 0)


@pytest.mark.full
@pytest.mark.parametrize("number", range(1, ROUNDS))
@pytest.mark.parametrize("client", CLIENTS)
def test_it_does_so_every_time(house: House, client: str, number: int) -> None:
    if (missing := needs(client)) is not None:
        pytest.skip(missing)
    bring(house, client, number)

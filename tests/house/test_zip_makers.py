"""Zips as different programs write them; each must end at the target byte for byte."""

import hashlib
import io
import shutil
import subprocess
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.bags import bag_tree, bag_zip, zip_bytes
from tests.house.house import House, open_house

PAYLOAD = {
    "Project/a.txt": b"alpha\n",
    "Project/sub/b.txt": b"beta\n" * 40_000,
    "Project/empty": b"",
}
WIDE = {"M\u00fcller/Gr\u00f6\u00dfe.txt": b"wide\n", "M\u00fcller/plain.txt": bytes(range(256))}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("house")) as house:
        house.start()
        yield house


def check_deposit(house: House, name: str, payload: Mapping[str, bytes]) -> None:
    """The drop is finished; what lies in the archive, and its digests, are those of the payload."""
    info = house.ended(name)
    assert info["status"] == "finished", info
    assert {warning["code"] for warning in info["warnings"]} <= {"same-content"}
    files = {path.partition("/")[2]: content for path, content in payload.items()}
    assert house.deposited(unquote(Path(info["link_to_resource"]).name)) == files
    digests = {f"/{path}": hashlib.sha512(content).hexdigest() for path, content in payload.items()}
    receipt = house.receipt(info["ticket_number"])
    for side in ("local_digest", "remote_digest"):
        assert {row["path"]: row[side] for row in receipt["files"]} == digests


def place(house: House, name: str, content: bytes) -> None:
    aside = house.root / name
    aside.write_bytes(content)
    aside.rename(house.inbox / "archive" / name)


def test_a_zip_made_by_python_is_deposited(house: House) -> None:
    place(house, "python.zip", bag_zip(PAYLOAD))
    check_deposit(house, "python.zip", PAYLOAD)


@pytest.mark.parametrize("how", ["to a file", "to a pipe"])
def test_a_zip_made_by_zip_r_is_deposited(house: House, tmp_path: Path, how: str) -> None:
    if shutil.which("zip") is None:
        pytest.skip("the program zip is not installed")
    bag = tmp_path / "mybag"
    for name, content in bag_tree(PAYLOAD).items():
        (bag / name).parent.mkdir(parents=True, exist_ok=True)
        (bag / name).write_bytes(content)
    name = f"{how.replace(' ', '-')}.zip"
    made = tmp_path / name
    if how == "to a file":
        subprocess.run(["zip", "-qr", made, "mybag"], cwd=tmp_path, check=True)
    else:
        command = ["sh", "-c", f"zip -qr - mybag | cat >{name}"]
        subprocess.run(command, cwd=tmp_path, check=True)
    place(house, name, made.read_bytes())
    check_deposit(house, name, PAYLOAD)


class Pipe(io.RawIOBase):
    """Takes bytes and cannot go back, so that sizes are written behind the data."""

    def __init__(self) -> None:
        self.content = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, block: bytes) -> int:  # type: ignore[override]
        self.content += block
        return len(block)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_streamed_zip_is_deposited(house: House, method: int) -> None:
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", method) as archive:
        for name, content in bag_tree(PAYLOAD).items():
            archive.writestr(f"bag/{name}", content)
    with zipfile.ZipFile(io.BytesIO(pipe.content)) as archive:
        assert all(entry.flag_bits & 0x08 for entry in archive.infolist())
    place(house, f"streamed{method}.zip", bytes(pipe.content))
    check_deposit(house, f"streamed{method}.zip", PAYLOAD)


def test_a_zip_made_on_a_mac_is_deposited(house: House) -> None:
    junk = {
        "__MACOSX/._bag": b"\0\5\x16\7",
        "__MACOSX/bag/._bagit.txt": b"\0\5\x16\7",
        ".DS_Store": b"\0\0\0\1Bud1",
    }
    place(house, "mac.zip", zip_bytes(bag_tree(PAYLOAD), extra=junk))
    check_deposit(house, "mac.zip", PAYLOAD)


def test_a_zip_made_by_windows_with_its_old_names_is_deposited(house: House) -> None:
    buffer = io.BytesIO()
    # the standard library writes UTF-8 with its flag; Windows wrote code page 437 without one
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, body in bag_tree(WIDE).items():
            ascii_name = name.replace("\u00fc", "1").replace("\u00f6", "2").replace("\u00df", "3")
            entry = zipfile.ZipInfo(f"bag/{ascii_name}")
            entry.create_system = 0
            archive.writestr(entry, body)
    content = buffer.getvalue()
    content = content.replace(b"M1ller", "M\u00fcller".encode("cp437"))
    content = content.replace(b"Gr23e.txt", "Gr\u00f6\u00dfe.txt".encode("cp437"))
    place(house, "windows.zip", content)
    check_deposit(house, "windows.zip", WIDE)

"""What staging takes at most, whatever the zip holds: weighed in a process of its own."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.bags import bag_tree, zip_bytes
from tests.hostile_zips import DEFLATED, Part, bag_parts, build, part

MAX_MEGABYTES = 200
_STAGE = """
import sys
from pathlib import Path
from presqt_daemon.config import StagingConfig
from presqt_daemon.errors import UserFault
from presqt_daemon.messages import Go
from presqt_daemon.staging.stage import StageJob, stage
job = StageJob(folder=Path(sys.argv[1]), zip_name="drop.zip", config=StagingConfig(),
               payload_mode=0o600, boot_id="boot")
try:
    stage(job, lambda _: ("md5",), lambda _: None)
    print("valid")
except UserFault as fault:
    print(fault.code, *{entry.code for entry in fault.findings})
status = Path("/proc/self/status").read_text(encoding="ascii")
print(int(status.split("VmHWM:")[1].split()[0]) // 1024)
"""


def _with_manifest(line: str) -> bytes:
    manifest = (f"{'0' * 64}  data/{line}\n").encode()
    return build([*bag_parts(), part("bag/manifest-sha256.txt", manifest, method=DEFLATED)])


def _manifest(number: int) -> Part:
    lines = "".join(f"{number:x} data/{number}-{n}\n" for n in range(99_000))
    return part(f"bag/manifest-x{number}.txt", lines.encode(), method=DEFLATED)


def _square(count: int) -> bytes:
    more = [
        part(f"bag/{kind}manifest-x{number}.txt") for kind in ("", "tag") for number in range(count)
    ]
    return build([*bag_parts(), *more])


def _folders(count: int, files: int) -> list[Part]:
    return [part(f"bag/data/{n}/" + "a/" * count + "f") for n in range(files)]


def _labels() -> bytes:
    info = "".join(f"a{number}:b\n \n" for number in range(45_000)) + "c: \U0001f600\n"
    return build([*bag_parts(), part("bag/bag-info.txt", info.encode(), method=DEFLATED)])


BOMBS: Mapping[str, tuple[str, Callable[[], bytes]]] = {
    "a path of 20 million parts": (
        "tag-file-line-too-long",
        lambda: _with_manifest("aa/" * (20 << 20) + "z"),
    ),
    "one wide letter in 60 MB": (
        "tag-file-line-too-long",
        lambda: _with_manifest("\U0001f600" + "x" * (60 << 20)),
    ),
    "a wide letter in each line of 60 MB": (
        "too-many-unknown-names",
        lambda: _with_manifest(
            "\n".join(f"{'0' * 64}  data/{n}\U0001f600{'x' * 400}" for n in range(120_000))
        ),
    ),
    "60 manifests of absent files": (
        "too-many-manifests",
        lambda: build([*bag_parts(), *map(_manifest, range(60))]),
    ),
    "3,000 manifests of each kind": ("too-many-manifests", lambda: _square(3000)),
    "deep folders that no entry names": (
        "too-many-folders",
        lambda: build([*bag_parts(), *_folders(58, 50_000)]),
    ),
    "long names": (
        "names-too-long",
        lambda: build(
            [
                *bag_parts(),
                *(
                    part(f"bag/data/{'y' * 200}/{'y' * 200}/{n:06}" + "z" * 180)
                    for n in range(90_000)
                ),
            ],
            zip64_end=True,
        ),
    ),
    "an odd name with its own field in each entry": (
        "names-too-long",
        lambda: build(
            [
                *bag_parts(),
                *(
                    part(f"bag/data/{n}".encode() + b"\xff", extra=b"\x99\x99\0\x0f" + bytes(0xF00))
                    for n in range(20_000)
                ),
            ]
        ),
    ),
}


def _weigh(content: bytes, folder: Path) -> tuple[str, int]:
    (folder / "drop.zip").write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", _STAGE, folder], check=True, stdout=subprocess.PIPE, timeout=60
    )
    verdict, megabytes = done.stdout.decode().splitlines()
    return verdict, int(megabytes)


@pytest.mark.parametrize("name", BOMBS)
def test_no_zip_makes_staging_take_much_memory(name: str, tmp_path: Path) -> None:
    finding, make = BOMBS[name]
    verdict, megabytes = _weigh(make(), tmp_path)
    assert finding in verdict.split()
    assert megabytes < MAX_MEGABYTES


def test_bag_info_of_many_labels_takes_little(tmp_path: Path) -> None:
    _verdict, megabytes = _weigh(_labels(), tmp_path)
    assert megabytes < MAX_MEGABYTES


LARGEST: Mapping[str, Callable[[], bytes]] = {
    "99,990 files by four algorithms": lambda: zip_bytes(
        bag_tree(
            {f"P/{n // 1000:03}/some-file-{n:06}.txt": b"%d" % n for n in range(99_990)},
            algorithms=("md5", "sha1", "sha256", "sha512"),
        )
    ),
    "99,990 files with long names": lambda: zip_bytes(
        bag_tree({f"P/{n // 1000:03}/{'x' * 110}-{n:06}.txt": b"%d" % n for n in range(99_990)})
    ),
    "99,000 folders": lambda: build(bag_parts({f"{n}/{'a/' * 57}f": b"" for n in range(1700)})),
}


@pytest.mark.full
@pytest.mark.parametrize("name", LARGEST)
def test_the_largest_bags_that_are_taken_fit_too(name: str, tmp_path: Path) -> None:
    verdict, megabytes = _weigh(LARGEST[name](), tmp_path)
    assert verdict == "valid"
    assert megabytes < MAX_MEGABYTES

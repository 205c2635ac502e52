"""Zips by programs that really run: a bag with awkward names comes out byte for byte."""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from presqt_daemon.staging.library import make_bag
from tests.bags import bag_tree
from tests.staging.test_stage import Desk

PAYLOAD: Mapping[str, bytes] = {
    "Projet \u00e9t\u00e9/\u00c5ngstr\u00f6m.txt": b"accents\n",
    "Projet \u00e9t\u00e9/e\u0301 decomposed.txt": b"nfd\n",
    "\u6f22\u5b57/\u304b\u306a \ud55c\uae00.txt": b"cjk\n" * 1000,
    "\U0001f4e6/\U0001f469\u200d\U0001f52c.bin": bytes(range(256)) * 300,
    "50% off/100%25 %41 %0A.txt": b"percent\n",
    ".hidden/.keep": b"",
    "empty": b"",
    "blanks  inside/ before and behind .txt": b"blanks\n",
    "x" * 251 + ".txt": b"long\n",
    "\u00e9" * 127: b"long, wide\n",
    "/".join(["deep folder of some length"] * 12) + "/x": b"deep\n",
}
UTF_8 = {**os.environ, "LC_ALL": "C.UTF-8"}


def write_tree(folder: Path, tree: Mapping[str, bytes]) -> None:
    for name, content in tree.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with `bag/` in it."""
    place = tmp_path / "place"
    write_tree(place / "bag", bag_tree(PAYLOAD))
    return place


def check_bytes(made: Path, tmp_path: Path, payload: Mapping[str, bytes] = PAYLOAD) -> set[str]:
    """What is unpacked is the payload, and so are its digests; codes of warnings."""
    desk = Desk(tmp_path, made.read_bytes())
    bag = desk.stage()
    data = desk.folder / bag.folder / "data"
    files = {
        str(path.relative_to(data)): path.read_bytes() for path in data.rglob("*") if path.is_file()
    }
    assert files == payload
    assert {path: row["md5"] for path, row in desk.digests().items()} == {
        path: hashlib.md5(content).hexdigest() for path, content in payload.items()
    }
    return {warning.code for warning in bag.warnings} - {"name-windows"}


def program(*names: str) -> str:
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip(f"the program {names[0]} is not installed")
    return found


SHELL: Mapping[str, tuple[tuple[str, ...], str, set[str]]] = {
    "Info-ZIP": (("zip",), "{0} -qr ../out.zip bag", set()),
    "Info-ZIP to a pipe": (("zip",), "{0} -qr - bag | cat >../out.zip", set()),
    "7-Zip": (("7zz", "7z"), "{0} a -tzip -bd -y ../out.zip bag >/dev/null", set()),
    "bsdtar -acf": (("bsdtar",), "{0} -acf ../out.zip bag", set()),
    "bsdtar to a pipe": (
        ("bsdtar",),
        "{0} --format zip -cf - bag | cat >../out.zip",
        {"zip-normalised"},
    ),
    "bsdtar ./bag": (("bsdtar",), "{0} -acf ../out.zip ./bag", {"zip-normalised"}),
    "bsdtar of the bag itself": (
        ("bsdtar",),
        "cd bag && {0} -acf ../../out.zip .",
        {"zip-normalised"},
    ),
    "jar without its manifest": (("jar",), "{0} cMf ../out.zip bag", set()),
    "Python's zipfile": (
        (sys.executable,),
        "{0} -m zipfile -c ../out.zip bag",
        set(),
    ),
}


@pytest.mark.parametrize("maker", SHELL)
def test_a_zip_by_a_program_comes_out_byte_for_byte(
    maker: str, place: Path, tmp_path: Path
) -> None:
    names, command, expected = SHELL[maker]
    subprocess.run(
        command.format(program(*names)), shell=True, cwd=place, env=UTF_8, check=True, timeout=120
    )
    assert check_bytes(tmp_path / "out.zip", tmp_path) == expected


def test_a_bag_by_bagit_python_comes_out_byte_for_byte(tmp_path: Path) -> None:
    write_tree(tmp_path / "bag", PAYLOAD)
    make_bag(tmp_path / "bag", {}, ("sha256", "md5"))
    shutil.make_archive(str(tmp_path / "out"), "zip", tmp_path, "bag")
    assert check_bytes(tmp_path / "out.zip", tmp_path) == set()


def test_a_bag_by_bdbag_comes_out_byte_for_byte(tmp_path: Path) -> None:
    if importlib.util.find_spec("bdbag") is None:
        pytest.skip("the package bdbag is not installed")
    # bdbag checks its own bag by bagit, which reads a literal %0A below 1.0 as a line feed
    payload = {name: content for name, content in PAYLOAD.items() if "%0A" not in name}
    payload["50% off/100%25 %41.txt"] = b"percent\n"
    write_tree(tmp_path / "bag", payload)
    subprocess.run(
        [sys.executable, "-m", "bdbag.bdbag_cli", "--quiet", "--archiver", "zip", tmp_path / "bag"],
        env={**UTF_8, "HOME": str(tmp_path)},
        check=True,
        timeout=120,
    )
    assert check_bytes(tmp_path / "bag.zip", tmp_path, payload) == set()


SCRIPTS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "PHP's ZipArchive": (
        ("php", "-r"),
        """
        $zip = new ZipArchive(); $zip->open('../out.zip', ZipArchive::CREATE);
        $all = new RecursiveIteratorIterator(
            new RecursiveDirectoryIterator('bag', FilesystemIterator::SKIP_DOTS));
        foreach ($all as $file) { $zip->addFile($file->getPathname(), $file->getPathname()); }
        if (!$zip->close()) { exit(1); }
        """,
    ),
    "Ruby's rubyzip": (
        ("ruby", "-e"),
        """
        begin; require 'zip'; rescue LoadError; exit 77; end
        Zip.unicode_names = true
        Zip::File.open('../out.zip', Zip::File::CREATE) do |zip|
          Dir.glob('bag/**/*', File::FNM_DOTMATCH).each do |path|
            zip.add(path, path) if File.file?(path)
          end
        end
        """,
    ),
    "Perl's Archive::Zip": (
        ("perl", "-e"),
        """
        eval { require Archive::Zip; 1 } or exit 77;
        my $zip = Archive::Zip->new(); $zip->addTree('bag', 'bag');
        exit($zip->writeToFileNamed('../out.zip') == 0 ? 0 : 1);
        """,
    ),
}


@pytest.mark.full
@pytest.mark.parametrize("maker", SCRIPTS)
def test_a_zip_by_a_script_language_comes_out_byte_for_byte(
    maker: str, place: Path, tmp_path: Path
) -> None:
    (name, flag), script = SCRIPTS[maker]
    command = [program(name), flag, script]
    done = subprocess.run(command, cwd=place, env=UTF_8, timeout=120, check=False)
    if done.returncode == 77:
        pytest.skip(f"{maker} is not installed")
    assert done.returncode == 0
    check_bytes(tmp_path / "out.zip", tmp_path)


_WALK = """
const fs = require('fs'), path = require('path');
const walk = at => fs.readdirSync(at, {withFileTypes: true}).flatMap(
  entry => entry.isDirectory() ? walk(at + '/' + entry.name) : [at + '/' + entry.name]);
const files = walk('bag'), out = '../out.zip';
"""
NODE: Mapping[str, str] = {
    "archiver@7": """
      const zip = require('archiver')('zip');
      zip.pipe(fs.createWriteStream(out)); zip.directory('bag', 'bag'); zip.finalize();
    """,
    "yazl@3": """
      const zip = new (require('yazl').ZipFile)();
      zip.outputStream.pipe(fs.createWriteStream(out));
      for (const file of files) zip.addFile(file, file);
      zip.end();
    """,
    "jszip@3": """
      const zip = new (require('jszip'))();
      for (const file of files) zip.file(file, fs.readFileSync(file));
      zip.generateAsync({type: 'nodebuffer'}).then(made => fs.writeFileSync(out, made));
    """,
    "adm-zip@0.5": """
      const zip = new (require('adm-zip'))();
      zip.addLocalFolder('bag', 'bag'); zip.writeZip(out);
    """,
    "fflate@0.8": """
      const made = require('fflate').zipSync(
        Object.fromEntries(files.map(file => [file, new Uint8Array(fs.readFileSync(file))])));
      fs.writeFileSync(out, made);
    """,
}


@pytest.fixture(scope="module")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("node")
    command = [program("npm"), "install", "--silent", "--no-audit", "--no-fund", *NODE]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=240, check=False
    )
    if done.returncode:
        pytest.skip(f"npm cannot install the packages: {done.stderr.strip()[-200:]}")
    return folder / "node_modules"


@pytest.mark.full
@pytest.mark.parametrize("maker", NODE)
def test_a_zip_by_a_package_of_npm_comes_out_byte_for_byte(
    maker: str, node_modules: Path, place: Path, tmp_path: Path
) -> None:
    command = [program("node"), "-e", _WALK + NODE[maker]]
    env = {**UTF_8, "NODE_PATH": str(node_modules)}
    subprocess.run(command, cwd=place, env=env, check=True, timeout=120)
    check_bytes(tmp_path / "out.zip", tmp_path)

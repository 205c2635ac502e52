"""Answers of the real GitHub that public clients have recorded for tests of their own.

They lie in the source archives of PyGithub (`tests/ReplayData`, blocks of lines) and github3.py
(`tests/cassettes`, JSON of betamax), fetched when a test wants them.
"""

import ast
import base64
import gzip
import json
import re
import subprocess
import sys
import tarfile
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SECONDS = 300
_BLOCK = re.compile(
    r"^https\n(?P<method>[A-Z]+)\napi\.github\.com\nNone\n(?P<path>\S+)\n.*\n.*\n"
    r"(?P<status>[0-9]{3})\n(?P<headers>\[.*\])\n(?P<body>.*)\n",
    re.MULTILINE,
)


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """One request and what GitHub answered; `path` is without the query."""

    method: str
    path: str
    status: int
    body: bytes


def fetch(name: str, folder: Path) -> Path:
    """The source archive of a client. Raises OSError with the reason where there is none."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary"]
    try:
        done = subprocess.run(
            [*command, ":all:", "--dest", str(folder), name],
            capture_output=True, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise OSError(f"{name} did not come within {SECONDS} s") from None
    found = sorted(folder.glob("*.tar.gz"))
    if done.returncode or not found:
        raise OSError(f"{name}: {(done.stderr.strip().splitlines() or ['nothing came'])[-1]}")
    return found[0]


def recorded_in(archive: Path) -> Iterator[Recorded]:
    """Every answer of api.github.com in a source archive."""
    with tarfile.open(archive) as files:
        for member in files:
            content = files.extractfile(member) if member.isfile() else None
            if content is None:
                continue
            if "/ReplayData/" in member.name and member.name.endswith(".txt"):
                yield from _blocks(content.read().decode("utf-8", errors="replace"))
            elif "/cassettes/" in member.name and member.name.endswith(".json"):
                yield from _interactions(content.read())


def _blocks(text: str) -> Iterator[Recorded]:
    for found in _BLOCK.finditer(text):
        ast.literal_eval(found["headers"])
        yield Recorded(
            method=found["method"],
            path=found["path"].partition("?")[0],
            status=int(found["status"]),
            body=found["body"].encode(),
        )


def _interactions(content: bytes) -> Iterator[Recorded]:
    for one in json.loads(content).get("http_interactions", ()):
        address = urllib.parse.urlsplit(one["request"]["uri"])
        if address.hostname != "api.github.com":
            continue
        said, status = one["response"]["body"], one["response"].get("status")
        # the oldest have a body as it is
        said = said if isinstance(said, dict) else {"string": str(said or "")}
        # some bodies are kept as they came, packed
        body = said.get("string", "").encode() if "string" in said else b""
        if "base64_string" in said:
            body = _unpacked(base64.b64decode(said["base64_string"]))
        yield Recorded(
            method=one["request"]["method"],
            path=address.path,
            status=int(status["code"] if status else one["response"]["status_code"]),
            body=body,
        )


def _unpacked(content: bytes) -> bytes:
    try:
        return gzip.decompress(content)
    except OSError:
        return content

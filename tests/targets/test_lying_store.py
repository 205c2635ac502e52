"""A store that keeps something else than it was sent, or says odd things of what it keeps.

None of it may end as a deposit whose fixity is good: the ticket says `failed_fixity` or
`unverified_fixity`, or fails by name.
"""

import base64
import hashlib
import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from presqt_daemon.config import UploadsConfig
from presqt_daemon.errors import PresqtError
from presqt_daemon.upload.calls.patience import MustWait
from tests.fakes.server import Content, Reply, Request
from tests.targets.odd_answers import EXTRA, KINDS, PAYLOAD, connect_quickly, holds_all, service
from tests.upload.tickets import Supervisor, job_for, staged

_HEX = re.compile(rb'"(md5:)?([0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})"')
_Lie = Callable[[bytes], bytes]


def half_of(request: Request) -> Request:
    """The request as if only half of each file's bytes had come."""
    content = request.content.kept or b""
    if request.method not in {"PUT", "POST"} or not content:
        return request
    if "/git/blobs" in request.path or request.path.endswith("/repository/commits"):
        tree = json.loads(content)
        for row in tree.get("actions", [tree]):
            if row.get("encoding") == "base64":
                kept = base64.b64decode(row["content"])
                row["content"] = base64.b64encode(kept[: len(kept) // 2]).decode()
        content = json.dumps(tree).encode()
    elif "/git/trees" in request.path:
        tree = json.loads(content)
        for row in tree.get("tree", ()):
            if "content" in row:
                row["content"] = row["content"][: len(row["content"]) // 2]
        content = json.dumps(tree).encode()
    elif request.headers.get("Content-Type") == "application/octet-stream":
        content = content[: len(content) // 2]
    return replace(request, content=Content.of(content))


def upper(content: bytes) -> bytes:
    return _HEX.sub(lambda found: b'"%s%s"' % (found[1] or b"", found[2].upper()), content)


def prefixed(content: bytes) -> bytes:
    return _HEX.sub(lambda found: b'"sha9:%s"' % found[2], content)


def of_another_algorithm(content: bytes) -> bytes:
    """Digests of as many digits, taken of something else in another way."""

    def other(found: re.Match[bytes]) -> bytes:
        digits = hashlib.sha3_512(found[2]).hexdigest()[: len(found[2])]
        return b'"%s%s"' % (found[1] or b"", digits.encode())

    return _HEX.sub(other, content)


def only_our_claim(content: bytes) -> bytes:
    """What the store has computed is left out; what we said of the file is repeated."""
    return re.sub(rb'"(computed_md5|checksum|sha256|md5)": ?"[^"]*"', rb'"\1": null', content)


_real_sleep = time.sleep


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: _real_sleep(min(seconds, 0.001)))


LIES: dict[str, _Lie] = {
    "upper": upper,
    "prefixed": prefixed,
    "of_another_algorithm": of_another_algorithm,
    "only_our_claim": only_our_claim,
    "true": lambda content: content,
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("stores_half", [True, False], ids=["half", "whole"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_lie_of_the_store_never_ends_as_a_good_fixity(
    kind: str, stores_half: bool, lie: str, tmp_path: Path
) -> None:
    if kind == "zenodo" and lie in {"only_our_claim", "prefixed"}:
        pytest.skip("a checksum that is not there yet is waited for, by the clock")
    with service(kind) as (fake, config, token):
        honest = fake.answer

        def answer(request: Request) -> Reply:
            reply = honest(half_of(request) if stores_half else request)
            if lie == "true" or not 200 <= reply.status < 300:
                return reply
            return Reply(
                status=reply.status, content=LIES[lie](reply.payload()), headers=reply.headers
            )

        fake.answer = answer  # type: ignore[method-assign]
        folder = staged(tmp_path, PAYLOAD, extra=(EXTRA[kind],))
        uploads = UploadsConfig(fts_metadata=False, retries=1)
        job = job_for(folder, config, token=token, uploads=uploads)
        result: Any = None
        try:
            result = Supervisor().send(job, connect=connect_quickly)
        except (PresqtError, MustWait):
            # failed, or waits, by a name of its own
            pass
        is_whole = holds_all(kind, fake)
        fake.bugs.clear()
    if result is None:
        return
    # what is there and has another digest is also told as a file of somebody else's
    is_good = not (result.failed_fixity or result.unverified_fixity or result.ignored_different)
    assert is_whole or not is_good
    if lie == "of_another_algorithm" and kind in {"osf", "zenodo", "figshare"}:
        assert not is_good
    if lie == "true" and not stores_half:
        assert is_good


def test_a_digest_in_upper_case_is_the_same_digest(tmp_path: Path) -> None:
    with service("osf") as (fake, config, token):
        honest = fake.answer

        def answer(request: Request) -> Reply:
            reply = honest(request)
            return Reply(status=reply.status, content=upper(reply.payload()), headers=reply.headers)

        fake.answer = answer  # type: ignore[method-assign]
        folder = staged(tmp_path, PAYLOAD, extra=("sha256",))
        result = Supervisor().send(job_for(folder, config, token=token))
    assert (result.failed_fixity, result.unverified_fixity) == ((), ())

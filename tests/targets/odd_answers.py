"""Services whose answers hold odd values in fields that are chosen by a seed."""

import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from presqt_daemon.config import TargetConfig, UploadsConfig
from presqt_daemon.errors import PayloadSpoilt, PresqtError
from presqt_daemon.model import UploadResult
from presqt_daemon.targets import base
from presqt_daemon.targets.base import Target
from presqt_daemon.targets.figshare.target import FigshareTarget
from presqt_daemon.upload.calls.patience import BrokenOff, MustWait
from tests.fakes import figshare, github, gitlab, osf, zenodo
from tests.fakes.server import FakeServer, Reply, Request
from tests.upload.tickets import Supervisor, digests_of, job_for, staged

KINDS = ("osf", "github", "gitlab", "zenodo", "figshare")
EXTRA = {
    "osf": "sha256", "github": "git-blob-sha1", "gitlab": "git-blob-sha1", "zenodo": "md5",
    "figshare": "md5",
}  # fmt: skip
PAYLOAD = {"Project/a.txt": b"alpha\n", "Project/sub/b.txt": b"beta\n", "Project/c d.txt": b"c"}
MOST_REQUESTS = 5000
"""An upload of three files makes about forty; whoever asks this often asks for ever."""

ALL_OVER = 10_000
"""From this seed on every value of one sort in an answer is odd, and in the same way."""

HALF = "\ud800"
GONE = object()
"""Not a value: the field is left out."""

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 7, 2**31, 2**63, 10**39, 0.5, -0.0, 1e308, "", " ", "x", "\0", HALF,
    "a\r\nX: y", "\u202egpj", "\U000e0041", "..", "/", "../../x", "a/b", "." * 3000, "9" * 3000,
    "NaN", "-1", "0", "1e999", "http://[::1", "http://127.0.0.1:99999/x", "http://127.0.0.1:1/",
    "file:///etc/passwd", "//", "https://", "?", "#", "%zz", "null", [], [None], [[]], [1], ["x"],
    GONE, GONE, [{}], {}, {"a": 1}, {"": None}, {"id": None}, {"data": []},
)  # fmt: skip
ADDRESSES = tuple(value for value in ODD if isinstance(value, str) and len(value) < 100)
WHOLE: tuple[bytes, ...] = (
    b"", b"null", b"[]", b"{}", b"3", b'"x"', b"[null]", b"[[]]", b"\xff\xfe{}", b"<html>ok</html>",
    b"[" * 100_000 + b"]" * 100_000, b'{"id":' + b"9" * 6000 + b"}", b'{"id": NaN}', b"{" * 99,
    b'{"data": {"id": 1e999}}', b"\xef\xbb\xbf{}", b'{"id": "\\ud800"}',
)  # fmt: skip
HEADERS: tuple[dict[str, str], ...] = (
    {"Retry-After": "1e300"}, {"Retry-After": "nan"}, {"Retry-After": "-5"}, {"Retry-After": "0"},
    {"Retry-After": "Fri, 31 Dec 99999 99:99:99 GMT"}, {"Retry-After": "9" * 400},
    {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9" * 30},
    {"Link": '<http://127.0.0.1:99999/>; rel="next"'}, {"Link": '<http://[::1>; rel="next"'},
    {"Link": '<?page=1>; rel="next"'}, {"Location": "http://[::1"}, {"Location": ""},
    {"Content-Type": "text/html"}, {"X-Gitlab-Size": "x"}, {"ETag": ""},
)  # fmt: skip
STATUSES = (200, 201, 202, 204, 206, 301, 302, 304, 400, 401, 403, 404, 409, 410, 412, 413, 418,
            422, 423, 429, 451, 500, 502, 503, 504, 507, 520, 599, 999)  # fmt: skip


@dataclass
class Outcome:
    """What came of an upload whose answers were odd; `told` says which."""

    told: list[str] = field(default_factory=list)
    result: UploadResult | None = None
    error: BaseException | None = None
    requests: int = 0
    seconds: float = 0.0
    is_stored: bool = False

    @property
    def fault(self) -> str | None:
        """What must never come of it, None where all is well."""
        named = (PresqtError, MustWait, PayloadSpoilt, BrokenOff)
        if self.error is not None and not isinstance(self.error, named):
            return f"an error without a name: {self.error!r}"
        if isinstance(self.error, PresqtError) and self.error.code == "internal-error":
            return "an internal error"
        if isinstance(self.error, MustWait) and not 0 <= (self.error.limited.seconds or 0) <= 3600:
            return f"a wait of {self.error.limited.seconds} s"
        if self.requests >= MOST_REQUESTS:
            return "it would ask for ever"
        result = self.result
        if result is not None and not _is_page(result.link):
            return f"a link that is none: {result.link!r}"
        if result is not None and not self.is_stored:
            told = result.failed_fixity or result.unverified_fixity or result.ignored_different
            return None if told else "a fixity that is told and not true"
        return None


def _is_page(link: object) -> bool:
    return link is None or (
        isinstance(link, str) and link.startswith(("http://", "https://")) and link.isprintable()
    )


def upload(kind: str, seed: int, place: Path) -> Outcome:
    """One upload to a service some of whose answers are odd, as the seed says."""
    outcome, chance = Outcome(), random.Random(seed)
    with service(kind) as (fake, config, token):
        honest = fake.answer
        first = chance.choice((1, 1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 30))
        last = first if chance.random() < 0.6 else first + chance.choice((1, 5, 10**9))
        how = chance.choice((_fields, _fields, _fields, _fields, _whole, _headers, _status))
        if seed >= ALL_OVER:
            how = _all_over
        recipe = chance.getrandbits(64)

        def answer(request: Request) -> Reply:
            with fake.lock:
                reply = honest(request)
                outcome.requests += 1
                if outcome.requests >= MOST_REQUESTS:
                    # nobody is asked any more; the limit is judged afterwards
                    return Reply(status=401)
                if not first <= outcome.requests <= last:
                    return reply
                told = random.Random(recipe + outcome.requests)
                odd, what = how(reply, told)
                outcome.told.append(f"{request.method} {request.target[:80]}: {what}")
                return odd

        fake.answer = answer  # type: ignore[method-assign]
        folder = staged(place, PAYLOAD, extra=(EXTRA[kind],))
        supervisor = Supervisor()
        job = job_for(
            folder, config, token=token, uploads=UploadsConfig(fts_metadata=True, retries=1)
        )
        began = time.monotonic()
        try:
            outcome.result = supervisor.send(job, connect=connect_quickly)
        except BaseException as error:  # noqa: BLE001  (whatever it is, it is judged)
            outcome.error = error
        outcome.seconds = time.monotonic() - began
        outcome.is_stored = holds_all(kind, fake)
        # what is odd may well have led the client to ask what no honest one asks
        fake.bugs.clear()
    return outcome


def _fields(reply: Reply, chance: random.Random) -> tuple[Reply, str]:
    """One field, or two, with odd values in them."""
    try:
        tree = json.loads(reply.payload())
    except ValueError:
        return _whole(reply, chance)
    spots = list(spots_of(tree))
    if not spots:
        return _whole(reply, chance)
    said = []
    for _ in range(chance.choice((1, 1, 2))):
        path = chance.choice(spots)
        value = chance.choice(ODD)
        tree = put_at(tree, path, value)
        shown = "gone" if value is GONE else f"= {value!r:.60}"
        said.append(f"{'.'.join(map(str, path))} {shown}")
    content = json.dumps(tree).encode()
    return Reply(status=reply.status, content=content, headers=reply.headers), "; ".join(said)


def _all_over(reply: Reply, chance: random.Random) -> tuple[Reply, str]:
    """Every address, text, number or leaf of an answer is the same odd value."""
    try:
        tree = json.loads(reply.payload())
    except ValueError:
        return _whole(reply, chance)
    sort = chance.choice(("address", "address", "text", "number", "leaf"))
    value = chance.choice(ADDRESSES if sort == "address" else ODD)
    for path in list(spots_of(tree)):
        if _is_of(sort, value_at(tree, path)):
            tree = put_at(tree, path, None if value is GONE else value)
    content = json.dumps(tree).encode()
    odd = Reply(status=reply.status, content=content, headers=reply.headers)
    return odd, f"every {sort} = {value!r:.60}"


def _is_of(sort: str, value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return {
        "address": isinstance(value, str) and "://" in value,
        "text": isinstance(value, str),
        "number": is_number,
        "leaf": not isinstance(value, dict | list),
    }[sort]


def value_at(tree: Any, path: tuple[Any, ...]) -> Any:
    """What stands at a place."""
    for key in path:
        tree = tree[key]
    return tree


def _whole(reply: Reply, chance: random.Random) -> tuple[Reply, str]:
    content = chance.choice(WHOLE)
    return Reply(status=reply.status, content=content, headers=reply.headers), f"{content[:30]!r}"


def _headers(reply: Reply, chance: random.Random) -> tuple[Reply, str]:
    headers = chance.choice(HEADERS)
    status = chance.choice((reply.status, 429, 503, 302))
    content = reply.payload()
    return (
        Reply(status=status, content=content, headers={**reply.headers, **headers}),
        f"{status} {str(headers)[:80]}",
    )


def _status(reply: Reply, chance: random.Random) -> tuple[Reply, str]:
    status = chance.choice(STATUSES)
    content = chance.choice((reply.payload(), b"", b"{}", b'{"message": ["x"], "errors": 5}'))
    return Reply(status=status, content=content, headers=reply.headers), str(status)


def spots_of(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The place of every value, those of lists and objects too."""
    if isinstance(tree, dict | list):
        pairs = tree.items() if isinstance(tree, dict) else enumerate(tree)
        for key, value in pairs:
            yield (*path, key)
            yield from spots_of(value, (*path, key))


def put_at(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The tree with another value at a place; as it was where the place is there no more."""
    if not path:
        return value
    key, *rest = path
    if not rest and value is GONE:
        return _without(tree, key)
    if isinstance(tree, dict) and key in tree:
        return {**tree, key: put_at(tree[key], tuple(rest), value)}
    if isinstance(tree, list) and isinstance(key, int) and key < len(tree):
        return [*tree[:key], put_at(tree[key], tuple(rest), value), *tree[key + 1 :]]
    return tree


def _without(tree: Any, key: Any) -> Any:
    if isinstance(tree, dict):
        return {name: item for name, item in tree.items() if name != key}
    return [*tree[:key], *tree[key + 1 :]] if isinstance(tree, list) else tree


def connect_quickly(config: TargetConfig, token: str | None) -> Target:
    """A connection that does not wait between its questions."""
    if config.type == "figshare":
        return FigshareTarget(config, token or "", sleep=lambda _seconds: None)
    return base.connect(config, token)


@contextmanager
def service(kind: str) -> Iterator[tuple[FakeServer, TargetConfig, str]]:
    fake: Any
    fake, token = {
        "osf": (osf.OsfFake, osf.TOKEN),
        "github": (github.GitHubFake, github.TOKEN),
        "gitlab": (gitlab.GitLabFake, gitlab.TOKEN),
        "zenodo": (zenodo.FakeZenodo, zenodo.TOKEN),
        "figshare": (figshare.FigshareFake, figshare.TOKEN),
    }[kind]
    with fake() as server:
        url = server.api if kind in {"osf", "figshare"} else server.url
        yield server, TargetConfig(name="here", type=kind, url=url), token


def holds_all(kind: str, fake: Any) -> bool:
    """Whether the service has stored every payload file somewhere, byte for byte."""
    if kind == "zenodo":
        # the whole bag is one zip there
        return any(
            file.content is not None and all(part in file.content for part in PAYLOAD.values())
            for draft in fake.drafts.values()
            for file in draft.files.values()
        )
    if kind == "osf":
        held = [entity.content for entity in fake.entities.values()]
    elif kind == "figshare":
        held = [file.content for file in fake.files.values()]
    else:
        rows = fake.repositories if kind == "github" else fake.projects
        stored = {content for row in rows.values() for content in fake.contents(row).values()}
        return set(PAYLOAD.values()) <= stored
    digests = {content.digests["md5"] for content in held if content is not None}
    return all(digests_of(part, ["md5"])["md5"] in digests for part in PAYLOAD.values())


def in_time(kind: str, seed: int, place: Path, seconds: float) -> Outcome | None:
    """The same, None where it has not come to an end in that time."""
    ended: list[Outcome] = []
    thread = threading.Thread(target=lambda: ended.append(upload(kind, seed, place)), daemon=True)
    thread.start()
    thread.join(seconds)
    return ended[0] if ended else None

"""Every request and answer of a session held against the contract document of its API.

The documents lie beside the repository (`../shared/contracts`) and are data, not part of it: where
they, or openapi-core, are missing, calls are only counted. Use it so, around whatever talks HTTP
through `requests` in this process, our adapters and independent clients alike:

    with Contract("github-upload.json", fake.url, undescribed=(r"GET /repositories/",)) as contract:
        ...
    assert contract.checked or contract.skipped

Leaving the block raises ContractBroken with every call that broke it.
"""

import copy
import functools
import importlib.util
import json
import re
import threading
from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self
from unittest import mock

import requests
from requests.adapters import HTTPAdapter

from presqt_daemon.targets.web.wire import BodyAdapter

DOCUMENTS = Path(__file__).resolve().parents[2].parent / "shared" / "contracts"
TOTALS: Counter[tuple[str, str]] = Counter()
"""(document, "checked" | "skipped" | "undescribed") -> calls, in this process so far."""

LARGEST_BODY = 2 << 20
"""Longer request bodies are not read again; only their address and the answer are checked."""

_SERVER = "http://contract.invalid"
"""The server that requests are held against, whichever the fake's address is."""

_LOCK = threading.Lock()


def told(totals: Mapping[tuple[str, str], int]) -> str | None:
    """One line on what was checked, None when no call was seen."""
    made, skipped, beyond = (
        sum(count for (_document, kind), count in totals.items() if kind == what)
        for what in ("checked", "skipped", "undescribed")
    )
    if not made + skipped + beyond:
        return None
    return f"contract checks: {made} made, {skipped} skipped; {beyond} calls are in no document"


class ContractBroken(AssertionError):
    """Calls that the document does not allow."""


class Contract:
    """A wire tap for one address; `checked`, `skipped` and `undescribed` count calls.

    `url` is the fake's address as the document's server stands for it. `undescribed` are patterns
    of `METHOD /path?query` that the API has but the document leaves out. Answers with a status of
    `unchecked` (scripted faults) are not held against the document, nor those that fit a pattern of
    `METHOD /path?query -> status` in `unlike` or, in any JSON, what stands under a key of `without`
    (where the document is known to be wrong).
    """

    def __init__(
        self,
        document: str,
        url: str,
        *,
        undescribed: Collection[str] = (),
        unchecked: Collection[int] = (429, *range(500, 600)),
        unlike: Collection[str] = (),
        without: Collection[str] = (),
    ) -> None:
        self.document = document
        self.url = url.rstrip("/")
        self.checked = self.skipped = self.undescribed = 0
        self.broken: list[str] = []
        self._patterns = [re.compile(pattern) for pattern in undescribed]
        self._unchecked = frozenset(unchecked)
        self._unlike = [re.compile(pattern) for pattern in unlike]
        self._without = frozenset(without)
        self._judge = _judge_for(document)
        self._stack = ExitStack()

    @property
    def is_there(self) -> bool:
        """Whether calls are really checked here."""
        return self._judge is not None

    def __enter__(self) -> Self:
        self._listen_to(HTTPAdapter, "send")
        self._listen_to(BodyAdapter, "send_body")
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._stack.close()
        if self.broken and kind is None:
            raise ContractBroken("\n\n".join(self.broken))

    def _listen_to(self, kind: type[HTTPAdapter], name: str) -> None:
        contract, before = self, getattr(kind, name)

        def send(adapter: HTTPAdapter, request: Any, **options: Any) -> requests.Response:
            answer: requests.Response = before(adapter, request, **options)
            if str(request.url).startswith(contract.url):
                contract.hear(request, answer)
            return answer

        self._stack.enter_context(mock.patch.object(kind, name, send))

    def hear(self, request: requests.PreparedRequest, answer: requests.Response) -> None:
        """Check one finished call; reads the whole answer, which stays readable."""
        answer.content  # noqa: B018  (read now, kept for the caller)
        path = str(request.url)[len(self.url) :]
        with _LOCK:
            if any(found.match(f"{request.method} {path}") for found in self._patterns):
                self._count("undescribed")
            elif self._judge is None:
                self._count("skipped")
            else:
                self._count("checked")
                self._check(request, answer)

    def _check(self, request: requests.PreparedRequest, answer: requests.Response) -> None:
        where = f"{self.document}: {request.method} {request.url} -> {answer.status_code}"
        whole = _with_bytes(self._at_server(request))
        if whole is not None and (said := self._judge.request(whole)) is not None:
            self.broken.append(f"{where}\nrequest: {said}\n{str(whole.body)[:500]}")
        if self._is_judged(request, answer):
            seen = _stripped(answer, self._without) if self._without else answer
            said = self._judge.answer(whole or _without_body(self._at_server(request)), seen)
            if said is not None:
                self.broken.append(f"{where}\nanswer: {said}\n{answer.text[:500]}")

    def _is_judged(self, request: requests.PreparedRequest, answer: requests.Response) -> bool:
        call = f"{request.method} {str(request.url)[len(self.url) :]} -> {answer.status_code}"
        is_unlike = any(found.fullmatch(call) for found in self._unlike)
        return answer.status_code not in self._unchecked and not is_unlike

    def _at_server(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        moved = request.copy()
        moved.url = _SERVER + str(request.url)[len(self.url) :]
        return moved

    def _count(self, what: str) -> None:
        setattr(self, what, getattr(self, what) + 1)
        TOTALS[self.document, what] += 1


class _Judge:
    """openapi-core's opinion; None where it has nothing against a call."""

    def __init__(self, tree: dict[str, Any]) -> None:
        from openapi_core import Config, OpenAPI  # noqa: PLC0415  (not installed everywhere)

        # the official documents have lint errors of their own
        config = Config(spec_validator_cls=None)  # type: ignore[arg-type,unused-ignore]
        self._document = OpenAPI.from_dict(tree, config=config)

    def request(self, request: requests.PreparedRequest) -> str | None:
        from openapi_core.contrib.requests import RequestsOpenAPIRequest  # noqa: PLC0415

        return _said(lambda: self._document.validate_request(RequestsOpenAPIRequest(request)))

    def answer(self, request: requests.PreparedRequest, answer: requests.Response) -> str | None:
        from openapi_core.contrib.requests import (  # noqa: PLC0415
            RequestsOpenAPIRequest,
            RequestsOpenAPIResponse,
        )

        return _said(
            lambda: self._document.validate_response(
                RequestsOpenAPIRequest(request), RequestsOpenAPIResponse(answer)
            )
        )


@functools.cache
def _judge_for(document: str) -> Any:
    """The judge, None where the document or openapi-core is missing."""
    path = DOCUMENTS / document
    if not path.exists() or importlib.util.find_spec("openapi_core") is None:
        return None
    tree = json.loads(path.read_bytes())
    tree["servers"] = [{"url": _SERVER}]
    # one fake plays all hosts of an API, such as uploads.github.com
    for methods in tree["paths"].values():
        for operation in (methods, *(part for part in methods.values() if isinstance(part, dict))):
            operation.pop("servers", None)
    return _Judge(tree)


def _said(check: Any) -> str | None:
    """The error with all its causes, None when there is none."""
    from openapi_core.exceptions import OpenAPIError  # noqa: PLC0415

    try:
        check()
    except OpenAPIError as error:
        lines: list[str] = []
        cause: BaseException | None = error
        while cause is not None:
            details = getattr(cause, "schema_errors", None) or ()
            lines.append(f"{type(cause).__name__}: {str(cause)[:300]}")
            lines += [f"  {list(item.absolute_path)}: {item.message[:300]}" for item in details]
            cause = cause.__cause__
        return "\n".join(lines)
    return None


def _stripped(answer: requests.Response, keys: Collection[str]) -> requests.Response:
    """The answer without these keys, at any depth; as it is where it holds no JSON."""
    try:
        tree = json.loads(answer.content, object_pairs_hook=lambda pairs: _pruned(pairs, keys))
    except ValueError:
        return answer
    seen = copy.copy(answer)
    seen._content = json.dumps(tree).encode()
    return seen


def _pruned(pairs: list[tuple[str, Any]], keys: Collection[str]) -> dict[str, Any]:
    return {key: value for key, value in pairs if key not in keys}


def _with_bytes(request: requests.PreparedRequest) -> requests.PreparedRequest | None:
    """The request with its body in memory, None for one too long for that."""
    body: Any = request.body
    if body is None or isinstance(body, str | bytes):
        return request
    if len(body) > LARGEST_BODY:
        return None
    body.seek(0)
    whole = request.copy()
    whole.body = body.read()
    return whole


def _without_body(request: requests.PreparedRequest) -> requests.PreparedRequest:
    bare = request.copy()
    bare.body = None
    return bare

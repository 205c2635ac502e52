"""One HTTP session: time-outs, errors by name, streamed bodies, no secret in any text.

It reports limits and decides nothing: retries and waits are the upload room's business.
"""

import io
import json
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import requests
import urllib3.exceptions
from requests.structures import CaseInsensitiveDict

from presqt_daemon import __version__
from presqt_daemon.errors import PayloadSpoilt, PresqtError, TargetFault
from presqt_daemon.targets.base import Body, Sending
from presqt_daemon.targets.web.addresses import Origin, is_same_host, joined, origin_of
from presqt_daemon.targets.web.answers import (
    Answer,
    fault_from_answer,
    message_in,
    words_of,
)
from presqt_daemon.targets.web.in_between import fault_from_page, is_page_in_between, page_title
from presqt_daemon.targets.web.no_answer import is_unsent, reason_in_words
from presqt_daemon.targets.web.wire import (
    BLOCK_BYTES,
    Blocks,
    HttpRequest,
    open_session,
    send_request,
    surroundings_of,
)

READ_SECONDS = 120.0
MAX_ANSWER_BYTES = 64 << 20
MAX_REDIRECTS = 5
TOLD_SECONDS = 2.0
"""A wait of less needs no word."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SAFE = frozenset({"GET", "HEAD"})
_GONE = frozenset({404, 410})


@dataclass(eq=False)
class Http:
    """A session with one target; used by several threads at once.

    `credentials` are headers that go only to the hosts of `own_urls`. `said` finds the target's
    words in the JSON of a refusal. `waits_everywhere`: the target sends `Retry-After` with any
    answer, good ones too. `turn` is called before each request that `counts` by its method and
    address, `before_each` before every one.
    """

    target: str
    _: KW_ONLY
    own_urls: Collection[str]
    credentials: Mapping[str, str]
    headers: Mapping[str, str] = field(default_factory=dict)
    counts: Callable[[str, str], bool] = lambda _method, _url: True
    said: Callable[[Any], str | None] = message_in
    waits_everywhere: bool = False
    heard: Callable[[], None] = lambda: None
    turn: Callable[[], None] = lambda: None
    before_each: Callable[[], None] = lambda: None
    waits_for: Callable[[str, float], None] = lambda _what, _seconds: None
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        self._own = {origin_of(url, self.target) for url in self.own_urls}
        self._is_encrypted = all(scheme == "https" for scheme, _host, _port in self._own)
        self._hidden = {text.split()[-1] for text in self.credentials.values() if text.split()}
        self._headers = {
            "User-Agent": f"presqt-daemon/{__version__}",
            "Accept": "application/json",
            **self.headers,
        }
        self._environment: dict[Origin, Mapping[str, Any]] = {}
        self._session = open_session()

    def ask(
        self,
        method: str,
        url: str,
        *,
        doing: str,
        tree: Any = None,
        body: Body | None = None,
        content: bytes | None = None,
        size: int = 0,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        expect: Collection[int] = (200,),
        read_seconds: float = READ_SECONDS,
        takes_pages: bool = False,
    ) -> Answer:
        """The answer, when its status is among `expect`; `doing` is for the error's sentence.

        A web page is no answer, unless `takes_pages`: where it is asked whether the server has such
        an address at all.

        One of `tree` (sent as JSON), `content` (bytes) and `body` with its `size` may be given.
        `read_seconds` holds for each block of the body, and then for the whole answer. Raises a
        named error for any other status, and TargetFault `target-unavailable` with
        `outcome_unknown` when no whole answer came.
        """
        sent = {**self._headers, **(headers or {})}
        if tree is not None:
            content = json.dumps(tree, ensure_ascii=False).encode("utf-8", "replace")
            sent.setdefault("Content-Type", "application/json")
        elif body is not None:
            sent.setdefault("Content-Type", "application/octet-stream")
        if content is not None:
            body, size = io.BytesIO(content), len(content)
        data: Any = None
        if body is not None and size:
            data = Blocks(body, size, block_seconds=read_seconds)
        elif body is not None or method not in _SAFE:
            # requests sends an empty stream in chunks, which targets refuse
            data = b""
        request = HttpRequest(
            method=method, data=data, headers=sent, doing=doing, read_seconds=read_seconds
        )
        answer = self._follow(request, url, params)
        self.heard()
        if answer.status in expect and (takes_pages or not is_page_in_between(answer)):
            return answer
        raise self.fault(answer, method, doing)

    def send(
        self, url: str, file: Sending, doing: str, *, method: str = "PUT", **options: Any
    ) -> Answer:
        """The answer to a file's bytes, sent from their start."""
        with file.open() as body:
            return self.ask(method, url, doing=doing, body=body, size=file.size, **options)

    def find(
        self, url: str, doing: str, *, missing: Collection[int] = (404,), **options: Any
    ) -> Answer | None:
        """What is at an address, None for nothing, which is said by one of these statuses."""
        answer = self.ask("GET", url, doing=doing, expect=(200, *missing), **options)
        return answer if answer.status == 200 else None

    def delete(self, url: str, doing: str, *, may_refuse: bool = False) -> bool:
        """Whether it is gone, now or since before; with `may_refuse` False where that is forbidden.

        Each service says in another way that it has removed something.
        """
        expect = (200, 201, 202, 204, *_GONE, *((403,) if may_refuse else ()))
        return self.ask("DELETE", url, doing=doing, expect=expect).status != 403

    def wait(self, seconds: float, what: str) -> None:
        """Wait between two questions; told where it is a long wait."""
        if seconds >= TOLD_SECONDS:
            self.waits_for(what, seconds)
        self.sleep(seconds)
        if seconds >= TOLD_SECONDS:
            self.waits_for("", 0.0)

    def fault(self, answer: Answer, method: str, doing: str) -> PresqtError:
        """The error that an answer stands for, in the target's own words."""
        if is_page_in_between(answer):
            title = self._without_secrets(page_title(answer.content))
            return fault_from_page(answer, title, doing, is_safe=method in _SAFE)
        words = words_of(answer, self.said)
        return fault_from_answer(
            answer.status,
            answer.headers,
            self._without_secrets(words) if words else None,
            target=self.target,
            doing=doing,
            waits_everywhere=self.waits_everywhere,
        )

    def trust(self, url: str) -> None:
        """Send the credentials to this host too: the target's own API names it."""
        self._own.add(origin_of(url, self.target))

    def hide(self, secret: str) -> None:
        """Show this text in no error, even where the target repeats it."""
        if secret:
            self._hidden.add(secret)

    def close(self) -> None:
        """Close every connection."""
        self._session.close()

    def _follow(self, request: HttpRequest, url: str, params: Mapping[str, str] | None) -> Answer:
        for _ in range(MAX_REDIRECTS):
            answer = self._once(request, url, params)
            if answer.status not in _REDIRECTS:
                return answer
            following = joined(url, answer.headers.get("Location", ""), self.target)
            if request.method not in _SAFE:
                # these two keep the method (RFC 9110 section 15.4): so GitHub sends on what is for
                # a renamed repository; to another host no body follows
                is_kept = answer.status in {307, 308} and is_same_host(url, following)
                if not is_kept:
                    raise TargetFault(
                        "target-misbehaved",
                        f"{self.target} redirected {request.doing}; look at the target's `url`.",
                    )
                if isinstance(request.data, Blocks):
                    request.data.seek(0)
            url, params = following, None
        raise TargetFault(
            "target-misbehaved", f"{self.target} redirects {request.doing} in a circle."
        )

    def _once(self, request: HttpRequest, url: str, params: Mapping[str, str] | None) -> Answer:
        origin, doing = origin_of(url, self.target), request.doing
        if self._is_encrypted and origin[0] != "https":
            raise TargetFault(
                "target-misbehaved",
                f"{self.target} asks to do {doing} over a connection that is not encrypted.",
            )
        if self.counts(request.method, url):
            self.turn()
        # last, since a turn may be waited for
        self.before_each()
        secrets = self.credentials if origin in self._own else {}
        if origin not in self._environment:
            # once for each host: requests would read the whole environment for every request
            self._environment[origin] = surroundings_of(url)
        try:
            with send_request(
                self._session,
                request,
                url,
                headers={**request.headers, **secrets},
                params=params,
                **self._environment[origin],
            ) as response:
                content = self._read(response, doing)
                return Answer(
                    status=response.status_code,
                    headers=CaseInsensitiveDict(response.headers),
                    content=content,
                    url=url,
                    target=self.target,
                )
        except PayloadSpoilt:
            raise
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise TargetFault(
                "target-unavailable",
                f"{self.target} gave no answer to {doing} ({reason_in_words(error)}).",
                retryable=True,
                outcome_unknown=not is_unsent(error),
                is_outage=is_unsent(error),
            ) from None
        except ValueError:
            # requests reads also a Location that it shall not follow
            raise TargetFault(
                "target-misbehaved",
                f"{self.target} names an address that is none on the web in its answer to {doing}.",
            ) from None

    def _read(self, response: requests.Response, doing: str) -> bytes:
        """The whole answer, within bounds."""
        content = bytearray()
        for block in response.iter_content(BLOCK_BYTES):
            content += block
            if len(content) > MAX_ANSWER_BYTES:
                raise TargetFault(
                    "target-misbehaved", f"{self.target} gave an endless answer to {doing}."
                )
        return bytes(content)

    def _without_secrets(self, text: str) -> str:
        for secret in self._hidden:
            text = text.replace(secret, "***")
        return text

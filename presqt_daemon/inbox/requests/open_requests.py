"""Requests that are under way: each is answered when what it asked for is durable, or cannot be."""

from collections import defaultdict
from collections.abc import Callable

from presqt_daemon.inbox.answers.events import Request, RequestedAction
from presqt_daemon.system.failpoints import reach


class OpenRequests:
    """What was asked of which ticket; used by the arbiter's thread alone.

    `is_open` says whether a ticket can be cancelled now, `is_being_claimed` whether it will be at
    once; `cancel` and `retry` begin to do so (`retry` says whether there is anything to wait for),
    and `ended` and `opened` are told what came of it.
    """

    def __init__(
        self,
        is_open: Callable[[str], bool],
        is_being_claimed: Callable[[str], bool],
        cancel: Callable[[str], None],
        retry: Callable[[str], bool],
    ) -> None:
        self._is_open = is_open
        self._is_being_claimed = is_being_claimed
        self._cancel = cancel
        self._retry = retry
        self._waiting: defaultdict[str, list[Request]] = defaultdict(list)

    def take(self, request: Request) -> None:
        """Begin what is asked for; what is not possible is answered at once."""
        reach("asked")
        ticket = request.ticket
        is_open = self._is_open(ticket)
        if not is_open and self._is_being_claimed(ticket):
            self._waiting[ticket].append(request)
            return
        if request.action is RequestedAction.CANCEL:
            self._cancel(ticket)
            # one of which more was asked may be on its way to its end, or back from it
            is_under_way = is_open or ticket in self._waiting
        else:
            is_under_way = self._retry(ticket)
        if is_under_way:
            self._waiting[ticket].append(request)
        else:
            request.answered()

    def ended(self, ticket: str) -> None:
        """The ticket's end is written."""
        self._answer(ticket, RequestedAction.CANCEL)

    def opened(self, ticket: str) -> None:
        """The ticket goes, for the first time or again, or will not.

        A cancel that came meanwhile counts now.
        """
        self._answer(ticket, RequestedAction.RETRY)
        if ticket in self._waiting:
            if self._is_open(ticket):
                self._cancel(ticket)
            else:
                self._answer(ticket, RequestedAction.CANCEL)

    def _answer(self, ticket: str, action: RequestedAction) -> None:
        requests = self._waiting.pop(ticket, [])
        rest = [request for request in requests if request.action is not action]
        if rest:
            self._waiting[ticket] = rest
        for request in requests:
            if request.action is action:
                request.answered()

"""The way that one deposit takes through threads and processes, from what `line_hook` wrote.

Walked backwards from its end: what a thread does it does because of the last thing that it was
given, by a queue or a pipe, or of whoever ended its wait; so the way goes on there.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

Thread = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """A stretch of the way in one thread: from its first to its last function of ours."""

    thread: Thread
    name: str
    first: str
    last: str


@dataclass(slots=True)
class _Life:
    """What one thread did: calls of ours, and what it was given by others."""

    begun: int = 0

    runs: list[tuple[int, str, str, str, str]] = field(default_factory=list)
    """Moment, file, function, the thread's name and what it is known by in its process."""

    woken: list[tuple[int, Thread, int]] = field(default_factory=list)
    """When it was given something, by whom, and at which of their moments."""


class Trace:
    """Everything that was written between two moments of the monotonic clock, in ns."""

    def __init__(self, path: Path, begin: int, end: int) -> None:
        self._begin, self._end = begin, end
        self._lives: dict[Thread, _Life] = defaultdict(_Life)
        self._gives: dict[str, list[tuple[int, Thread]]] = defaultdict(list)
        asked: dict[Thread, int] = {}
        taken: Counter[str] = Counter()
        rows = [line.split() for line in path.read_text().splitlines()]
        for moment, process, ident, what, *about in sorted(rows, key=lambda row: int(row[0])):
            at, thread = int(moment), (int(process), int(ident))
            life = self._lives[thread]
            life.begun = life.begun or at
            if what == "run":
                life.runs.append((at, *about))  # type: ignore[arg-type]
            elif what == "ask":
                asked[thread] = at
            elif what == "got":
                self._take(thread, asked.pop(thread, at), at, about, taken)
            else:
                self._gives[self._key(thread, about)].append((at, thread))

    def files(self) -> frozenset[str]:
        """The files of the package with a function that ran."""
        return frozenset(
            run[1]
            for life in self._lives.values()
            for run in life.runs
            if self._begin <= run[0] <= self._end
        )

    def way(self, ends: frozenset[tuple[str, str]]) -> list[Leg]:
        """The legs up to the last call of one of the functions (file, name), in their order."""
        at, thread = max(
            (run[0], thread)
            for thread, life in self._lives.items()
            for run in life.runs
            if run[1:3] in ends and run[0] <= self._end
        )
        legs: list[Leg] = []
        for whose, since, until in self._backwards(thread, at):
            runs = [run for run in self._lives[whose].runs if since <= run[0] <= until]
            if not runs:
                continue
            first, last = (f"{run[1]}:{run[2]}" for run in (runs[0], runs[-1]))
            if legs and legs[-1].thread == whose:
                last, name = legs[-1].last, legs[-1].name
                legs[-1] = Leg(thread=whose, name=name, first=first, last=last)
            else:
                legs.append(Leg(thread=whose, name=runs[-1][3], first=first, last=last))
        return legs[::-1]

    def _backwards(self, thread: Thread, at: int) -> Iterator[tuple[Thread, int, int]]:
        """Stretches of the way, the last first, as (thread, since, until)."""
        while at > self._begin:
            woken = self._woken(thread, at)
            if woken is None:
                yield thread, self._begin, at
                return
            since, giver, given = woken
            yield thread, since, at
            thread, at = giver, given

    def _woken(self, thread: Thread, at: int) -> tuple[int, Thread, int] | None:
        """Where a stretch began that goes on at a moment: since when, by whom, and their moment."""
        life = self._lives[thread]
        for woken in reversed(life.woken):
            if woken[0] <= at:
                return woken if woken[0] > self._begin else None
        if life.begun <= self._begin:
            return None
        is_first = all(
            other.begun >= life.begun for one, other in self._lives.items() if one[0] == thread[0]
        )
        key = "spawn" if is_first or not life.runs else f"{thread[0]} {life.runs[0][4]}"
        before = [one for one in self._gives[key] if one[0] <= life.begun]
        return None if not before else (life.begun, before[-1][1], before[-1][0])

    def _take(
        self, thread: Thread, asked: int, got: int, about: list[str], taken: Counter[str]
    ) -> None:
        """Find out from whom something came; a queue gives in the order in which it was filled."""
        key, gives = self._key(thread, about), []
        if about[0] in {"get", "get_nowait"}:
            gives = self._gives[key][taken[key] : taken[key] + 1]
            taken[key] += 1
        elif key == "pipe":
            gives = [one for one in self._gives[key][-50:] if one[1][0] != thread[0]][-1:]
        else:
            gives = [one for one in self._gives[key][-50:] if asked <= one[0]][:1]
        if gives and gives[0][1] != thread:
            at, giver = gives[0]
            self._lives[thread].woken.append((got, giver, at))

    @staticmethod
    def _key(thread: Thread, about: list[str]) -> str:
        """What is handed over by: a pipe between processes, else an object of one process."""
        name, kind = about
        if name == "connect":
            return "spawn"
        return kind if kind == "pipe" else f"{thread[0]} {kind}"

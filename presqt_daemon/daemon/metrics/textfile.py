"""The figures as text of Prometheus' exposition format, by its own client library.

Gauges all: they count what is there, and a ticket whose record is removed is not there any more.
"""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from presqt_daemon.daemon.metrics.figures import ServiceFigures

PREFIX = "presqt_daemon_"


def text_of(sight: ServiceFigures) -> bytes:
    """The file's content."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(sight))
    return generate_latest(registry)


class _Collector(Collector):
    """Gives the library one moment's figures."""

    def __init__(self, sight: ServiceFigures) -> None:
        self._sight = sight

    def collect(self) -> Iterator[GaugeMetricFamily]:
        sight, figures = self._sight, self._sight.figures
        waits = {target: sight.now - since for target, since in figures.waits_since.items()}
        yield _gauge("tickets", "Tickets that are there", "target state", figures.tickets.items())
        yield _gauge(
            "oldest_wait_seconds",
            "How long the ticket waits that waits longest, 0: none",
            "target",
            ({**dict.fromkeys(sight.targets, 0.0), **waits}).items(),
        )
        yield _gauge(
            "deposited_bytes",
            "Bytes of finished tickets that are there",
            "target",
            figures.deposited.items(),
        )
        yield _gauge(
            "failed_tickets",
            "Failed tickets that are there, by error code",
            "target code",
            figures.failures.items(),
        )
        yield _gauge(
            "last_success_timestamp_seconds",
            "When a ticket last finished",
            "target",
            figures.last_success.items(),
        )
        yield _gauge(
            "target_up",
            "Whether the target's tickets go on: 0 while it is held back for a fault",
            "target",
            sight.targets.items(),
        )
        yield _gauge(
            "target_on_hold",
            "Whether an operator keeps the target from being sent to",
            "target",
            ((target, target in sight.held) for target in sight.targets),
        )
        yield _gauge("free_bytes", "Free space of a folder's disk", "folder", sight.free.items())
        if sight.untaken is not None:
            yield _gauge(
                "untaken_drops", "In the inbox and no ticket yet", "", [((), sight.untaken)]
            )
        yield _gauge("written_timestamp_seconds", "When this was written", "", [((), sight.now)])


def _gauge(
    name: str,
    about: str,
    labels: str,
    values: Iterable[tuple[str | tuple[str, ...], float]],
) -> GaugeMetricFamily:
    """One figure for each set of labels, in their order."""
    family = GaugeMetricFamily(PREFIX + name, about, labels=labels.split())
    for key, value in sorted((key if isinstance(key, tuple) else (key,), v) for key, v in values):
        family.add_metric(key, float(value))
    return family

"""Figures of the service for Prometheus, in a file that node_exporter's textfile collector reads.

The statuses of all tickets, the disk and what the daemon tells of its targets come in; one file
goes out, replaced as a whole now and then. Called by the daemon's wiring, on a thread of its own.
"""

from presqt_daemon.daemon.metrics.service import Metrics

__all__ = ["Metrics"]

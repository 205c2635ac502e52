"""Zenodo and every other InvenioRDM site: a draft that holds the bag as one zip.

A configuration and a token come in; a `Target` and its `Traits` go out. Called by `targets.base`.
"""

from presqt_daemon.targets.zenodo.target import connect, traits

__all__ = ["connect", "traits"]

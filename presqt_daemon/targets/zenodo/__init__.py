"""Zenodo and every other InvenioRDM site: a draft that holds the bag as one zip."""

from presqt_daemon.targets.zenodo.target import connect, traits

__all__ = ["connect", "traits"]

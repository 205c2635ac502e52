"""The Open Science Framework: a new deposit is a project (a node); files lie in `osfstorage`."""

from presqt_daemon.targets.osf.target import connect, traits

__all__ = ["connect", "traits"]

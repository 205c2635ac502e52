"""The Open Science Framework: a new deposit is a project (a node); files lie in `osfstorage`.

A configuration and a token come in; a `Target` and its `Traits` go out. Called by `targets.base`.
"""

from presqt_daemon.targets.osf.target import connect, traits

__all__ = ["connect", "traits"]

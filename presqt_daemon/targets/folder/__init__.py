"""A directory as a target: the embedded default, and the reference for every other adapter.

A configuration and a token come in; a `Target` and its `Traits` go out. Called by `targets.base`.
"""

from presqt_daemon.targets.folder.target import connect, traits

__all__ = ["connect", "traits"]

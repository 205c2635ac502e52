"""A directory as a target: the embedded default, and the reference for every other adapter."""

from presqt_daemon.targets.folder.target import connect, traits

__all__ = ["connect", "traits"]

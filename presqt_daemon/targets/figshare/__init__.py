"""Figshare: a new deposit is a private project with one article in it, which holds the files.

A configuration and a token come in; a `Target` and its `Traits` go out. Called by `targets.base`.
"""

from presqt_daemon.targets.figshare.target import connect, traits

__all__ = ["connect", "traits"]

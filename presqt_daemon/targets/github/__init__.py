"""GitHub: a new deposit is a repository, and a bag is a commit on its default branch.

A configuration and a token come in; a `Target` and its `Traits` go out. Called by `targets.base`.
"""

from presqt_daemon.targets.github.target import connect, traits

__all__ = ["connect", "traits"]

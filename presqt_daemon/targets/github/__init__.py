"""GitHub: a new deposit is a repository, and a bag is a commit on its default branch."""

from presqt_daemon.targets.github.target import connect, traits

__all__ = ["connect", "traits"]

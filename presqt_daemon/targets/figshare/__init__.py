"""Figshare: a new deposit is a private project with one article in it, which holds the files."""

from presqt_daemon.targets.figshare.target import connect, traits

__all__ = ["connect", "traits"]

"""GitLab: a new deposit is a project, and a bag is a few commits on its default branch."""

from presqt_daemon.targets.gitlab.target import connect, traits

__all__ = ["connect", "traits"]

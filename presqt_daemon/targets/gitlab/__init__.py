"""GitLab: a new deposit is a project, and a bag is a few commits on its default branch.

A configuration and a token come in; a `Target` and its `Traits` go out. Called by `targets.base`.
"""

from presqt_daemon.targets.gitlab.target import connect, traits

__all__ = ["connect", "traits"]

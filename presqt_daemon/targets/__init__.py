"""Targets: what each answers, what it declares of itself, and one room for each type.

A `TargetConfig` and a token come in; a `Target` goes out, which makes containers, stores files and
gives digests. Called by the upload and by commands that ask targets; no target knows another.
"""

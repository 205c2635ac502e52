"""A host's own disk (`staging.scratch`), on which a bag lies only while one run works on it.

A run comes in, a folder of its own goes out; what a killed process has left there goes with the
next one's start. Called by `workers` and `cli`; the unpacked bag is made by `staging`.
"""

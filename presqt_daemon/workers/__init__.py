"""Open tickets and those who work on them: who runs next, one run, and what follows from its end.

Claimed tickets come in; statuses, receipts and the events of `runs/` go out. Called by `daemon`,
whose loop alone touches the queue; each run has a thread here and a process of its own.
"""

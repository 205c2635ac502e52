"""Open tickets and those who work on them: who runs next, one run, and what follows from its end.

Claimed tickets come in; statuses, receipts and the events of `runs/` go out. Called by `daemon`,
whose loop alone touches the queue. Runs and changes are jobs of one engine; a run has a process.
"""

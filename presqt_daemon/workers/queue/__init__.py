"""The open tickets in memory, by target, and which of them may run now.

Tickets that were claimed, parked or held come in; the next run goes out. Called by `dispatch`, on
the loop's thread alone.
"""

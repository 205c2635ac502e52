"""What is kept of a ticket: its payload, its journal, its record and its history.

Staging and upload write lines while they work, an end writes `receipt.json`; a start reads here
what it goes on with. Called by `workers`, `upload`, `upgrade` and the commands.
"""

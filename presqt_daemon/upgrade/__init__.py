"""`prepare-upgrade`: every past ticket gets the record that this version needs.

Past tickets come in; records and the state of the pass go out. Called by the daemon at a start and
on request, and by the command where no daemon runs.
"""

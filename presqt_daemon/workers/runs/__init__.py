"""One run of a ticket as values: what is asked, what may interrupt it, how it ended.

Nothing comes in but values, and nothing is done; pauses are decided here, by one table. Called by
every other room of `workers`.
"""

"""The claim: a drop leaves the inbox and is a ticket, whatever happens in between.

A candidate and its side-car come in; a durable ticket's folder goes out, or the drop stays where
it was. Called by the scan, by copies that end, and at a start for what the last daemon left.
"""

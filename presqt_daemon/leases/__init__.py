"""One live run for each ticket, whatever hosts share its folder: lease, heartbeat and fence.

A ticket's folder comes in; the right to write there goes out, and is lost when another takes over.
Called by `tickets`, whose one door asks it, and by workers before each request to a target.
"""

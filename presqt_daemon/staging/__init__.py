"""Staging: a ticket's zip becomes a valid bag on disk, with every digest the upload needs.

What comes in is a job with the ticket's folder and the zip's name; what goes out is the bag,
`payload.jsonl` beside it, reports while it goes on, or one named fault. Called by `workers` for a
drop, and by `validate` and `submit` for the same checks without a ticket.
"""

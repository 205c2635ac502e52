"""What is asked of tickets by files: of the operator in `control/`, of senders beside a note.

Names of files come in; `Request` values go out, and each file stays until what it asks for is
durable. Called by the scan and by the daemon's loop.
"""

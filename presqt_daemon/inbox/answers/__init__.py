"""What the inbox says: notes and status copies to senders, events to the daemon, log lines.

Claims and statuses come in; files beside where the drop lay, values and log lines go out.
Called by the scan, by claims and by requests.
"""

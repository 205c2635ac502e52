"""The machine below: files that survive a crash, locks, logs, signals to systemd.

Called by every room; knows no ticket, no bag and no target.
"""

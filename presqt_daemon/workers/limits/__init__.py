"""What is shared by all runs: places, the pace of accounts, creations, tokens, disk space.

A run's wish comes in; leave, a time to wait, or a refusal goes out. Called by the queue before a
run and by the supervisor during one.
"""

"""What targets on the web share: one session, its answers and pages, named faults.

Requests come in; answers whose words, waits and faults are told apart go out, and no secret is in
any text. Called by the rooms of the targets.
"""

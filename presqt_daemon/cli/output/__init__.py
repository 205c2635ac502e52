"""How values are shown: a terminal gets tables and bars, everything else plain lines or JSON.

Statuses, job states and findings come in; text that can neither move a cursor nor forge a line
goes out. Called by every command.
"""

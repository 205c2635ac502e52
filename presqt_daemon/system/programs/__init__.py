"""Other programs: an operator's command runs under limits, and whole process trees are ended.

An argument list comes in; how it ended goes out, with what it printed. Called by workers, by
notices, and by whoever ends what a worker has left.
"""

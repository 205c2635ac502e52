"""One worker process for one run: born, talked to, watched, ended with all its children.

A task as plain data comes in; reports and at last how it ended go out. Called by the supervisor;
the process's own side calls `staging` and `upload`.
"""

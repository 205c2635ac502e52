"""`check`: whether a drop would get through here.

Comes in: the configuration. Goes out: a row for each thing that was tried, and exit code 1 where a
drop would not get through. Called by the program's entry, and by `install` at its end.
"""

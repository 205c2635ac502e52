"""The commands: what a person types in, lines or JSON and an exit code out.

Each command is a file with one `main`, which gets a `Context` (options and configuration) and
returns a number. Called by the program's entry; reads status files as everybody does, and asks the
daemon for something by files in `mediafiles/control/` alone.
"""

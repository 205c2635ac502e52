"""What an operator does for many tickets, or for another's drop.

Options and the statuses of tickets come in; requests in `control/` go out, or a file that is given
back. Called by the program's entry, and by `cancel` and `retry`.
"""

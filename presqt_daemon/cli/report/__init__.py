"""What was deposited, by whom, how much, what failed and why: `report`.

The records of ended tickets come in; one page, one table or one JSON document goes out. Called by
the program's entry.
"""

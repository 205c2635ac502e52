"""What may be typed, and what every command is given.

Arguments come in; a `Context` with the options and the configuration goes out, or a
`CommandRefusal` with the number to exit by. Called by the program's entry and by every command.
"""

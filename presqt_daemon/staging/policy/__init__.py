"""The operator's own check of a bag, such as a search for viruses.

The folder of an unpacked, valid bag comes in; nothing goes out where the command takes it, else a
fault with what the command said. Called by `staging.stage`, before the bag gets its name.
"""

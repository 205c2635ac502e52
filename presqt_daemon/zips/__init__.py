"""Zips: one file in, its entries under names that may be unpacked and their bytes out.

What comes in is a path or descriptor and the limits of the configuration; what goes out are the
entries, their bytes block by block, or one named fault. Called by `staging`, by `inbox` (which
asks for the end record alone) and by `submit`, which writes one; knows no bag and no ticket.
"""

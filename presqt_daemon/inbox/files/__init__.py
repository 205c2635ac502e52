"""What a name, a file and a folder in the inbox are, and whether a file may be taken.

Names, descriptors and what was seen of a file before come in; kinds, owners, opened folders and
decisions go out. Called by every other room of the inbox; follows no link and changes nothing.
"""

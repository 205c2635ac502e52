"""BagIt, RFC 8493: the names, sizes and tag files of one bag in, findings about it out.

What comes in is a `Tree`, wherever its files lie, and later the digests of its files; what goes
out is a `Structure` with every finding. Called by `staging` and `upgrade`; knows no zip and no
ticket, and never touches a file but through `Tree.read`.
"""

"""Calls to a target: in threads, made again where that helps, given up where it does not.

A call comes in; its answer goes out, or the fault that ends this file, this ticket's run or, for
now, the whole target. Called by the upload.
"""

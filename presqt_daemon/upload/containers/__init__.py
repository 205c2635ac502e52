"""The place at the target: opened or made once, its folders, and at last what it lists.

A request for a container comes in; the container, and what is doubtful in it, go out. Called by
the upload.
"""

"""What is sent: which files, under which names, compared with what stands there already.

A staged bag and the target's traits come in; parcels with a decision for each, and their bytes
while they are sent, go out. Called by the upload.
"""

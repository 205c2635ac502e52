"""The upload: a staged bag becomes a deposit whose digests are compared with ours.

A `SendJob` and a connected target come in; reports while it goes on, and an `UploadResult` or one
named fault go out. Called by a worker process, by `check --deposit`, and by `verify` for the
comparison alone.
"""

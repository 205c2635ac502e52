"""What a bag says about itself, and the document that PresQT keeps beside its files.

Files of the staged bag come in; descriptive fields with limits, warnings and the FTS document go
out. Called by the upload; each target maps the fields to its own.
"""

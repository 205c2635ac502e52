"""What InvenioRDM and Zenodo's older API are told of a bag.

Neutral fields come in; metadata of a record or a deposition, and what had no place in it, go out.
Pure. Called by both APIs when a draft is made.
"""

"""What the files of ours hold: the JSON Schemas that ship, and values to JSON and back."""

"""A daemon that turns zipped BagIt bags dropped into a folder into verified deposits."""

__version__ = "0.1.0"

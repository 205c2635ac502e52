"""A file's media type by its name alone, the same on every machine."""

import mimetypes

_TYPES = mimetypes.MimeTypes()
"""The library's own table; what this machine's /etc/mime.types adds would differ elsewhere."""

_PACKED = {
    "gzip": "application/gzip",
    "bzip2": "application/x-bzip2",
    "xz": "application/x-xz",
    "compress": "application/x-compress",
    "br": "application/x-brotli",
}


def media_type_of(name: str) -> str | None:
    """The media type that a name's ending stands for, None where it stands for none."""
    kind, packed = _TYPES.guess_type(f"/{name.rpartition('/')[2]}")
    return kind if packed is None else _PACKED.get(packed)

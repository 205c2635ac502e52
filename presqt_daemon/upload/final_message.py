"""The last sentence of an upload, in PresQT's words."""

from presqt_daemon.model import UploadResult
from presqt_daemon.upload.fts_metadata import METADATA_ERROR

_UNKNOWN = (
    "Fixity can't be determined because {target} may not have provided a file checksum. "
    "See receipt.json for more details."
)


def final_message(result: UploadResult, target_name: str) -> str:
    """One message for a person: failed fixity first, then what could not be checked, then notes."""
    wrong = ["fixity"] if result.failed_fixity else []
    if any(warning.code == METADATA_ERROR for warning in result.warnings):
        wrong.append("metadata")
    parts = ["Upload successful."]
    if wrong:
        parts = [f"Upload successful but with {' and '.join(wrong)} errors."]
    if result.unverified_fixity:
        parts.append(_UNKNOWN.format(target=target_name))
    if result.note is not None:
        parts.append(result.note)
    return " ".join(parts)


def draft_note(link: str | None, *, is_restricted: bool = False) -> str:
    """What a person still has to do where the target keeps drafts."""
    note = f"Draft, not published: open {link}." if link else "Draft, not published."
    if not is_restricted:
        return note
    return f"{note} Its files are restricted: make them public there before you publish it."

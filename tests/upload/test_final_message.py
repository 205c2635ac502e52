from presqt_daemon.model import UploadResult
from presqt_daemon.upload.publishing import draft_note, final_message


def result(
    failed: tuple[str, ...] = (), unverified: tuple[str, ...] = (), note: str | None = None
) -> UploadResult:
    return UploadResult(
        link=None,
        algorithm="md5",
        failed_fixity=failed,
        unverified_fixity=unverified,
        note=note,
    )


def test_a_good_upload_says_so() -> None:
    assert final_message(result(), "osf") == "Upload successful."


def test_failed_fixity_is_said_first() -> None:
    message = final_message(result(failed=("/P/a",), unverified=("/P/b",)), "osf")
    assert message.startswith("Upload successful but with fixity errors. Fixity can't be")


def test_a_target_without_digests_is_named() -> None:
    assert final_message(result(unverified=("/P/a",)), "github") == (
        "Upload successful. Fixity can't be determined because github may not have provided a file "
        "checksum. See receipt.json for more details."
    )


def test_a_draft_says_what_is_left_to_do() -> None:
    message = final_message(result(note=draft_note("https://z/1")), "zenodo")
    assert message == "Upload successful. Draft, not published: open https://z/1."
    assert draft_note(None) == "Draft, not published."

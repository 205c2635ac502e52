from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from presqt_daemon.config import Config, IntakeConfig, TargetConfig, UploadsConfig
from presqt_daemon.errors import UserFault
from presqt_daemon.model import DuplicateAction, Labels, Route
from presqt_daemon.tickets.options import (
    Choices,
    check_presqt_structure,
    check_resource_id,
    choices_from_sidecar,
    folder_from_resource_id,
    resolve,
    resource_id_from_folder,
)
from presqt_daemon.tickets.title import MAX_TITLE_BYTES, check_title

TARGETS = {
    "archive": TargetConfig(name="archive", path=Path("/archive")),
    "open": TargetConfig(name="open", path=Path("/open"), sender_may=("resource_id",)),
}
CONFIG = Config(targets=TARGETS)
BY_DROP = Config(targets=TARGETS, intake=IntakeConfig(route_by_drop=True))
DEFAULTED = Config(targets=TARGETS, default_target="archive")
ARCHIVE = Route(target="archive")
NOWHERE = Route(target=None)
SILENT = Choices()


def _fault(*arguments: object) -> UserFault:
    with pytest.raises(UserFault) as caught:
        resolve(*arguments)  # type: ignore[arg-type]
    return caught.value


def test_the_folder_says_where_and_the_zip_gives_the_title() -> None:
    found = resolve(CONFIG, ARCHIVE, SILENT, Labels(), "thesis")
    assert (found.target, found.resource_id, found.title) == ("archive", None, "thesis")
    assert found.duplicate_action is DuplicateAction.IGNORE
    assert found.options_from == {
        "target": "folder",
        "file_duplicate_action": "config",
        "title": "zip",
    }


def test_a_title_comes_from_the_first_that_has_one() -> None:
    labels = Labels(title="bag", top_folder="payload", external_identifier="id/1")
    choices = Choices(title="sidecar")
    order = [
        (choices, labels, "sidecar", "sidecar"),
        (SILENT, labels, "bag", "bag"),
        (SILENT, Labels(top_folder="payload", external_identifier="id/1"), "payload", "payload"),
        (SILENT, Labels(external_identifier="id/1"), "id-1", "external-identifier"),
        (SILENT, Labels(title="  "), "thesis", "zip"),
    ]
    for given_choices, given_labels, title, source in order:
        found = resolve(CONFIG, ARCHIVE, given_choices, given_labels, "thesis")
        assert (found.title, found.options_from["title"]) == (title, source)


def test_a_zip_without_a_usable_name_still_gets_a_title() -> None:
    assert resolve(CONFIG, ARCHIVE, SILENT, Labels(), "...").title == "deposit"
    found = resolve(CONFIG, ARCHIVE, SILENT, Labels(), "")
    assert (found.title, found.options_from["title"]) == ("deposit", "default")


@pytest.mark.parametrize(
    ("sidecar", "bag", "action", "source"),
    [
        ("update", "ignore", DuplicateAction.UPDATE, "sidecar"),
        (None, "update", DuplicateAction.UPDATE, "bag"),
        (None, None, DuplicateAction.IGNORE, "config"),
    ],
)
def test_the_sidecar_wins_over_the_bag_over_the_configuration(
    sidecar: str | None, bag: str | None, action: DuplicateAction, source: str
) -> None:
    choices = Choices(file_duplicate_action=sidecar)
    found = resolve(CONFIG, ARCHIVE, choices, Labels(duplicate_action=bag), "x")
    assert (found.duplicate_action, found.options_from["file_duplicate_action"]) == (action, source)


def test_the_configuration_may_say_update() -> None:
    config = Config(targets=TARGETS, uploads=UploadsConfig(duplicates="update"))
    assert resolve(config, ARCHIVE, SILENT, Labels(), "x").duplicate_action == "update"


def test_a_bad_duplicate_action_gets_presqts_own_words() -> None:
    fault = _fault(CONFIG, ARCHIVE, Choices(file_duplicate_action="delete"), Labels(), "x")
    assert fault.code == "bad-request"
    assert fault.message == (
        "PresQT Error: 'delete' is not a valid file_duplicate_action. "
        "The options are 'ignore' or 'update'."
    )


@pytest.mark.parametrize("where", ["sidecar", "bag"])
def test_a_target_that_contradicts_the_folder_is_refused(where: str) -> None:
    sidecar = Choices(target="open") if where == "sidecar" else SILENT
    labels = Labels(target="open") if where == "bag" else Labels()
    assert _fault(BY_DROP, ARCHIVE, sidecar, labels, "x").code == "bad-request"


def test_naming_the_folders_own_target_is_no_contradiction() -> None:
    choices = Choices(target="archive")
    assert resolve(CONFIG, ARCHIVE, choices, Labels(target="archive"), "x").target == "archive"


def test_a_drop_in_the_inbox_itself_needs_a_default_or_leave_to_choose() -> None:
    fault = _fault(CONFIG, NOWHERE, SILENT, Labels(), "x")
    assert fault.code == "unknown-target"
    assert "archive/, open/" in fault.message
    found = resolve(DEFAULTED, NOWHERE, SILENT, Labels(), "x")
    assert (found.target, found.options_from["target"]) == ("archive", "config")
    assert _fault(DEFAULTED, NOWHERE, Choices(target="open"), Labels(), "x").code == "bad-request"
    chosen = resolve(BY_DROP, NOWHERE, SILENT, Labels(target="open"), "x")
    assert (chosen.target, chosen.options_from["target"]) == ("open", "bag")
    assert _fault(BY_DROP, NOWHERE, Choices(target="no"), Labels(), "x").code == "unknown-target"


def test_a_resource_can_be_chosen_only_where_the_target_allows_it() -> None:
    fault = _fault(CONFIG, ARCHIVE, Choices(resource_id="r1"), Labels(), "x")
    assert fault.code == "bad-request"
    assert "sender_may" in fault.message
    found = resolve(CONFIG, Route(target="open"), SILENT, Labels(resource_id="r1"), "x")
    assert (found.resource_id, found.options_from["resource_id"]) == ("r1", "bag")


def test_a_resource_that_contradicts_the_folder_is_refused() -> None:
    route = Route(target="open", resource_id="r1")
    assert _fault(CONFIG, route, Choices(resource_id="r2"), Labels(), "x").code == "bad-request"
    same = resolve(CONFIG, route, Choices(resource_id="r1"), Labels(), "x")
    assert same.options_from["resource_id"] == "folder"


@pytest.mark.parametrize(
    "title",
    [
        "", "  ", ".", "..", "a/b", "a\\b", "a\nb", "a\x00", "x" * 201, "\ud800", "\u2028",
        "report\u202etxt.exe", "a\u2066b", "\ufeffa", "a\u200bb",
    ],
)  # fmt: skip
def test_a_title_that_is_no_safe_name_is_refused(title: str) -> None:
    with pytest.raises(UserFault) as caught:
        check_title(title)
    assert caught.value.code == "bad-request"


@pytest.mark.parametrize("kind", ["osf", "figshare", "zenodo", "github", "gitlab"])
@pytest.mark.parametrize("title", ["a/b", "a\\b", "x" * 201, "\u00fc" * 512])
def test_a_title_is_a_sentence_where_it_names_no_folder(kind: str, title: str) -> None:
    assert check_title(title, kind) == title


@pytest.mark.parametrize("title", ["", "a\nb", "x" * 1001, "report\u202etxt.exe", "\ud800"])
@pytest.mark.parametrize("kind", ["osf", "figshare", "some-plugin"])
def test_a_sentence_is_no_licence_for_everything(kind: str, title: str) -> None:
    with pytest.raises(UserFault):
        check_title(title, kind)
    with pytest.raises(UserFault):
        check_title("a/b", "some-plugin")


def test_a_title_is_normalised() -> None:
    assert check_title(" Mu\u0308sli ") == "M\u00fcsli"


@pytest.mark.parametrize("title", ["\u0645\u06cc\u200c\u062e\u0648", "\U0001f469\u200d\U0001f52c"])
def test_a_title_may_join_letters_and_emoji(title: str) -> None:
    assert check_title(title) == title


@pytest.mark.parametrize(
    ("labels", "stem", "title"),
    [
        (Labels(top_folder="\u00e4" * 120), "zip", "\u00e4" * 100),
        (Labels(top_folder="x" * 199 + "\u00e4"), "zip", "x" * 199),
        (Labels(top_folder="evil\u202egpj.exe"), "zip", "evil-gpj.exe"),
        (Labels(top_folder=".config"), "zip", ".config"),
        (Labels(external_identifier="y" * 300), "zip", "y" * 200),
        (Labels(external_identifier="doi:10.1/x\u200b/y"), "zip", "doi:10.1-x-y"),
        (Labels(), "z" * 250, "z" * 200),
        (Labels(), "w" * 199 + " w", "w" * 199),
    ],
)
def test_a_title_that_the_sender_did_not_choose_is_made_to_fit(
    labels: Labels, stem: str, title: str
) -> None:
    assert resolve(CONFIG, ARCHIVE, SILENT, labels, stem).title == title


@given(st.text(), st.text())
def test_a_title_that_nobody_chose_never_fails_a_drop(folder: str, stem: str) -> None:
    title = resolve(CONFIG, ARCHIVE, SILENT, Labels(top_folder=folder), stem).title
    assert 0 < len(title.encode()) <= MAX_TITLE_BYTES


@pytest.mark.parametrize("resource_id", ["", "..", "a/../b", "/a", "a//b", "a/", "a\x1f", "a\\.."])
def test_a_resource_id_that_climbs_is_refused(resource_id: str) -> None:
    with pytest.raises(UserFault):
        check_resource_id(resource_id)


def test_a_resource_id_as_long_as_a_book_is_refused_in_a_sentence() -> None:
    with pytest.raises(UserFault, match="is longer than 1000 characters") as refused:
        check_resource_id("x" * 60_000)
    assert len(refused.value.message) < 300
    assert check_resource_id("x" * 1000)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1))
def test_a_resource_id_survives_its_folders_name(resource_id: str) -> None:
    folder = folder_from_resource_id(resource_id)
    assert "/" not in folder
    assert resource_id_from_folder(folder) == resource_id


def test_only_the_three_escapes_of_a_folders_name_are_decoded() -> None:
    assert resource_id_from_folder("a%2fb%3Ac%25d%20e%") == "a/b:c%d%20e%"


@pytest.mark.parametrize(
    "written",
    ["0123", "010", "0x10", "12:30", "1_000", "1e3", "1.10", "yes", "true", "2026-01-31", "'007'"],
)
def test_a_value_in_a_sidecar_is_read_as_it_is_written(written: str) -> None:
    content = f"resource_id: {written}\ntitle: {written}\n".encode()
    text = written.strip("'")
    assert choices_from_sidecar(content, "x.zip.yaml") == Choices(resource_id=text, title=text)


def test_a_key_without_a_value_says_nothing() -> None:
    choices = choices_from_sidecar(b"title: '2026'\ntarget:\nresource_id: ~\n", "x.zip.yaml")
    assert choices == Choices(title="2026")
    assert choices_from_sidecar(b"", "x.zip.yaml") == SILENT
    labels = Labels(target="", resource_id="", duplicate_action="", title="")
    assert resolve(CONFIG, ARCHIVE, SILENT, labels, "zip").title == "zip"


@pytest.mark.parametrize("key", ["title", "resource_id", "file_duplicate_action", "target"])
@pytest.mark.parametrize("value", ['""', "'  '", '"\\t"'])
def test_an_empty_choice_is_refused_and_not_passed_over(key: str, value: str) -> None:
    with pytest.raises(UserFault) as caught:
        choices_from_sidecar(f"{key}: {value}\n".encode(), "x.zip.yaml")
    assert caught.value.code == "bad-request"
    assert key in caught.value.message


@pytest.mark.parametrize(
    "content",
    [b"- a", b"title: [a]", b"title: !!int 3", b"titel: a", b"\xff", b"a: b: c", b"title: {a: b}"],
)
def test_a_sidecar_that_is_not_clean_is_refused_by_name(content: bytes) -> None:
    with pytest.raises(UserFault) as caught:
        choices_from_sidecar(content, "x.zip.yaml")
    assert caught.value.code == "bad-sidecar"
    assert "x.zip.yaml" in caught.value.message


def test_presqts_structure_has_its_two_messages() -> None:
    check_presqt_structure(Labels(top_folders=1), is_new=True)
    check_presqt_structure(Labels(top_folders=1, top_files=1), is_new=False)
    with pytest.raises(UserFault, match="Multiple directories exist at the top level"):
        check_presqt_structure(Labels(top_folders=2), is_new=False)
    with pytest.raises(UserFault, match="Files exist at the top level"):
        check_presqt_structure(Labels(top_folders=1, top_files=1), is_new=True)
    config = Config(targets=TARGETS, uploads=UploadsConfig(structure="presqt"))
    assert _fault(config, ARCHIVE, SILENT, Labels(top_folders=2), "x").code == "bad-request"


def test_one_folder_is_not_called_one_of_several() -> None:
    alone = Config(targets={"archive": TARGETS["archive"]})
    for route, choices in ((NOWHERE, SILENT), (Route(target="arcive"), SILENT)):
        assert "put the zip into the folder archive/." in _said(alone, route, choices)
        several = "put the zip into one of the folders archive/, open/."
        assert several in _said(CONFIG, route, choices)


def _said(config: Config, route: Route, choices: Choices) -> str:
    return _fault(config, route, choices, Labels(), "x").message.replace("Put", "put")

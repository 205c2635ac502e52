"""A room is all there is to read or write for a type of target."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import cast

import pytest

from presqt_daemon.errors import ConfigError
from presqt_daemon.notation import TEXT, setting
from presqt_daemon.settings import config_from_tree
from presqt_daemon.settings.remarks import remarks_on
from presqt_daemon.settings.schema import schema
from presqt_daemon.targets import definition
from presqt_daemon.targets.definition import OWN_MODULES, Definition, definitions, why_no_id


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelfSettings:
    """What is set for a shelf alone."""

    row: str = setting("first", TEXT, "which row of it")


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One more type, of a room that is nowhere named but in the table."""
    room = ModuleType("shelf_room")
    ids = definitions()["figshare"].ids
    room.__dict__["DEFINITION"] = Definition(ids=ids, settings=ShelfSettings)
    monkeypatch.setitem(sys.modules, "shelf_room", room)
    monkeypatch.setitem(cast("dict[str, str]", OWN_MODULES), "shelf", "shelf_room")
    definition.definition_of.cache_clear()
    yield
    definition.definition_of.cache_clear()


@pytest.mark.usefixtures("shelf")
def test_settings_of_a_new_room_are_read_and_stand_in_the_schema() -> None:
    config = config_from_tree({"targets": {"s": {"type": "shelf", "row": "last"}}}, Path("/srv"))
    assert config.targets["s"].own == {"row": "last"}
    kinds = {
        row["if"]["properties"]["type"]["const"]: row
        for row in schema()["$defs"]["target"]["allOf"]
    }
    assert "row" in kinds["shelf"]["then"]["propertyNames"]["enum"]
    assert "row" not in kinds["osf"]["then"]["propertyNames"]["enum"]
    assert any("names no token" in remark for remark in remarks_on(config))
    assert why_no_id("shelf", "abc") is not None


@pytest.mark.usefixtures("shelf")
def test_what_nobody_set_has_the_default_of_the_room() -> None:
    config = config_from_tree({"targets": {"s": {"type": "shelf"}}}, Path("/srv"))
    assert config.targets["s"].own == {"row": "first"}


@pytest.mark.usefixtures("shelf")
def test_a_setting_of_one_room_has_no_meaning_for_another() -> None:
    with pytest.raises(ConfigError, match="row: has no meaning for type osf"):
        config_from_tree({"targets": {"s": {"type": "osf", "row": "last"}}}, Path("/srv"))


@pytest.mark.parametrize("name", OWN_MODULES)
def test_a_definition_takes_only_keys_that_there_are(name: str) -> None:
    found = definitions()[name]
    known = definition.ACCOUNT_KEYS | {"path", "keep", "mode"}
    assert found.keys <= known
    assert set(found.needs) <= found.keys | set(found.own_settings)

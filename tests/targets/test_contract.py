"""The wire tap itself: what it counts, and that it sees what it is there to see."""

from collections.abc import Iterator

import pytest
import requests

from tests.fakes import contract
from tests.fakes.contract import Contract, ContractBroken, told
from tests.fakes.osf import TOKEN, OsfFake

HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def fake() -> Iterator[OsfFake]:
    with OsfFake() as fake:
        yield fake


def test_the_last_line_of_a_run_says_how_much_was_checked() -> None:
    totals = {("a.json", "checked"): 3, ("b.json", "checked"): 4, ("b.json", "skipped"): 2}
    assert told(totals) == "contract checks: 7 made, 2 skipped; 0 calls are in no document"
    assert told({}) is None


def test_without_the_document_a_call_is_counted_as_skipped(fake: OsfFake) -> None:
    with Contract("no-such-document.json", fake.api) as tap:
        requests.get(f"{fake.api}/nodes/", headers=HEADERS, timeout=10)
    assert (tap.checked, tap.skipped) == (0, 1)
    assert contract.TOTALS["no-such-document.json", "skipped"] > 0
    del contract.TOTALS["no-such-document.json", "skipped"]


def test_an_answer_that_the_document_does_not_allow_is_seen(fake: OsfFake) -> None:
    tap = Contract("osf-upload.json", fake.api)
    if not tap.is_there:
        pytest.skip("the contract documents are not here: osf-upload.json")
    node = fake.new_node("Theirs")
    node.attributes["title"] = 7
    with pytest.raises(ContractBroken, match="title"), tap:
        requests.get(f"{fake.api}/nodes/{node.id}/", headers=HEADERS, timeout=10)

"""The rules of the upload room, broken on purpose: each mutant of ours turns a near test red."""

from pathlib import Path

import pytest

from tests.mutants import Mutant, assert_a_test_turns_red, lost_in

MUTANTS = (
    Mutant(
        name="takes-an-intent-for-ownership",
        suite="upload/test_ownership",
        module="upload/parcels/decide",
        old="if owned.holds_all or is_same_content(item, owned.digests):",
        new="if True:",
    ),
    Mutant(
        name="takes-a-lost-answer-for-ownership",
        suite="upload/test_ownership",
        module="upload/transfer",
        old="        if replaces is None:\n            return False\n",
        new="        if replaces is None:\n            return True\n",
    ),
    Mutant(
        name="compares-the-name-that-was-sent",
        suite="upload/test_ownership",
        module="upload/transfer",
        old="answered = item.path if item.asked is None else item.asked",
        new="answered = parcel.remote",
    ),
    Mutant(
        name="lists-before-the-last-put",
        suite="upload/test_ownership",
        module="upload/delivery",
        old="        if transfer.delivered:\n"
        "            # after the last put: only what the target shows then is there\n"
        "            listing = listed_by_key(transfer.target, transfer.container, self._threads)\n",
        new="",
    ),
    Mutant(
        name="deletes-first",
        suite="targets/test_folder",
        module="targets/folder/target",
        old="            self._write(handle, file)\n",
        new="            if replaces is not None:\n"
        "                (self._path / container.id / file.path).unlink()\n"
        "            self._write(handle, file)\n",
        only="update or put",
    ),
    Mutant(
        name="pauses-the-target-for-one-file",
        suite="upload/calls/test_whole_target",
        module="upload/calls/whole_target",
        old="        target.titles() if is_path else target.account()\n",
        new="        raise fault\n",
    ),
    Mutant(
        name="compares-ids-as-strings",
        suite="workers/limits/test_permits",
        module="workers/limits/permits",
        old="            container = ContainerKey(site_of(target), identity)\n",
        new="            container = taken.asked or ContainerKey(site_of(target), identity)\n",
    ),
    Mutant(
        name="compares-ids-of-the-same-content-as-strings",
        suite="workers/limits/test_duplicates",
        module="workers/limits/duplicates",
        old=" and self._identity_of(other.ticket_number) == identity\n",
        new=" and other.resource_id == info.resource_id\n",
    ),
    Mutant(
        name="progress-does-not-reset-the-count-of-deaths",
        suite="workers/test_unfinished_runs",
        module="workers/unfinished_runs",
        old="deaths = 1 if progress else run.deaths + 1",
        new="deaths = run.deaths + 1",
    ),
    Mutant(
        name="takes-any-bytes-for-a-token",
        suite="workers/limits/test_tokens",
        module="workers/limits/tokens",
        old="if not token.isascii() or not token.isprintable() or not _PLAIN.fullmatch(token):\n",
        new="if False:\n",
    ),
    Mutant(
        name="verify-compares-no-sizes",
        suite="upload/test_ask_again",
        module="upload/ask_again",
        old="            return Now.CHANGED\n    digests",
        new="            pass\n    digests",
    ),
    Mutant(
        name="verify-compares-ignored-files-by-our-side",
        suite="upload/test_ask_again",
        module="upload/ask_again",
        old=' and file["outcome"] != Outcome.IGNORED\n',
        new="\n",
    ),
    Mutant(
        name="fails-a-ticket-for-a-refused-token",
        suite="upload/calls/test_whole_target",
        module="upload/calls/whole_target",
        old='    if fault.code == "unauthorized":\n        return _held(fault, PauseKind.TOKEN)\n',
        new="",
    ),
    Mutant(
        name="publishes-what-others-have-in-a-draft",
        suite="upload/test_ownership",
        module="upload/publishing",
        old="    if foreign := [str(path) for path in sorted(others) if path not in ours]:\n",
        new="    if foreign := [str(path) for path in sorted(others) if path in ours]:\n",
    ),
    Mutant(
        name="sends-twins-of-one-name",
        suite="upload/parcels/test_names",
        module="upload/parcels/names",
        old="other = taken.setdefault(rules.key(path), (name, path))",
        new="other = (name, path)",
    ),
)


def test_every_mutant_has_a_text_to_change() -> None:
    assert lost_in(MUTANTS) == [], "the package has changed: these must follow"


@pytest.mark.sampled(2)
@pytest.mark.parametrize("mutant", [pytest.param(one, id=one.name) for one in MUTANTS])
def test_a_broken_rule_turns_a_near_test_red(tmp_path: Path, mutant: Mutant) -> None:
    assert_a_test_turns_red(tmp_path / "mutant", mutant)

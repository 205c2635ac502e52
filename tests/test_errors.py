import pickle

import pytest

from presqt_daemon.errors import (
    MAX_MESSAGE,
    ConfigError,
    HouseFault,
    PresqtError,
    TargetFault,
    UserFault,
)
from presqt_daemon.model import Finding

KINDS = (UserFault, TargetFault, HouseFault)
EVERY = [(kind, code) for kind in KINDS for code in kind.CODES]


@pytest.mark.parametrize(("kind", "code"), EVERY)
def test_every_error_survives_the_way_between_processes(kind: type[PresqtError], code: str) -> None:
    error = kind(
        code,
        "What happened.",
        findings=(Finding(code="missing", message="gone", path="data/a"),),
        findings_total=9,
        retryable=True,
        retry_after=1.5,
        outcome_unknown=True,
    )
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert vars(again) == vars(error)
    assert str(again) == "What happened."


def test_each_code_belongs_to_one_fault_and_one_kind_of_status() -> None:
    codes = [code for _kind, code in EVERY]
    assert len(codes) == len(set(codes))
    assert all(400 <= status < 500 for status in UserFault.CODES.values())
    assert set(TargetFault.CODES.values()) == {429, 502, 503}
    assert set(HouseFault.CODES.values()) == {500, 504, 507}


def test_a_code_must_be_one_of_its_class() -> None:
    with pytest.raises(KeyError):
        UserFault("internal-error", "no")


def test_findings_are_counted_unless_a_total_is_given() -> None:
    findings = (Finding(code="a", message="a"), Finding(code="b", message="b"))
    assert UserFault("invalid-bag", "x", findings=findings).findings_total == 2
    assert UserFault("invalid-bag", "x").findings_total == 0


def test_a_configuration_error_tells_every_problem() -> None:
    assert str(ConfigError(("a: wrong", "b: wrong"))) == "a: wrong\nb: wrong"


def test_a_sentence_that_quotes_a_whole_book_keeps_what_happened_and_what_to_do() -> None:
    error = UserFault("bad-request", f"There is no '{'x' * 60_000}': choose another.")
    assert len(error.message) <= MAX_MESSAGE
    assert error.message.startswith("There is no 'xxx")
    assert error.message.endswith("xxx': choose another.")
    assert pickle.loads(pickle.dumps(error)).message == error.message == str(error)
    just = "x" * MAX_MESSAGE
    assert UserFault("bad-request", just).message == just

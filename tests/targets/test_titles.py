import pytest

from presqt_daemon.targets.names import numbered_title

SPACED = "{title} (PresQT{number})"
DASHED = "{title}-PresQT{number}-"


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        ([], "P"),
        (["Q"], "P"),
        (["P"], "P (PresQT1)"),
        (["P", "P (PresQT1)"], "P (PresQT2)"),
        (["P (PresQT3)"], "P (PresQT4)"),
        (["P", "P (PresQT9)", "P (PresQT10)"], "P (PresQT11)"),
        (["P", "P (PresQTabc)"], "P (PresQT1)"),
        (["P", "P (PresQT)"], "P (PresQT1)"),
        (["P", "P (PresQT-1)"], "P (PresQT1)"),
        (["P", "P (PresQT²)"], "P (PresQT1)"),
        (["PP (PresQT1)", "p (PresQT1)"], "P"),
        (["P", "P (PresQT007)"], "P (PresQT8)"),
        (["P", f"P (PresQT{'9' * 5000})"], "P (PresQT1)"),
    ],
)
def test_a_taken_title_is_numbered_as_presqt_does(taken: list[str], expected: str) -> None:
    assert numbered_title("P", taken, SPACED) == expected


@pytest.mark.parametrize("title", ["[ab] data", "100% *", "a?b", "{title}", "{number}", "x (y)"])
def test_a_title_is_matched_letter_by_letter(title: str) -> None:
    assert numbered_title(title, [title], SPACED) == f"{title} (PresQT1)"
    assert numbered_title(title, [title, f"{title} (PresQT1)"], SPACED) == f"{title} (PresQT2)"


def test_the_number_stands_where_the_target_wants_it() -> None:
    assert numbered_title("P", ["P", "P-PresQT4-", "P-PresQT9"], DASHED) == "P-PresQT5-"


@pytest.mark.parametrize("title", ["x" * 512, "x" * 511, "\u00fc" * 505, "x" * 700])
def test_a_title_of_the_greatest_length_gives_way_to_its_number(title: str) -> None:
    taken: list[str] = []
    for _ in range(12):
        taken.append(numbered_title(title, taken, SPACED, 512))
    assert len(set(taken)) == 12
    assert max(map(len, taken)) <= 512
    assert taken[0] == title[:512]
    assert [name.rpartition(" ")[2] for name in taken[1:]] == [
        f"(PresQT{number})" for number in range(1, 12)
    ]


def test_a_shorter_title_of_the_same_beginning_is_another() -> None:
    assert numbered_title("x" * 500, [f"{'x' * 501} (PresQT1)"], SPACED, 512) == "x" * 500

"""Places for staging, shared by size and by inbox folder."""

from hypothesis import given
from hypothesis import strategies as st

from presqt_daemon.config import StagingConfig
from presqt_daemon.workers.limits.staging_places import StagingPlaces, small_seconds

TWO = 2


def begun(places: StagingPlaces, ticket: str, *, large: bool = False, slots: int = TWO) -> bool:
    """A place for a ticket of the folder that its name begins with."""
    return places.begin(ticket, ticket[0], is_large=large, slots=slots)


def test_a_folder_that_holds_all_places_leaves_one_to_each_next_folder_in_turn() -> None:
    places = StagingPlaces()
    assert begun(places, "a1")
    assert begun(places, "a2")
    assert not begun(places, "a3"), "its own bags wait for its own bags"
    assert begun(places, "b1"), "another folder is not held up"
    assert not begun(places, "b2")
    assert not begun(places, "c1"), "one guest at a time"
    places.end("b1")
    assert begun(places, "c1")


def test_large_bags_of_one_folder_hold_up_no_large_bag_of_another() -> None:
    places = StagingPlaces()
    assert begun(places, "a1", large=True)
    assert not begun(places, "a2", large=True)
    assert begun(places, "b1", large=True)
    assert begun(places, "a3"), "and the place for small bags is still there"


def test_a_slow_small_bag_becomes_a_large_one_where_there_is_a_place_for_it() -> None:
    places = StagingPlaces()
    assert begun(places, "a1")
    assert places.outgrow("a1", TWO)
    assert not begun(places, "a2", large=True), "the place of the large ones is taken"
    assert begun(places, "a3")
    assert places.outgrow("a1", TWO), "it is one already"


def test_a_slow_small_bag_leaves_the_place_of_the_small_when_no_other_is_free() -> None:
    places = StagingPlaces()
    assert begun(places, "a1", large=True)
    assert begun(places, "a2")
    assert not places.outgrow("a2", TWO)
    places.end("a2")
    assert begun(places, "a3")


def test_what_a_bag_may_take_grows_with_its_size() -> None:
    assert small_seconds(0, StagingConfig()) == 30
    assert small_seconds(10**9, StagingConfig()) > 500


def test_the_time_of_the_operators_own_check_makes_no_bag_a_large_one() -> None:
    slow = StagingConfig(check_command=("scan",), check_time_limit=600.0)
    assert small_seconds(0, slow) == 630


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.booleans()), max_size=60),
    st.integers(2, 6),
)
def test_no_order_of_coming_and_going_breaks_the_bounds(
    steps: list[tuple[str, bool, bool]], slots: int
) -> None:
    places = StagingPlaces()
    held: list[str] = []
    for number, (folder, large, leaves) in enumerate(steps):
        if leaves and held:
            places.end(held.pop(0))
            continue
        name = f"{folder}{number}"
        took = begun(places, name, large=large, slots=slots)
        held += [name] if took else []
        assert len(held) <= slots + 1
        assert sum(places.count(one) for one in "abc") == len(held)
        if not took:
            has_place = places.count(folder) > 0
            assert has_place or len(held) > 0, "an empty house takes anybody"

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from daemon.sync.gather import Gather, Losses
from daemon.sync.packet import Part, cut


@given(st.permutations([(number, which) for number in range(4) for which in range(3)] * 2))
def test_parts_make_the_whole_once_in_any_order_and_number_of_copies(order):
    gather, data = Gather[str](), [bytes([number]) * 3_000 for number in range(4)]
    parts = [cut(item) for item in data]
    made = [gather.add(number, f"about {number}", parts[number][which]) for number, which in order]
    whole = [item for item in made if item is not None]
    assert sorted(whole) == [(f"about {number}", data[number]) for number in range(4)]


def test_parts_that_contradict_one_another_are_left_out():
    gather = Gather[str]()
    gather.add(1, "a", Part(0, 2, b"x"))
    assert gather.add(1, "b", Part(1, 2, b"y")) is None
    assert gather.add(1, "a", Part(1, 3, b"y")) is None
    assert gather.add(1, "a", Part(1, 2, b"y")) == ("a", b"xy")


def test_what_is_never_whole_is_given_up():
    gather = Gather[str]()
    for number in range(10_000):
        assert gather.add(number, "", Part(0, 2, b"x" * 1_000)) is None
    assert len(gather._open) <= 8
    assert gather.add(9_999, "", Part(1, 2, b"y")) is not None
    for number in range(20_000, 30_000):
        gather.add(number, "", Part(0, 1, b"x"))
    assert len(gather._done) <= 64


def test_what_was_lost_is_counted_whatever_order_the_rest_comes_in():
    rng = np.random.default_rng(3)
    numbers = np.arange(100, 5_000)
    came = rng.random(len(numbers)) > 0.05
    came[0] = True
    late = numbers[came] + rng.uniform(0, 20, came.sum())
    order = numbers[came][np.argsort(late)]
    losses = Losses()
    for number in order:
        losses.came(int(number))
        losses.came(int(number))
    losses.came(10_000)  # nothing for long: all between is lost
    for number in range(10_001, 10_033):
        losses.came(number)
    first = int(order[0])
    lost = sum(not c for n, c in zip(numbers, came, strict=True) if n > first)
    assert losses.lost == lost + (10_000 - 5_000)

import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from daemon.sync.gather import Gather, Losses
from daemon.sync.packet import PART, Part, cut


@given(st.permutations([(number, which) for number in range(4) for which in range(4)] * 2))
def test_parts_make_the_whole_once_in_any_order_and_number_of_copies(order):
    gather, data = Gather[str](), [bytes([number]) * 3_000 for number in range(4)]
    parts = [cut(item) for item in data]
    made = [gather.add(number, f"about {number}", parts[number][which]) for number, which in order]
    whole = [item for item in made if item is not None]
    assert sorted(whole) == [(f"about {number}", data[number]) for number in range(4)]


@given(st.integers(1, 4 * PART + 2), st.data())
def test_any_one_part_may_be_lost(size, data):
    whole = random.Random(size).randbytes(size)
    parts = cut(whole)
    lost = data.draw(st.integers(0, len(parts) - 1))
    rest = data.draw(st.permutations(parts[:lost] + parts[lost + 1 :]))
    gather = Gather[str]()
    made = [gather.add(1, "", part) for part in rest]
    assert made == [None] * (len(rest) - 1) + [("", whole)]


def test_parts_that_contradict_one_another_are_left_out():
    gather, whole = Gather[str](), b"x" * (2 * PART + 1)
    parts = cut(whole)
    gather.add(1, "a", parts[0])
    assert gather.add(1, "b", parts[1]) is None
    assert gather.add(1, "a", Part(1, 3 * PART, b"x" * PART)) is None
    assert gather.add(1, "a", parts[1]) is None
    assert gather.add(1, "a", parts[2]) == ("a", whole)


def test_what_is_never_whole_is_given_up():
    gather = Gather[str]()
    for number in range(10_000):
        assert gather.add(number, "", Part(0, PART + 1, b"x" * PART)) is None
    assert len(gather._open) <= 8
    assert gather.add(9_999, "", Part(1, PART + 1, b"y")) is not None
    for number in range(20_000, 30_000):
        gather.add(number, "", Part(0, 1, b"x"))
    assert len(gather._done) <= 64


def test_parts_with_huge_numbers_do_not_keep_true_ones_out():
    gather, data = Gather[str](), b"x" * (2 * PART)
    for number in range(8):
        gather.add(2**62 + number, "forged", Part(0, PART + 1, b"x" * PART))
    for number in range(20):
        made = [gather.add(number, "true", part) for part in cut(data)]
        assert ("true", data) in made


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

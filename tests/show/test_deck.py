from collections import Counter
from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from daemon.show.deck import Deck
from daemon.show.plan import Entry, Playlist


def playlist(names, *, shuffle, shortest=10.0, longest=10.0):
    return Playlist("some", tuple(Entry(name, shortest, longest) for name in names), shuffle)


def played(deck, known, count):
    shown = []
    for _ in range(count):
        deck.advance(known, deck.on.preset if deck.on else None)
        shown.append(deck.entry)
    return shown


@given(st.integers(1, 12), st.integers(0, 999), st.integers(2, 9))
def test_each_round_of_a_shuffle_is_a_permutation_and_no_entry_comes_twice_running(n, seed, rounds):
    names = [f"p{i}" for i in range(n)]
    shown = played(Deck(playlist(names, shuffle=True), seed), names, n * rounds)
    for at in range(0, n * rounds, n):
        assert sorted(shown[at : at + n]) == list(range(n))
    if n > 1:
        assert all(a != b for a, b in pairwise(shown))


@given(st.lists(st.booleans(), min_size=3, max_size=10), st.integers(0, 99))
def test_what_is_not_there_is_skipped_and_the_others_still_come_once_a_round(there, seed):
    names = [f"p{i}" for i in range(len(there))]
    known = {name for name, is_there in zip(names, there, strict=True) if is_there}
    deck = Deck(playlist(names, shuffle=True), seed)
    n = len(known)
    shown = played(deck, known, n * 5)
    for at in range(0, n * 5, max(n, 1)):
        assert {names[i] for i in shown[at : at + n]} == known
    if n > 1:
        assert all(a != b for a, b in pairwise(shown))
    if n == 0:
        deck.advance(known, None)
        assert deck.entry is None


def test_a_preset_that_stands_there_twice_is_not_its_own_neighbour():
    names = ["a", "a", "b", "c", "d"]
    for seed in range(50):
        shown = [names[i] for i in played(Deck(playlist(names, shuffle=True), seed), names, 5)]
        assert all(a != b for a, b in pairwise(shown))


def test_a_sequence_goes_round_in_its_order():
    assert played(Deck(playlist("abc", shuffle=False), 0), "abc", 7) == [0, 1, 2, 0, 1, 2, 0]
    assert played(Deck(playlist("abc", shuffle=False), 0), "ac", 5) == [0, 2, 0, 2, 0]


def test_seeds_differ_and_rounds_differ_and_the_same_seed_is_the_same():
    names = [f"p{i}" for i in range(8)]
    many = {tuple(played(Deck(playlist(names, shuffle=True), seed), names, 8)) for seed in range(20)}
    assert len(many) > 15
    one = played(Deck(playlist(names, shuffle=True), 3), names, 32)
    assert one == played(Deck(playlist(names, shuffle=True), 3), names, 32)
    assert len({tuple(one[i : i + 8]) for i in range(0, 32, 8)}) == 4


def test_a_drawn_length_is_within_its_range_and_differs():
    deck = Deck(playlist("abc", shuffle=False, shortest=60, longest=120), 0)
    lengths = []
    for _ in range(60):
        deck.advance("abc", None)
        assert deck.left == deck.length
        lengths.append(deck.length)
    assert 60 <= min(lengths) < 75
    assert 105 < max(lengths) <= 120
    assert max(Counter(lengths).values()) == 1


@given(st.integers(1, 9), st.integers(0, 99), st.integers(1, 30), st.booleans())
def test_a_deck_goes_on_from_its_mark(n, seed, steps, shuffle):
    names = [f"p{i}" for i in range(n)]
    whole = Deck(playlist(names, shuffle=shuffle, shortest=1.0, longest=500.0), seed)
    played(whole, names, steps)
    whole.left -= whole.length / 3
    again = Deck(whole.playlist, seed, whole.mark(60.0))
    assert (again.entry, again.round, again.rest) == (whole.entry, whole.round, whole.rest)
    assert whole.left <= again.left <= min(whole.left + 60, whole.length)
    assert played(again, names, 2 * n) == played(whole, names, 2 * n)


def test_a_playlist_written_anew_begins_anew():
    deck = Deck(playlist("abc", shuffle=True), 0)
    played(deck, "abc", 2)
    mark = deck.mark(60.0)
    short = playlist("ab", shuffle=True)
    spoilt = (
        *(replace(mark, entry=7), replace(mark, entry=-1), replace(mark, rest=(0, 0)), replace(mark, rest=(9,))),
        *(replace(mark, left=float("nan")), replace(mark, left=-1.0), replace(mark, preset="other")),
        replace(mark, playlist="other"),
    )
    assert Deck(deck.playlist, 0, mark).entry == deck.entry
    for other in spoilt:
        assert Deck(deck.playlist, 0, other).entry is None
    assert Deck(short, 0, replace(mark, entry=2, preset="c")).entry is None

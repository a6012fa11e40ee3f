"""Which of the known addresses may have been meant."""

from collections.abc import Iterable
from difflib import SequenceMatcher
from functools import lru_cache
from typing import NamedTuple, TypeAlias

_NORM = "/norm"
_ALIKE = 0.65  # likeness from which an address may have been meant: pis is psi, xyz is nothing
_COMPARED = 256  # addresses looked at: a model may have any number of clusters
_CLOSELY = 16  # of them that are compared letter by letter, which is slow


class _Word(NamedTuple):
    """Text, and its letters as a set of bits: one for each letter, another for its second, and so on."""

    text: str
    letters: int


class _Parts(NamedTuple):
    """What sets an address apart, whole and its last part."""

    whole: _Word
    last: _Word
    short: bool = False  # whether `/norm` was taken off


_Bits: TypeAlias = dict[tuple[str, int], int]


def nearest(address: str, known: tuple[str, ...]) -> str | None:
    """The known address most like this one; None when that is not much.

    The last part says most, what all addresses share nothing. Most are never looked at closely: how many letters two
    words share, in whatever order, bounds how alike they are.
    """
    if not known:
        return None
    normed = address.endswith(_NORM)
    bits, prepared = _prepared(known[:_COMPARED], normed)
    forms = _parts(address, bits, short=False), _parts(address, bits, short=normed)
    bounds = [
        (_weighed(_shared(sent.whole, there.whole), _shared(sent.last, there.last)), -place)
        for place, there in enumerate(prepared)
        for sent in (forms[there.short],)
    ]
    best = (_ALIKE, -len(prepared))
    for bound, place in sorted(bounds, reverse=True)[:_CLOSELY]:
        if bound < best[0]:
            break
        there = prepared[-place]
        sent = forms[there.short]
        best = max(best, (_weighed(_ratio(sent.whole, there.whole), _ratio(sent.last, there.last)), place))
    return known[-best[1]] if -best[1] < len(prepared) else None


@lru_cache(maxsize=4)  # the table in force, and what can be asked for
def _prepared(known: tuple[str, ...], normed: bool) -> tuple[_Bits, tuple[_Parts, ...]]:
    """`/norm` is taken off where it is on both sides."""
    bits: _Bits = {}
    for address in known:
        for letter in _counted(_distinct(address)):
            bits.setdefault(letter, 1 << len(bits))
    return bits, tuple(_parts(address, bits, short=normed and address.endswith(_NORM)) for address in known)


def _parts(address: str, bits: _Bits, *, short: bool) -> _Parts:
    text = _distinct(address).removesuffix(_NORM) if short else _distinct(address)
    return _Parts(_word(text, bits), _word(text.rpartition("/")[2], bits), short)


def _word(text: str, bits: _Bits) -> _Word:
    return _Word(text, sum(bits.get(letter, 0) for letter in _counted(text)))


def _counted(text: str) -> Iterable[tuple[str, int]]:
    """Each letter, and how often it has been there before."""
    return ((letter, text.count(letter, 0, i)) for i, letter in enumerate(text))


def _shared(a: _Word, b: _Word) -> float:
    """At least as much as their ratio."""
    length = len(a.text) + len(b.text)
    return 2 * (a.letters & b.letters).bit_count() / length if length else 1.0


def _ratio(a: _Word, b: _Word) -> float:
    return SequenceMatcher(None, a.text, b.text).ratio()


def _weighed(whole: float, last: float) -> float:
    return max(0.75 * whole, 0.4 * whole + 0.6 * last)


def _distinct(address: str) -> str:
    """What sets an address apart from the others: translate/x of /latentd/state/Translate_X."""
    return address.lower().removeprefix("/latentd/").removeprefix("state/").replace("_", "/").strip("/")

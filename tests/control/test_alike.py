import random
from difflib import SequenceMatcher

import pytest
from control.rig import CLUSTERS
from hypothesis import given
from hypothesis import strategies as st

from daemon.control.alike import nearest
from daemon.control.table import NORM, rows

KNOWN = tuple(address for row in rows(CLUSTERS) for address in (row.address, row.address + NORM)[: 1 + row.norm])[:256]


def likeness(a: str, b: str) -> float:
    """By the definition, letter by letter."""
    a, b = (address.lower().removeprefix("/latentd/").removeprefix("state/").replace("_", "/") for address in (a, b))
    if a.endswith(NORM) and b.endswith(NORM):
        a, b = a.removesuffix(NORM), b.removesuffix(NORM)
    whole = SequenceMatcher(None, a, b).ratio()
    last = SequenceMatcher(None, a.rpartition("/")[2], b.rpartition("/")[2]).ratio()
    return max(0.75 * whole, 0.4 * whole + 0.6 * last)


def slip(address: str, rng: random.Random) -> str:
    """One letter left out, doubled, or exchanged with the next."""
    at = rng.randrange(9, len(address) - 1)
    match rng.randrange(3):
        case 0:
            return address[:at] + address[at + 1 :]
        case 1:
            return address[:at] + address[at] + address[at:]
    return address[:at] + address[at + 1] + address[at] + address[at + 2 :]


@pytest.mark.parametrize("seed", range(150))
def test_after_a_slip_the_most_alike_of_all_is_found_without_comparing_all(seed):
    rng = random.Random(seed)
    sent = slip(rng.choice([address for address in KNOWN if len(address) > 11]), rng)
    best = max(likeness(sent, address) for address in KNOWN)
    found = nearest(sent, KNOWN)
    assert found == next(address for address in KNOWN if likeness(sent, address) == best) if best >= 0.65 else not found


@given(st.text(max_size=64))
def test_what_is_like_nothing_is_like_nothing_whatever_it_is(text):
    found = nearest(text, KNOWN)
    assert found is None or likeness(text.strip("/"), found) > 0.5
    assert nearest(text, ()) is None


def test_a_model_may_have_any_number_of_clusters():
    many = tuple(f"/latentd/cluster/c{i}" for i in range(5000))
    assert nearest("/latentd/cluster/c_12", many) is not None

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.control.pattern import matching
from daemon.control.table import rows

ADDRESSES = tuple(row.address for row in rows(["aggressive", "calm", "vibrant"]))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("/latentd/psi", ["/latentd/psi"]),
        ("/latentd/ps?", ["/latentd/psi"]),
        ("/latentd/psi*", ["/latentd/psi"]),
        ("/latentd/p?", []),
        ("*/calm", ["/latentd/cluster/calm"]),
        ("/latentd/gate*", ["/latentd/gate", "/latentd/gate/hold", "/latentd/gate/hysteresis", "/latentd/gate/enable"]),
        ("*", list(ADDRESSES)),
        ("**", list(ADDRESSES)),
        ("", []),
    ],
)
def test_stars_and_question_marks(pattern, expected):
    assert matching(pattern, ADDRESSES) == tuple(expected)


@given(st.text("ab*?", max_size=8), st.lists(st.text("ab", max_size=8), max_size=5))
def test_it_agrees_with_the_standard_library(pattern, names):
    assert matching(pattern, tuple(names)) == tuple(name for name in names if fnmatchcase(name, pattern))


@pytest.mark.timeout(20)
@pytest.mark.parametrize("pattern", ["*" * 10**6 + "Z", "*a" * 60 + "Z", "*?" * 60 + "Z", "*/" * 60, "?" * 128])
def test_a_hostile_pattern_costs_little(pattern):
    assert matching(pattern, ADDRESSES * 5) in (None, ())


def test_work_is_bounded_however_many_addresses_there_are():
    assert matching("*a*a*a*b", tuple("a" * 60 for _ in range(10_000))) is None

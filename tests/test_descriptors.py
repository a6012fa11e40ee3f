from pathlib import Path

import pytest

from daemon import descriptors
from daemon.descriptors import DESCRIPTORS, INDEX, LEVELS, NAMES, SETS, is_level, places

PAGE = Path(__file__).parents[1] / "docs" / "HEARING.md"


def test_the_page_of_what_is_heard_is_fresh():
    """`latentd features --markdown` prints what stands between the two comments."""
    _, begun, rest = PAGE.read_text(encoding="utf-8").partition("fresh -->\n")
    table, ended, _ = rest.partition("<!-- end -->")
    assert begun
    assert ended
    assert table == descriptors.markdown()


def test_every_descriptor_has_a_name_of_its_own_a_span_and_words():
    assert len(set(NAMES)) == len(NAMES)
    assert all(d.low < d.high and d.text for d in DESCRIPTORS)
    assert [INDEX[name] for name in NAMES] == list(range(len(NAMES)))


def test_the_sets_of_the_papers_have_their_sizes():
    assert len(set(SETS["moore23"])) == 23
    assert len(set(SETS["ragazzi5"])) == 5
    assert all(
        NAMES[place] == name for names in SETS.values() for place, name in zip(places(names), names, strict=True)
    )


@pytest.mark.parametrize(
    "name", ["rms", "gate", "beat", "beat/phase", "onset", "mfcc/13", "chroma/0", "band/0", "band/63"]
)
def test_what_a_route_may_begin_at(name):
    assert is_level(name)


@pytest.mark.parametrize(
    "name", ["", "band", "band/", "band/64", "band/-1", "band/1.0", "band/٣", "band/007", "mfcc/0", "Onset", "rms "]
)
def test_what_it_may_not(name):
    assert not is_level(name)


def test_every_level_is_explained():
    told = {name for name, _, _ in descriptors.explained()}
    assert set(LEVELS) <= told

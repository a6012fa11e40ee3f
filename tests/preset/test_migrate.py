from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon import document, preset
from daemon.errors import BadInput
from daemon.preset.migrate import STEPS, VERSION, upgraded

WORDS = st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3))


@given(st.dictionaries(st.text(max_size=8) | st.integers(), WORDS), st.sampled_from(sorted(STEPS)))
def test_a_step_gives_a_new_mapping_and_leaves_its_own_as_it_was(data, version):
    before = deepcopy(data)
    made = STEPS[version](data)
    assert data == before
    assert made is not data
    assert before.items() <= made.items() or "version" in before


def test_there_is_a_step_from_every_version_that_ever_was():
    assert sorted(STEPS) == list(range(1, VERSION))


def test_a_fade_of_version_one_stays_the_line_it_was():
    assert upgraded({"version": 1, "fade": 3}, "x") == {"version": 2, "curve": "linear", "fade": 3}
    assert upgraded({"version": 1, "curve": "smooth"}, "x") == {"version": 2, "curve": "smooth"}


@given(WORDS | st.dictionaries(st.text(max_size=8), WORDS))
def test_what_says_no_version_is_left_to_whoever_checks_it(data):
    version = data.get("version") if isinstance(data, dict) else None
    if not isinstance(version, int):
        assert upgraded(data, "x") is data


@pytest.mark.parametrize("version", [3, 99, 10**30])
def test_a_later_version_is_refused_in_one_sentence_whatever_else_is_wrong(version):
    with pytest.raises(BadInput) as e:
        document.parse(f"version: {version}\npsi: 900\nwhat: 1\n", preset.PresetFile, "preset x", upgraded)
    assert len(e.value.faults) == 1
    assert f"it is of version {version}, and this latentd reads up to 2: update latentd" in str(e.value)


@pytest.mark.parametrize("version", ["0", "-1", "true", "one", "1.5", "[1]", ""])
def test_a_version_that_never_was_is_a_fault(version):
    with pytest.raises(BadInput, match="version"):
        document.parse(f"version: {version}\n", preset.PresetFile, "preset x", upgraded)


def test_a_state_of_an_earlier_version_is_taken_up(tmp_path):
    from daemon import state

    (tmp_path / "state.yaml").write_text("version: 1\npreset: tide\npsi: 0.5\n")
    kept = state.load(tmp_path / "state.yaml")
    assert (kept.preset, kept.params.psi) == ("tide", 0.5)

import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spaces import LAYERS, curved

from daemon.mapping.chart import LIMIT, chart
from daemon.mapping.space import survey


class Counted:
    """A way to w that counts how many were asked for."""

    def __init__(self, **kind):
        self.facts, self._to_w = curved(**kind)
        self.asked = 0

    def to_w(self, z, psi, classes):
        self.asked += len(z)
        return self._to_w(z, psi, classes)

    def chart(self, *places):
        self.asked = 0
        return chart(self.facts, self.to_w, places)

    def same(self, space):
        wanted = survey(self.facts, self._to_w)
        arrays = [(getattr(space, name), getattr(wanted, name)) for name in ("mean", "std", "directions")]
        return all(np.array_equal(a, b) and not a.flags.writeable for a, b in arrays)


def test_a_survey_is_made_once_and_then_read(tmp_path):
    model, place = Counted(), tmp_path / "new" / "curved.space"
    assert model.same(model.chart(place))
    assert model.asked > 1000
    assert model.same(model.chart(place))
    assert model.asked < 20
    assert list(place.parent.iterdir()) == [place]  # nothing half written beside it
    assert place.stat().st_size < 10_000
    assert model.same(model.chart())


def test_another_network_of_the_same_name_is_surveyed_anew(tmp_path):
    place, first = tmp_path / "curved.space", Counted()
    first.chart(place)
    for other in (Counted(seed=5), Counted(scale=1.01)):
        assert other.same(other.chart(place))
        assert other.asked > 1000
        assert other.same(other.chart(place))
        assert other.asked < 20


def test_the_same_network_on_another_machine_is_the_same(tmp_path):
    place, model = tmp_path / "curved.space", Counted()
    model.chart(place)
    near = Counted(scale=1 + 1e-6)
    near.chart(place)
    assert near.asked < 20


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_chart_is_made_anew_and_mended(tmp_path, data):
    place, model = tmp_path / "curved.space", Counted()
    model.chart(place)
    whole = bytearray(place.read_bytes())
    kind = data.draw(st.sampled_from(["cut", "flip", "noise"]))
    if kind == "cut":
        whole = whole[: data.draw(st.integers(0, len(whole) - 1))]
    elif kind == "flip":
        for _ in range(data.draw(st.integers(1, 8))):
            whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    else:
        whole = bytearray(data.draw(st.binary(max_size=200)))
    place.write_bytes(whole)
    assert model.same(model.chart(place))
    assert model.same(model.chart(place))
    assert model.asked < 20


def test_a_file_of_something_else_is_not_believed(tmp_path):
    place, model = tmp_path / "curved.space", Counted()
    model.chart(place)
    good = safetensors.numpy.load(place.read_bytes())
    for key in ("mean", "std", "directions", "probes", "about"):
        bad = {k: v.copy() for k, v in good.items()}
        bad[key].flat[0] += 1
        place.write_bytes(safetensors.numpy.save(bad))
        assert model.same(model.chart(place)), key
    wrong = good | {"directions": good["directions"][:, :-1].copy()}
    for bad in (wrong, good | {"std": good["std"].astype(np.float64)}, good | {"more": good["std"]}):
        place.write_bytes(safetensors.numpy.save(bad))
        assert model.same(model.chart(place))
    place.write_bytes(bytes(LIMIT + 10))
    assert model.same(model.chart(place))


def test_where_one_place_cannot_be_written_the_next_is_taken(tmp_path):
    model, file = Counted(), tmp_path / "file"
    file.write_text("in the way")
    second = tmp_path / "home" / "curved.space"
    assert model.same(model.chart(file / "curved.space", second))
    assert second.exists()
    assert model.same(model.chart(file / "curved.space", second))
    assert model.asked < 20
    assert model.same(model.chart(file / "curved.space"))  # nowhere at all: made each time
    assert model.asked > 1000


@pytest.mark.skipif(sys.platform == "win32", reason="a folder opens differently there")
def test_a_folder_in_its_place_is_no_chart(tmp_path):
    model = Counted()
    Path(tmp_path / "curved.space").mkdir()
    assert model.same(model.chart(tmp_path / "curved.space"))


def test_a_survey_asks_for_few_w_at_once():
    model, most = Counted(), []

    def to_w(z, psi, classes):
        most.append(len(z) * LAYERS)
        return model.to_w(z, psi, classes)

    survey(model.facts, to_w)
    assert max(most) <= 2000

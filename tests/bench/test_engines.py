# ruff: noqa: N802, N803, N806 - G is what the paper and its users call a generator
"""Engines, what they are held against, and somebody else's."""

import sys
from dataclasses import dataclass
from textwrap import dedent

import numpy as np
import pytest
import torch

from daemon.bench import baseline, engines, layers, memory
from daemon.bench.networks import open_network
from daemon.bench.walk import walk
from daemon.errors import BadInput, RenderError
from stylegan3.inference import TorchPainter, ways

NAME = "random:t16:256:16:4"


@pytest.fixture(scope="module")
def G():
    return open_network(NAME).G


@pytest.fixture(scope="module")
def against(G):
    return engines.reference(G, walk(G, 8).ws, lambda: 0.0)


@dataclass
class Off:
    """A painter of known error."""

    G: object
    add: float
    engine: str = "off"
    precision: str = "float32"
    threads: int = 1

    def image(self, ws):
        return self.G.synthesis(torch.from_numpy(ws)[None])[0] + self.add

    def paint(self, ws, pixels):
        raise AssertionError("not asked for")


def test_a_walk_is_a_new_w_every_frame_near_the_last(G) -> None:
    way = walk(G, 1000)
    assert way.ws.shape == (240, G.num_ws, G.w_dim)
    steps = np.linalg.norm(np.diff(way.z, axis=0, append=way.z[:1]), axis=1)
    assert steps.min() > 0
    assert steps.max() < 0.06 * np.linalg.norm(way.z, axis=1).min()
    assert np.array_equal(walk(G, 5).z, way.z[:5])
    assert np.array_equal(walk(G, 5).transforms, way.transforms)
    assert np.allclose(walk(G, 5).ws, way.ws[:5], atol=1e-5)
    assert np.allclose(way.transforms[:, :2, :2] @ way.transforms[:, :2, :2].transpose(0, 2, 1), np.eye(2), atol=1e-6)


def test_the_walk_of_a_conditional_network_is_in_its_first_class() -> None:
    from goldens import path

    G = open_network(str(path("sg3t_64_cond"))).G
    way = walk(G, 2)
    with torch.inference_mode():
        want = G.mapping(torch.from_numpy(way.z), torch.eye(G.c_dim)[:1].expand(2, -1))
    assert np.array_equal(way.ws, want.numpy())


def test_errors_are_told_of_the_standard_deviation_of_the_pictures(G, against) -> None:
    std = against.pictures.std()
    with torch.inference_mode():
        found = engines.off(Off(G, 0.25), against)
    assert found.max == pytest.approx(0.25 / std, rel=1e-3)
    assert found.rms == pytest.approx(0.25 / std, rel=1e-3)
    with pytest.raises(RenderError, match="off paints numbers that are not finite"), torch.inference_mode():
        engines.off(Off(G, float("nan")), against)


def test_the_reference_is_the_network_in_float64_on_one_picture_where_that_takes_long(G) -> None:
    ws, hours = walk(G, 8).ws, iter(range(0, 100_000, 3600))
    short, long = engines.reference(G, ws, lambda: 0.0), engines.reference(G, ws, lambda: next(hours))
    assert (short.pictures.dtype, len(short.ws), len(long.ws)) == (np.float64, 3, 1)
    assert np.array_equal(short.ws, ws[[0, 4, 7]])
    assert np.array_equal(short.pictures[:1], long.pictures)
    assert next(G.parameters()).dtype == torch.float32


def test_every_engine_and_the_textbook_form_are_in_the_run(G, against) -> None:
    found = engines.builders(G, (), (), "", "cpu")
    assert [b.engine for b in found] == ["zero-insertion", *(way.name for way in reversed(ways(G)))]
    for entry, builder in zip(engines.build(found, 1, against), found, strict=True):
        assert (entry.painter.engine, entry.painter.threads) == (builder.engine, 1)
        assert 0 < entry.error.rms < entry.error.max < 5e-5
        assert entry.memory_mb is None or entry.memory_mb >= 0


def test_engines_are_picked_by_name_or_first_word(G) -> None:
    def picked(*only):
        return [b.engine for b in engines.builders(G, only, (), "", "cpu")]

    assert picked("torch") == ["torch"]
    assert picked("zero-insertion", "torch") == ["zero-insertion", "torch"]
    assert picked("fused") == [way.name for way in reversed(ways(G)) if way.name.startswith("fused ")]
    with pytest.raises(BadInput, match=r"under the name 'fus'; there are zero-insertion, .*torch"):
        picked("fus")


@pytest.mark.skipif(sys.platform != "linux", reason="counted on Linux")
def test_memory_is_what_is_added_at_its_highest() -> None:
    def act():
        passing = np.ones(60_000_000, np.uint8)
        kept = np.ones(20_000_000, np.uint8)
        return kept, len(passing)

    (kept, _), mb = memory.added(act)
    assert 60 < mb < 100
    assert memory.added(kept.sum)[1] < 20


def test_memory_that_nobody_counts_is_none(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(memory, "_PROC", tmp_path / "nowhere")
    assert memory.added(lambda: 7) == (7, None)


@pytest.mark.parametrize("name", [NAME, "random:sg2-16:256:16"])
def test_the_plain_network_tells_its_layers(name) -> None:
    G, tick = open_network(name).G, iter(range(10_000))
    painter = TorchPainter(G, torch.device("cpu"), 1)
    found = layers.profile(painter, walk(G, 1).ws[0], 3, lambda: next(tick))
    assert [p.layer for p in found] == list(range(5 if name == NAME else 3))
    assert all((p.kind, p.ms) == ("layer", 1000.0) for p in found)  # a tick of a second inside each
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in G.synthesis.modules())


def test_engines_that_time_their_phases_are_asked_and_others_are_not(G) -> None:
    ws = walk(G, 1).ws[0]
    for way in ways(G):
        painter = way.build(1)
        found = layers.profile(painter, ws, 2, lambda: 0.0)
        if isinstance(painter, layers.Profiled):
            assert {"conv", "filter", "rgb"} <= {p.kind for p in found}
            assert {p.layer for p in found if p.kind == "conv"} == {0, 1, 2, 3}
    assert layers.profile(Off(G, 0), ws, 2, lambda: 0.0) == ()


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a module beside us; it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    names = []

    def write(name, text):
        (tmp_path / f"{name}.py").write_text(dedent(text))
        names.append(name)

    yield write
    for name in names:
        sys.modules.pop(name, None)


OURS = """
    import numpy as np, torch
    import stylegan3

    def make(model, device):
        assert device == "cpu"
        G = stylegan3.load(model)

        def paint(ws):
            assert ws.dtype == np.float32 and ws.shape == (G.num_ws, G.w_dim)
            return G.synthesis(torch.from_numpy(ws)[None])

        return paint

    def grey(model, device):
        return lambda ws: np.zeros((3, 16, 16))

    def tiny(model, device):
        return lambda ws: np.zeros((3, 8, 8))

    def words(model, device):
        return lambda ws: "a picture"

    def falls(model, device):
        def paint(ws):
            raise RuntimeError("out of\\n  ideas")
        return paint

    def refuses(model, device):
        raise ValueError("not my kind of file")

    def none(model, device):
        return 3

    number = 3
"""


def test_a_baseline_is_one_more_engine(module, tmp_path, G, against) -> None:
    import stylegan3

    module("theirs", OURS)
    stylegan3.save(G, tmp_path / "it.safetensors")
    found = engines.builders(G, ("torch",), ("theirs:make",), str(tmp_path / "it.safetensors"), "cpu")
    assert [b.engine for b in found] == ["torch", "baseline theirs:make"]
    *_, entry = engines.build(found, 1, against)
    assert entry.painter.engine == "baseline theirs:make"
    assert entry.error.max < 5e-5
    pixels, same = np.zeros((16, 16, 4), np.uint8), np.zeros((16, 16, 4), np.uint8)
    entry.painter.paint(against.ws[0], pixels)
    TorchPainter(G, torch.device("cpu"), 1).paint(against.ws[0], same)
    assert np.array_equal(pixels, same)
    assert str(tmp_path) not in sys.path


def test_a_baseline_may_give_numpy_and_be_wrong(module, G, against) -> None:
    module("theirs", OURS)
    found = engines.builders(G, ("torch",), ("theirs:grey",), "", "cpu")
    *_, entry = engines.build(found, 1, against)
    assert entry.error.max > 1


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        ("theirs", "write module:factory"),
        ("theirs:", "write module:factory"),
        ("os;x:y", "write module:factory"),
        ("x" * 3000, "write module:factory"),
        ("nowhere_at_all:make", "ModuleNotFoundError"),
        ("broken:make", "SyntaxError"),
        ("theirs:nothing", "AttributeError"),
        ("theirs:number", "is a int"),
        ("theirs:refuses", "ValueError: not my kind of file"),
        ("theirs:none", "returned a int"),
        ("theirs:tiny", r"painted \[3, 8, 8\], not \[3, 16, 16\]"),
        ("theirs:words", "does not paint"),
        ("theirs:falls", "RuntimeError: out of ideas"),
    ],
)
def test_a_baseline_that_does_not_work_is_told_in_one_sentence(spec, word, module, G, against) -> None:
    module("theirs", OURS)
    module("broken", "def make(:")
    with pytest.raises(BadInput, match=word) as caught:
        list(engines.build(engines.builders(G, ("torch",), (spec,), "a.pkl", "cpu"), 1, against))
    said = str(caught.value)
    assert said.startswith("baseline: ")
    assert len(said) < 400
    assert len(said.splitlines()) == 1


def test_a_module_of_the_folder_is_not_left_in_the_path(module) -> None:
    module("broken", "raise OSError('no disk')")
    before = list(sys.path)
    with pytest.raises(BadInput, match="no disk"):
        baseline.BaselinePainter("broken:make", "", "cpu", (3, 16, 16), 1)
    assert sys.path == before

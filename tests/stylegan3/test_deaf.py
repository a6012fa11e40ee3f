# ruff: noqa: N803, N806 - G is what the paper and its users call a generator
"""Layers that are deaf to w: painted once while the picture stands still, and nobody can tell but by the clock."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Thread

import numpy as np
import pytest
import torch

from stylegan3 import Generator, StyleGAN2Config, StyleGAN3Config
from stylegan3.deaf import deaf_layers
from stylegan3.inference import Keeping, Painter, TorchPainter, layers_once
from stylegan3.kernels import fused
from stylegan3.prepared import PreparedPainter, alias_free, prepare

T = StyleGAN3Config(img_resolution=32, z_dim=8, w_dim=9, channel_base=2048, channel_max=45, num_layers=6, margin_size=3)
R = StyleGAN3Config(
    img_resolution=32, z_dim=8, w_dim=16, channel_base=1024, channel_max=40, num_layers=5, conv_kernel=1,
    use_radial_filters=True, conv_clamp=1.0,
)  # fmt: skip
HIDDEN = {T: 6, R: 5}
ENGINES = [*(f"fused {build}" for build in fused.builds()), "prepared"]
HOME = torch.eye(3)
TURNED = torch.tensor([[0.8, -0.6, 0.1], [0.6, 0.8, -0.2], [0.0, 0.0, 1.0]])
MOVED = torch.tensor([[1.0, 0.0, -0.3], [0.0, 1.0, 0.05], [0.0, 0.0, 1.0]])


def network(config: StyleGAN3Config, deaf: int, seed: int = 0) -> Generator:
    """Random; the input and the first so many layers hear nothing."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        G = Generator(config).eval().requires_grad_(requires_grad=False)
        for layer in G.synthesis.layers:
            layer.bias.normal_(std=0.3)
            layer.affine.bias.normal_()
            layer.magnitude_ema.fill_(0.3)
        G.synthesis.input.affine.bias.normal_()
        for layer in G.synthesis.layers[:deaf]:
            layer.affine.weight.zero_()
    return G


def ws_of(G: Generator, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((G.num_ws, G.w_dim)).astype(np.float32)


def build(engine: str, G: Generator, threads: int = 1) -> Painter:
    if engine == "prepared":
        made = prepare(G, threads)
        assert made is not None
        return made
    return fused.FusedPainter(engine.removeprefix("fused "), G, threads)


def forgetful(engine: str, G: Generator, threads: int = 1) -> Painter:
    """The same engine, told that every layer hears."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (fused, alias_free):
            patch.setattr(module, "deaf_layers", lambda _: 0)
        painter = build(engine, G, threads)
    assert layers_once(painter) == 0
    return painter


def place(G: Generator, transform: torch.Tensor) -> None:
    G.synthesis.input.transform.copy_(transform)


@dataclass
class Pair:
    """A painter, and one that keeps nothing, of one network."""

    G: Generator
    keeping: Painter
    forgetful: Painter

    @classmethod
    def of(cls, engine: str, config: StyleGAN3Config, deaf: int, threads: int = 1) -> "Pair":
        G = network(config, deaf)
        return cls(G, build(engine, G, threads), forgetful(engine, G, threads))

    def paint_alike(self, transform: torch.Tensor, seed: int) -> bytes:
        """One picture by both, which are the same bits; those."""
        place(self.G, transform)
        ws = ws_of(self.G, seed)
        got, want = (painter.image(ws).numpy().tobytes() for painter in (self.keeping, self.forgetful))
        assert got == want
        assert np.array_equal(ws, ws_of(self.G, seed))
        return got


def kept(painter: Painter, G: Generator, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the next picture, of the same place, does without the layers that are deaf."""
    if isinstance(painter, fused.FusedPainter):
        n = painter._library.sg3_phases(painter._net, None, None)
        times = np.full(n, np.nan)
        painter._library.sg3_time(painter._net, times.ctypes.data)
        painter.image(ws_of(G))
        painter._library.sg3_time(painter._net, None)
        return not times[1 : 2 + 2 * painter.layers_once].any()
    painted: list[int] = []
    plain = alias_free._Features.__call__

    def features(self: alias_free._Features, w: torch.Tensor) -> torch.Tensor:
        painted.append(1)
        return plain(self, w)

    with monkeypatch.context() as patch:
        patch.setattr(alias_free._Features, "__call__", features)
        painter.image(ws_of(G))
    return not painted


def test_the_layers_that_are_deaf_are_told_from_the_weights() -> None:
    assert [deaf_layers(network(T, deaf).synthesis) for deaf in range(7)] == [0, 1, 2, 3, 4, 5, 6]
    all_deaf = network(T, 7).synthesis
    assert deaf_layers(all_deaf) == 6  # ToRGB is not counted
    for value in (1e-30, -1e-45, float("nan")):  # whatever is not zero is heard
        broken = network(T, 5).synthesis
        broken.layers[3].affine.weight[-1, -1] = value
        assert deaf_layers(broken) == 3
    broken.layers[0].affine.weight[0, 0] = 1e-3
    assert deaf_layers(broken) == 0
    listening = network(T, 5).synthesis
    listening.input.affine.weight[2, 3] = 1e-9
    assert deaf_layers(listening) == 0


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("config", "deaf"), [(T, 1), (T, 4), (T, 6), (T, 7), (R, 2), (R, 5)], ids=lambda v: getattr(v, "variant", v)
)
def test_what_is_kept_paints_the_same_bits_as_what_is_painted(engine: str, config: StyleGAN3Config, deaf: int) -> None:
    pair = Pair.of(engine, config, deaf, threads=2)
    assert layers_once(pair.keeping) == min(deaf, HIDDEN[config])
    seen = {pair.paint_alike(HOME, seed) for seed in range(4)}
    assert len(seen) == (4 if deaf < 7 else 1)
    for transform in (TURNED, HOME, HOME, TURNED, TURNED, TURNED, MOVED, TURNED, MOVED, MOVED, HOME, MOVED):
        seen |= {pair.paint_alike(transform, seed) for seed in (0, 1)}
    assert len(seen) == (4 + 2 * 2 if deaf < 7 else 3)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_picture_that_moves_every_frame_is_painted_whole_every_frame(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = Pair.of(engine, T, 4)
    pair.paint_alike(HOME, 0)
    for i in range(1, 6):
        transform = HOME.clone()
        transform[0, 2] = 0.01 * i
        assert not kept_at(pair, transform, monkeypatch)
    assert kept_at(pair, HOME, monkeypatch)  # which moving has not cost


def kept_at(pair: Pair, transform: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> bool:
    place(pair.G, transform)
    return kept(pair.keeping, pair.G, monkeypatch)


@pytest.mark.parametrize("engine", ENGINES)
def test_layers_are_kept_from_the_first_picture_on_and_when_two_stand_alike(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = Pair.of(engine, T, 4)
    stands = [HOME, HOME, TURNED, HOME, TURNED, TURNED, TURNED, HOME, TURNED, HOME, HOME, HOME, TURNED]
    found = [kept_at(pair, transform, monkeypatch) for transform in stands]
    assert found == [False, True, False, True, False, False, True, False, True, False, False, True, False]


@pytest.mark.parametrize("engine", ENGINES)
def test_minus_zero_and_what_is_no_number_are_places_of_their_own(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = Pair.of(engine, T, 4)
    minus, none = HOME.clone(), HOME.clone()
    minus[0, 1], none[1, 2] = -0.0, torch.nan
    stands = [HOME, minus, minus, minus, none, none, none]
    assert [kept_at(pair, t, monkeypatch) for t in stands] == [False, False, False, True, False, False, True]
    for transform in (none, HOME, HOME, minus, HOME, none, HOME):
        pair.paint_alike(transform, 1)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_w_that_is_no_number_is_not_kept(engine: str, bad: float) -> None:
    pair = Pair.of(engine, T, 4)
    pair.keeping.image(np.full_like(ws_of(pair.G), bad))
    pair.paint_alike(HOME, 0)
    place(pair.G, TURNED)
    for _ in range(2):
        assert pair.keeping.image(np.full_like(ws_of(pair.G), bad)).isnan().any()
    pair.paint_alike(TURNED, 0)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_layer_that_hears_ends_what_is_kept(engine: str) -> None:
    G = network(T, 5)
    G.synthesis.layers[2].affine.weight[0, 0] = 0.5
    pair = Pair(G, build(engine, G), forgetful(engine, G))
    assert layers_once(pair.keeping) == 2
    ws = ws_of(G)
    others = np.broadcast_to(ws_of(G, 1), ws.shape)
    first = pair.keeping.image(ws).clone()
    ws[3] = others[3]  # L2's
    assert not torch.equal(pair.keeping.image(ws), first)
    assert torch.equal(pair.keeping.image(ws), pair.forgetful.image(ws))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_network_that_hears_from_the_beginning_keeps_nothing(engine: str) -> None:
    for part in ("input", "L0"):
        G = network(T, 5)
        heard = G.synthesis.input if part == "input" else G.synthesis.layers[0]
        heard.affine.weight.normal_()
        painter = build(engine, G)
        assert layers_once(painter) == 0
        if isinstance(painter, fused.FusedPainter):
            assert "kept" not in {phase.kind for phase in painter.profile(ws_of(G), 1)}
        else:
            assert painter._network._kept is None
        assert torch.equal(painter.image(ws_of(G)), forgetful(engine, G).image(ws_of(G)))


def test_only_engines_that_keep_say_so() -> None:
    G = network(T, 4)
    assert layers_once(TorchPainter(G, torch.device("cpu"), 1)) == 0
    two = prepare(Generator(StyleGAN2Config(16, z_dim=8, w_dim=8, channel_base=64, mapping_layers=1)), 1)
    assert isinstance(two, Keeping)
    assert two.layers_once == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_painters_side_by_side_keep_each_its_own(engine: str) -> None:
    """Two of one network, which share its transform, and one of another."""
    one, other = Pair.of(engine, T, 4), Pair.of(engine, T, 3)
    second = Pair(one.G, build(engine, one.G), one.forgetful)
    for transform in (HOME, HOME, TURNED, HOME, TURNED, TURNED, HOME):
        for seed, pair in enumerate((one, other, second, one)):
            pair.paint_alike(transform, seed)
    del second
    one.paint_alike(HOME, 9)


@pytest.mark.parametrize("engine", ENGINES[:1])
def test_bits_do_not_depend_on_threads_and_painters_come_and_go(engine: str) -> None:
    G = network(T, 4)
    want = {name: forgetful_at(engine, G, transform) for name, transform in (("home", HOME), ("turned", TURNED))}
    wrong: list[str] = []

    def show(own: Generator) -> None:
        for threads in (1, 2, 3, 7):
            painter = build(engine, own, threads)
            for name, transform in (("home", HOME), ("home", HOME), ("turned", TURNED), ("turned", TURNED)) * 2:
                place(own, transform)
                if painter.image(ws_of(own)).numpy().tobytes() != want[name]:
                    wrong.append(f"{name} with {threads}")

    callers = [Thread(target=show, args=(network(T, 4),)) for _ in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


def forgetful_at(engine: str, G: Generator, transform: torch.Tensor) -> bytes:
    place(G, transform)
    return forgetful(engine, G).image(ws_of(G)).numpy().tobytes()


@pytest.mark.skipif(not fused.builds(), reason="the kernel is not built")
@pytest.mark.parametrize("before", [(), (TURNED,), (TURNED, TURNED), (HOME, TURNED)], ids=len)
def test_a_profile_is_of_the_picture_that_stands_still(before: tuple[torch.Tensor, ...]) -> None:
    G = network(T, 4)
    painter = fused.FusedPainter(fused.builds()[0], G, 2)
    for transform in before:
        place(G, transform)
        painter.image(ws_of(G))
    place(G, HOME)
    phases = painter.profile(ws_of(G), 1)
    layers = [(kind, layer) for layer in range(6) for kind in ("conv", "filter")]
    assert [(p.kind, p.layer) for p in phases] == [
        ("styles", None), ("fourier", None), *layers[:8], ("kept", None), *layers[8:], ("rgb", 6),
    ]  # fmt: skip
    once = [p for p in phases if p.kind == "fourier" or (p.layer is not None and p.layer < 4)]
    assert all((p.ms == 0) == (p in once) for p in phases)


@pytest.mark.skipif(not fused.builds(), reason="the kernel is not built")
def test_a_frame_in_which_the_picture_moves_is_timed_layer_by_layer() -> None:
    G = network(T, 4)
    painter = fused.FusedPainter(fused.builds()[0], G, 1)
    painter.image(ws_of(G))
    n = painter._library.sg3_phases(painter._net, None, None)
    times = np.full(n, np.nan)
    painter._library.sg3_time(painter._net, times.ctypes.data)
    try:
        place(G, MOVED)
        painter.image(ws_of(G))
    finally:
        painter._library.sg3_time(painter._net, None)
    assert [i for i, ms in enumerate(times) if ms == 0] == [2 + 2 * 4]  # nothing is taken from what was kept


def test_what_is_kept_outlives_a_layer_that_writes_to_its_input() -> None:
    wide = replace(T, channel_base=4096, channel_max=90)
    for deaf, overwritten in ((2, True), (3, False)):
        pair = Pair.of("prepared", wide, deaf)
        assert isinstance(pair.keeping, PreparedPainter)
        assert isinstance(pair.keeping._network, alias_free.AliasFree)
        assert pair.keeping._network._layers[deaf].convolution.scales_features is overwritten
        for seed in range(4):
            pair.paint_alike(HOME, seed)


Make = Callable[[], torch.Tensor]


def test_what_was_not_painted_to_the_end_is_not_kept() -> None:
    from stylegan3.prepared.kept import Kept

    keep = Kept(torch.zeros(3), overwritten=False)
    calls: list[str] = []

    def painted(name: str, value: float) -> Make:
        def paint() -> torch.Tensor:
            calls.append(name)
            return torch.full((3,), value)

        return paint

    def fails() -> torch.Tensor:
        raise MemoryError

    with pytest.raises(MemoryError):
        keep.given(b"a", fails)
    assert keep.given(b"a", painted("a", 1.0)).tolist() == [1, 1, 1]
    with pytest.raises(MemoryError):
        keep.given(b"b", fails)
    assert keep.given(b"a", painted("a again", 9.0)).tolist() == [1, 1, 1]
    assert keep.given(b"b", painted("b", 2.0)).tolist() == [2, 2, 2]
    assert keep.given(b"a", painted("a again", 9.0)).tolist() == [1, 1, 1]
    assert calls == ["a", "b"]

# ruff: noqa: N806 - G is what the paper and its users call a generator
"""A frame as a graph, on a stand-in that forbids what a capture forbids; first, that the stand-in is strict."""

import pytest
import torch
from gpu_network import CPU, KINDS, each, exact, frame_of, network, plain, ws_of
from recording import CaptureRefusedError, StandIn, launch

from stylegan3.gpu.banded import BandedFilters
from stylegan3.gpu.fir import reference
from stylegan3.gpu.frame import Frame
from stylegan3.gpu.graph import WARM_UPS, run_eagerly
from stylegan3.gpu.packed import Packed


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x: x.sum().item(),
        lambda x: x.tolist(),
        lambda x: x.mul_(torch.tensor(2.0)),
        lambda x: x[x > 0],
        lambda x: torch.zeros(3).add_(x[:3]),
        lambda x: x.mul_(2) if x.sum() > 0 else x,
        lambda x: x.nonzero(),
        lambda x: x.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0])),
    ],
)
def test_the_stand_in_refuses_what_a_capture_refuses(wrong) -> None:
    x = torch.arange(4.0)
    with pytest.raises(CaptureRefusedError, match="not permitted"):
        StandIn()(lambda: wrong(x))


def test_the_stand_in_does_not_run_what_it_records() -> None:
    x, made = torch.zeros(3), []

    def work() -> None:
        x.add_(1)
        made[:] = [x * 2]

    replay = StandIn()(work)
    assert x.tolist() == [WARM_UPS] * 3  # three warm-ups, and no more
    assert made[0].isnan().all()
    replay()
    assert x.tolist() == [WARM_UPS + 1] * 3
    assert made[0].tolist() == [2 * (WARM_UPS + 1)] * 3


def test_the_stand_in_replays_blindly_what_the_host_has_decided_once() -> None:
    x, gain = torch.ones(3), [2.0]
    replay = StandIn()(lambda: x.mul_(gain[0]))
    x.fill_(1)
    gain[0] = 5.0
    replay()
    assert x.tolist() == [2, 2, 2]


def test_the_stand_in_sees_memory_that_moves() -> None:
    x = torch.ones(3)
    replay = StandIn()(lambda: x.mul_(2))
    x.data = torch.ones(3)
    with pytest.raises(AssertionError, match="has moved"):
        replay()


def test_the_stand_in_takes_a_kernel_as_one_launch() -> None:
    x, y, stand_in = torch.ones(3), torch.zeros(3), StandIn()
    replay = stand_in(lambda: launch("ours", lambda: y.copy_(x.tolist()[0] * torch.ones(3)), (y,), (x,)))
    assert stand_in.recordings[0].names == ["ours"]
    x.fill_(7)
    assert y.tolist() == [1, 1, 1]
    replay()
    assert y.tolist() == [7, 7, 7]


class Kernel:
    """The definition, launched as our kernel is: one step of a graph."""

    def __init__(self, spec, dtype, device) -> None:
        self._spec = spec

    def __call__(self, x, demod, bias, style, out) -> None:
        def run() -> None:
            out.copy_(reference(self._spec, x, demod, bias, style))

        launch("fir", run, (out,), (x, demod, bias, style))


FILTERS = {"kernel": lambda: each(Kernel), "banded": BandedFilters}


@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("kind", KINDS)
@torch.inference_mode()
def test_a_recorded_frame_follows_what_is_put_into_its_static_memory(kind: str, filters: str) -> None:
    G = network(KINDS[kind])
    frame = Frame(Packed(G.synthesis, torch.float32, CPU), FILTERS[filters]())
    replay = StandIn()(frame)
    shown = frame.rgba.clone()
    for seed in (1, 2):
        ws, matrix = ws_of(G, seed), torch.tensor([[0.6, -0.8, 0.1 * seed], [0.8, 0.6, 0], [0, 0, 1]])
        frame.w.copy_(torch.from_numpy(ws))
        frame.transform.copy_(matrix)
        replay()
        G.synthesis.input.transform.copy_(matrix)
        want = exact(G, ws)
        assert (frame.image() - want).abs().max() < 1e-5 * want.std()
        assert not torch.equal(shown, frame.rgba)
        shown = frame.rgba.clone()


@torch.inference_mode()
def test_a_layer_is_a_convolution_and_a_filter_and_the_rest_are_few() -> None:
    """PERF.md 3.1 counts two launches a layer and a few beside them."""
    for kind in ("T", "R"):
        G = network(KINDS[kind])
        stand_in = StandIn()
        stand_in(Frame(Packed(G.synthesis, torch.float32, CPU), each(Kernel)))
        layers = len(G.synthesis.layers) - 1
        views = {"slice", "select", "view", "t", "permute", "unsqueeze", "expand", "as_strided", "_unsafe_view"}
        names = [name for name in stand_in.recordings[0].names if name not in views]
        assert names.count("fir") == layers
        assert names.count("conv2d") == (layers if kind == "T" else 0)
        assert len(names) <= 2 * layers + 55


def test_what_raises_during_a_recording_comes_out_as_it_is() -> None:
    with pytest.raises(CaptureRefusedError, match="previous error"):
        StandIn(refuse_after=20)(frame_of(network(KINDS["T"]), torch.float32, BandedFilters()))


def test_without_a_recording_the_list_is_run() -> None:
    G, ws, want = plain("T")
    frame = frame_of(G, torch.float32)
    frame.w.copy_(torch.from_numpy(ws))
    run_eagerly(frame)()
    assert (frame.image() - want).abs().max() < 1e-5 * want.std()

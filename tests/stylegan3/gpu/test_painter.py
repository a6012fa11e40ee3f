# ruff: noqa: N803, N806 - G is what the paper and its users call a generator
"""The GPU's painter on a CPU: recorded by the stand-in, marked by a stream that goes on only when it is told to."""

import gc
import weakref
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from gpu_network import CPU, KINDS, STYLEGAN2, exact, network, plain, ws_of
from recording import StandIn

from stylegan3 import Generator
from stylegan3.gpu.banded import BandedFilters
from stylegan3.gpu.graph import run_eagerly
from stylegan3.gpu.painter import GpuPainter
from stylegan3.inference import Keeping, TorchPainter, to_rgba

TURN = torch.tensor([[0.6, -0.8, 0.3], [0.8, 0.6, -0.1], [0, 0, 1]])


def painter(G: Generator, capture=run_eagerly, dtype=torch.float32, mark=None) -> GpuPainter:
    return GpuPainter(G, BandedFilters(), capture, engine="here", dtype=dtype, device=CPU, mark=mark)


def near(got: torch.Tensor, want: torch.Tensor) -> bool:
    return bool((got - want).abs().max() < 1e-5 * want.std())


@pytest.mark.parametrize("deaf", [0, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_a_recorded_painter_draws_every_w_it_is_given(kind: str, deaf: int) -> None:
    G = network(KINDS[kind], deaf=deaf)
    made = painter(G, StandIn())
    for seed in (1, 2, 3):
        ws = ws_of(G, seed)
        assert near(made.image(ws), exact(G, ws))


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_are_those_of_the_plain_painter_on_host_and_device(kind: str) -> None:
    G, ws, want = plain(kind)
    made = painter(G, StandIn(), torch.float64)
    n = G.img_resolution
    expected, pixels, out = np.zeros((n, n, 4), np.uint8), np.zeros((n, n, 4), np.uint8), torch.zeros(n, n, 4).byte()
    to_rgba(want, expected)
    made.paint(ws, pixels)
    made.paint_into(ws, out)
    assert np.array_equal(pixels, expected)
    assert np.array_equal(out.numpy(), expected)


def test_the_transform_is_the_networks_at_each_frame() -> None:
    G = network(KINDS["T"])
    ws, made = ws_of(G), painter(G, StandIn())
    still = made.image(ws).clone()
    G.synthesis.input.transform.copy_(TURN)
    assert near(made.image(ws), exact(G, ws))
    assert not near(made.image(ws), still.double())
    G.synthesis.input.transform.copy_(torch.eye(3))
    assert torch.equal(made.image(ws), still)


def test_layers_deaf_to_w_are_drawn_again_only_when_the_picture_moves() -> None:
    G = network(KINDS["R"], deaf=2)
    stand_in = StandIn()
    made = painter(G, stand_in)
    begin, finish = stand_in.recordings
    assert isinstance(made, Keeping)
    assert made.layers_once == 2
    for seed in range(3):
        made.image(ws_of(G, seed))
    assert (begin.replays, finish.replays) == (1, 3)
    G.synthesis.input.transform.copy_(TURN)
    assert near(made.image(ws_of(G)), exact(G, ws_of(G)))
    assert near(made.image(ws_of(G, 1)), exact(G, ws_of(G, 1)))
    assert (begin.replays, finish.replays) == (2, 5)


def test_a_w_of_no_numbers_does_not_stay_in_what_is_kept() -> None:
    G = network(KINDS["T"], deaf=2)
    made, ws = painter(G, StandIn()), ws_of(G)
    assert made.image(np.full_like(ws, np.nan)).isnan().any()
    assert near(made.image(ws), exact(G, ws))


def test_what_is_kept_is_drawn_anew_after_it_could_not_be_drawn() -> None:
    G = network(KINDS["T"], deaf=2)
    made, ws = painter(G), ws_of(G)
    made.image(ws)
    good, made._begin = made._begin, lambda: (_ for _ in ()).throw(RuntimeError("lost"))
    G.synthesis.input.transform.copy_(TURN)
    with pytest.raises(RuntimeError, match="lost"):
        made.image(ws)
    G.synthesis.input.transform.copy_(torch.eye(3))
    with torch.inference_mode():
        made._frame._kept.fill_(torch.nan)  # half drawn
    made._begin = good
    assert near(made.image(ws), exact(G, ws))


@dataclass
class Stream:
    """Marks that are reached when `go` says so; waiting for one that is not is noted, and reaches it."""

    marks: "list[Mark]" = field(default_factory=list)
    waits: int = 0
    clock: float = 0.0

    def mark(self) -> "Mark":
        return Mark(self)

    def go(self) -> None:
        for mark in self.marks:
            mark.reached = True


@dataclass(eq=False)
class Mark:
    stream: Stream
    reached: bool = True
    at: float = 0.0

    def record(self) -> None:
        self.reached, self.at = False, self.stream.clock
        self.stream.clock += 1.0
        self.stream.marks.append(self)

    def query(self) -> bool:
        return self.reached

    def synchronize(self) -> None:
        self.stream.waits += 1
        self.stream.go()

    def elapsed_time(self, end_event: "Mark") -> float:
        assert self.reached
        assert end_event.reached
        return end_event.at - self.at


def test_nothing_is_waited_for_with_as_many_frames_in_flight_as_there_may_be() -> None:
    G, ws, _ = plain("T")
    stream = Stream()
    made = painter(G, lambda work: lambda: None, mark=stream.mark)
    out = torch.zeros(32, 32, 4).byte()
    for _ in range(20):  # two in flight: one is done when the third begins
        made.paint_into(ws, out)
        made.paint_into(ws, out)
        stream.go()
    assert stream.waits == 0


def test_numbers_on_their_way_are_not_written_over_by_those_of_a_later_frame() -> None:
    G, ws, _ = plain("T")
    stream = Stream()
    made = painter(G, lambda work: lambda: None, mark=stream.mark)
    out = torch.zeros(32, 32, 4).byte()
    for _ in made._seats:
        made.paint_into(ws, out)
    assert stream.waits == 0
    made.paint_into(ws, out)  # into memory that the device has not read: it must wait
    assert stream.waits == 1


def test_w_is_taken_before_paint_into_returns() -> None:
    G, ws, _ = plain("T")
    sent = []
    made = painter(G, lambda work: lambda: sent.append(made._frame.w.clone()))
    mine = ws.copy()
    made.paint_into(mine, torch.zeros(32, 32, 4).byte())
    seat = made._seats[0].ws
    mine.fill(7)
    assert torch.equal(seat, torch.from_numpy(ws))
    assert torch.equal(sent[0], seat)


def test_each_part_is_timed_by_marks_in_the_stream() -> None:
    G, ws, _ = plain("T")
    stream = Stream()
    phases = painter(G, mark=stream.mark).profile(ws, 3)
    layers = range(len(G.synthesis.layers) - 1)
    assert [(p.kind, p.layer) for p in phases] == [
        ("styles", None),
        ("fourier", None),
        *((kind, i) for i in layers for kind in ("conv", "filter")),
        ("rgb", len(layers)),
    ]
    assert {p.ms for p in phases} == {1.0}
    assert painter(G).profile(ws, 3) == ()  # where there are no marks


def test_its_memory_goes_when_it_goes() -> None:
    G, ws, _ = plain("T")
    made = painter(G)
    made.image(ws)
    memory = weakref.ref(made._frame)
    gc.disable()
    try:
        del made
        assert memory() is None
    finally:
        gc.enable()


@pytest.mark.parametrize(("shape", "dtype"), [((31, 32, 4), torch.uint8), ((32, 32, 4), torch.float32)])
def test_memory_of_another_shape_or_type_is_refused(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    G, ws, _ = plain("T")
    with pytest.raises(ValueError, match="out must be uint8"):
        painter(G).paint_into(ws, torch.zeros(shape, dtype=dtype))
    with pytest.raises(ValueError, match="ws must be"):
        painter(G).image(ws[1:])
    with pytest.raises(ValueError, match="pixels must be"):
        painter(G).paint(ws, np.zeros((4, 4, 4), np.uint8))


def test_stylegan2_is_left_to_the_plain_network() -> None:
    with pytest.raises(ValueError, match="StyleGAN3 only"):
        painter(Generator(STYLEGAN2))


def test_the_network_stays_on_the_host_when_a_copy_of_it_paints_elsewhere() -> None:
    G = network(KINDS["T"])
    made = TorchPainter(G, torch.device("meta"))
    assert {p.device.type for p in G.parameters()} == {"cpu"}
    assert {p.device.type for p in made.network.parameters()} == {"meta"}
    assert made._source is G.synthesis.input

# ruff: noqa: N806 - G is what the paper and its users call a generator
"""The choice of an engine and of a number of threads, with engines and a clock that are ours; then with real ones."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
import pytest
import torch
from torch import Tensor

from stylegan3 import Generator, StyleGAN2Config, StyleGAN3Config
from stylegan3.choice import Choice, InForce, choose, cores, ladder, race
from stylegan3.errors import EngineError
from stylegan3.inference import Painter, Way, _small, _small_error, every_painter, layers_once, ways
from stylegan3.noise import STILL, Noise
from stylegan3.turning import turned

WS = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
PICTURE = torch.from_numpy(np.random.default_rng(1).standard_normal((3, 8, 8)).astype(np.float32))
Cost = Callable[[int], float]  # threads -> s a picture
SMALL = (
    StyleGAN3Config(img_resolution=16, z_dim=8, w_dim=20, channel_base=160, channel_max=20, num_layers=4, c_dim=3),
    StyleGAN2Config(img_resolution=16, z_dim=8, w_dim=20, channel_base=160, channel_max=20),
)


@dataclass
class Machine:
    """A clock that only painting and turning move, where the picture lies, and every picture that was asked for."""

    time: float = 100.0
    place: int = 0  # the picture is in its own
    turns: int = 0
    painted: list[tuple[str, int]] = field(default_factory=list)
    built: list[tuple[str, int]] = field(default_factory=list)

    def now(self) -> float:
        return self.time

    @contextmanager
    def turning(self) -> Iterator[Callable[[], None]]:
        """As `turned`; turning takes a time of its own, which is no engine's."""
        assert self.place == 0

        def turn() -> None:
            self.turns += 1
            self.place = self.turns
            self.time += 0.01

        try:
            yield turn
        finally:
            self.place = 0

    def way(
        self,
        name: str,
        cost: Cost,
        picture: Tensor | Exception = PICTURE,
        small: float | None = None,
        warm: float = 0,
        deaf: Cost | None = None,
    ) -> Way:
        """`cost` of a picture, and of its first `warm` besides; `deaf`: of layers that are not painted every time."""

        def build(threads: int) -> Painter:
            assert 1 <= threads <= 64
            self.built.append((name, threads))
            if deaf is None:
                return FakePainter(self, name, threads, cost(threads), picture, warm)
            return KeepingPainter(self, name, threads, cost(threads), picture, warm, deaf=deaf(threads))

        return Way(name, build, None if small is None else lambda: small)

    def counts(self, name: str) -> list[int]:
        return [threads for built, threads in self.built if built == name]


class FakePainter:
    """Paints one picture at its own price; as the real ones, it overwrites what it returned."""

    precision = "float32"

    def __init__(
        self, machine: Machine, name: str, threads: int, cost: float, picture: Tensor | Exception, warm: float
    ) -> None:
        self.engine, self.threads = name, threads
        self._machine, self._cost, self._what, self._first = machine, cost, picture, warm
        self._shown = torch.zeros(0)

    def image(self, ws: np.ndarray, noise: Noise = STILL) -> Tensor:
        assert ws is WS
        assert noise is STILL
        self._shown.fill_(torch.nan)
        self._machine.time += self._cost + self._first
        self._first = 0.0
        self._machine.painted.append((self.engine, self.threads))
        if isinstance(self._what, Exception):
            raise self._what
        self._shown = self._what.clone()
        return self._shown

    def paint(self, ws: np.ndarray, pixels: np.ndarray, noise: Noise = STILL) -> None:
        raise AssertionError("a choice needs no pixels")


class KeepingPainter(FakePainter):
    """Does not paint its deaf layers again while the picture stands where it stood at first, or before."""

    layers_once = 2

    def __init__(self, *made, deaf: float) -> None:
        super().__init__(*made)
        self._deaf, self._kept, self._last = deaf, None, None

    def image(self, ws: np.ndarray, noise: Noise = STILL) -> Tensor:
        place, last = self._machine.place, self._last
        if place != self._kept:
            self._machine.time += self._deaf
            if self._kept is None or place == last:
                self._kept = place
        self._last = place
        return super().image(ws, noise)


def flat(seconds: float) -> Cost:
    return lambda threads: seconds


def shared(seconds: float, most: int = 1000) -> Cost:
    """Perfect sharing up to so many threads, then slower again."""
    return lambda threads: seconds / min(threads, most) * (1 + 0.2 * max(threads / most - 1, 0))


def run(machine: Machine, *ways: Way, cores: int = 4, budget: float | None = 0.033, **wishes) -> Choice:
    try:
        return race(ways, WS, now=machine.now, turning=machine.turning, budget=budget, cores=cores, **wishes)
    finally:
        assert machine.place == 0


def reason(choice: Choice, engine: str) -> str | None:
    (found,) = {trial.reason for trial in choice.trials if trial.engine == engine}
    return found


def test_the_fastest_engine_that_agrees_is_taken() -> None:
    machine = Machine()
    near = PICTURE + 2e-5 * torch.sign(PICTURE)
    chosen = run(
        machine,
        machine.way("a", flat(0.012)),
        machine.way("b", flat(0.010), near),
        machine.way("torch", flat(0.05)),
    )
    assert chosen.painter.engine == "b"
    (trial,) = [t for t in chosen.trials if t.engine == "b" and t.error is not None]
    assert trial.error == pytest.approx(2e-5 / float(PICTURE.std()), rel=0.01)
    assert "passed over: a with 3 threads: 12.0 ms" in str(chosen)
    assert "\n" not in str(chosen)


@pytest.mark.parametrize("scale", [1, 10])  # ten times as long is a big network's, timed by one picture
@pytest.mark.parametrize(("deaf", "taken"), [(0.004, "b"), (0.006, "a")])
def test_what_an_engine_paints_once_counts_as_if_it_were_painted_every_time(deaf, taken, scale) -> None:
    machine = Machine()
    chosen = run(
        machine,
        machine.way("a", flat(0.010 * scale), small=1e-6),
        machine.way("b", flat(0.005 * scale), small=1e-6, warm=0.003, deaf=flat(deaf * scale)),
        machine.way("torch", flat(0.05 * scale)),
        cores=1,
        budget=1.0,
    )
    assert chosen.painter.engine == taken
    (b,) = [t for t in chosen.trials if t.engine == "b"]
    assert b.moving_ms == pytest.approx((5 + 1e3 * deaf) * scale)
    assert b.ms == (pytest.approx(5 * scale) if taken == "b" else None)
    assert reason(chosen, "b") == (None if taken == "b" else f"{11.0 * scale:.1f} ms while it moves")


def test_both_times_are_told_of_an_engine_that_keeps_layers_and_one_of_another() -> None:
    machine = Machine()
    fast = machine.way("fast", shared(0.036), deaf=shared(0.026))
    chosen = run(machine, fast, machine.way("torch", flat(0.1)), cores=2)
    assert str(chosen) == (
        "fast, 2 threads, 18.0 ms a picture, 31.0 while it moves; "
        "passed over: fast with 1 thread: 62.0 ms while it moves; torch with 1 thread: 100.0 ms"
    )
    machine = Machine()
    assert str(run(machine, machine.way("torch", flat(0.02)), cores=1)) == "torch, 1 thread, 20.0 ms a picture"
    assert (machine.turns, len(machine.painted)) == (0, 5)


@pytest.mark.parametrize(
    ("two", "said"), [(0.020, "50.0 ms while it moves, hardly better"), (0.030, "60.0 ms while it moves")]
)
def test_a_core_that_brings_nothing_to_a_picture_that_moves_is_left_with_what_it_took(two, said) -> None:
    machine = Machine()
    fast = machine.way("fast", flat(0.030), deaf=lambda n: two if n == 2 else 0.020)
    chosen = run(machine, fast, machine.way("torch", flat(0.5)), cores=2)
    assert chosen.threads == 1
    assert [t.reason for t in chosen.trials if t.threads == 2] == [said]


def test_nothing_is_timed_of_an_engine_that_keeps_layers_where_nothing_is() -> None:
    machine = Machine()
    ways = machine.way("fast", flat(0.01), deaf=flat(0.01)), machine.way("torch", flat(0.1))
    assert str(run(machine, *ways, budget=None)) == "fast, 4 threads"
    assert machine.painted == [("fast", 4), ("torch", 4)]
    assert machine.turns == 0


@pytest.mark.parametrize(
    ("cores", "cost", "deaf", "budget", "threads"),
    [
        (2, shared(0.0229), shared(0.016), 0.033, 2),  # in time while it stands still, late once it moves
        (2, shared(0.0229), shared(0.016), 0.066, 1),  # in time either way
        (2, shared(0.0229), flat(0.016), 0.033, 2),  # 39 ms or 27
        (2, flat(0.0229), lambda n: 0.016 - 0.003 * (n == 2), 0.033, 1),  # 8 % are not worth the core of sound
        (4, shared(0.045), shared(0.035), 0.033, 4),  # 27 ms by three, which is no headroom
        (4, shared(0.045), shared(0.025), 0.033, 3),
    ],
)
def test_threads_serve_a_picture_that_moves(cores, cost, deaf, budget, threads) -> None:
    machine = Machine()
    ways = machine.way("fast", cost, deaf=deaf), machine.way("torch", flat(0.5))
    chosen = run(machine, *ways, cores=cores, budget=budget)
    assert (chosen.painter.engine, chosen.threads) == ("fast", threads)
    (kept,) = [t for t in chosen.trials if t.reason is None]
    assert kept.ms == pytest.approx(1e3 * cost(threads))
    assert kept.moving_ms == pytest.approx(1e3 * (cost(threads) + deaf(threads)))


def test_a_picture_that_moves_is_timed_in_no_more_pictures_than_one_that_stands_still() -> None:
    machine = Machine()
    ways = machine.way("fast", flat(0.010), deaf=flat(0.007)), machine.way("torch", flat(0.5))
    run(machine, *ways, cores=1)
    assert machine.painted.count(("fast", 1)) == 1 + 4 + 3  # held, while it moves, while it stands still
    for cost, pictures in ((0.2, 1 + 1 + 1), (2.0, 1 + 1)):  # one that takes over a second has moved once
        machine = Machine()
        ways = machine.way("fast", flat(cost), deaf=flat(0.7 * cost)), machine.way("torch", flat(5))
        chosen = run(machine, *ways, cores=1)
        assert machine.painted == [("fast", 1)] * pictures
        assert chosen.trials[0].ms == pytest.approx(1e3 * cost)
        assert chosen.trials[0].moving_ms == pytest.approx(1.7e3 * cost)


def test_the_picture_lies_where_it_lay_after_an_engine_that_fails_once_it_moves() -> None:
    machine = Machine()

    class Dizzy(KeepingPainter):
        def image(self, ws: np.ndarray, noise: Noise = STILL) -> Tensor:
            if machine.place:
                raise RuntimeError("dizzy")
            return super().image(ws, noise)

    def dizzy(threads: int) -> Painter:
        return Dizzy(machine, "dizzy", threads, 0.001, PICTURE, 0.0, deaf=0.001)

    chosen = run(machine, Way("dizzy", dizzy), machine.way("torch", flat(0.02)))
    assert (chosen.painter.engine, reason(chosen, "dizzy")) == ("torch", "dizzy")
    assert machine.turns == 1


def test_beside_a_running_picture_a_picture_that_moves_must_be_in_time() -> None:
    for deaf, threads in ((0.001, 2), (0.015, 4)):
        machine = Machine()
        ways = machine.way("a", flat(0.02), deaf=flat(deaf)), machine.way("torch", flat(0.05))
        assert run(machine, *ways, after=InForce("a", 2)).threads == threads


def test_an_earlier_engine_stays_ahead_of_one_that_is_hardly_faster() -> None:
    machine = Machine()
    assert run(machine, machine.way("a", flat(0.0100)), machine.way("torch", flat(0.0099))).painter.engine == "a"


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (PICTURE + 0.01 * torch.ones_like(PICTURE), "it is off by 1e-02 of the picture"),
        (torch.full_like(PICTURE, torch.nan), "it is off by nan of the picture"),
        (PICTURE.where(PICTURE.max() > PICTURE, torch.tensor(torch.inf)), "it is off by inf of the picture"),
        (torch.zeros_like(PICTURE), "it is off by"),
        (PICTURE[:1], "it is off by inf of the picture"),
        (MemoryError(), "MemoryError"),
        (RuntimeError("could not create a primitive\nstack: ..."), "could not create a primitive stack: ..."),
        (OSError("no such file"), "no such file"),
        (NotImplementedError("not on a toaster"), "not on a toaster"),
    ],
)
@pytest.mark.parametrize("timed", [True, False])
def test_an_engine_that_fails_or_paints_something_else_falls_out_with_its_reason(wrong, why, timed) -> None:
    machine = Machine()
    ways = machine.way("fast", flat(0.001), wrong), machine.way("torch", flat(0.05))
    chosen = run(machine, *ways, budget=0.033 if timed else None)
    assert chosen.painter.engine == "torch"
    said = reason(chosen, "fast")
    assert said is not None
    assert said.startswith(why)
    assert said in str(chosen)
    with pytest.raises(EngineError, match="no engine paints this model here: fast: "):
        run(machine, *ways, only="fast")


def test_an_engine_that_cannot_be_built_falls_out_and_so_does_one_that_fails_only_with_more_threads() -> None:
    machine = Machine()

    def never(threads: int) -> Painter:
        raise ValueError("it does not know this kind")

    def small(threads: int) -> Painter:
        if threads > 2:
            raise MemoryError("no memory left")
        return FakePainter(machine, "small", threads, 0.04 / threads, PICTURE, 0.0)

    chosen = run(machine, Way("never", never), Way("small", small), machine.way("torch", flat(0.1)), cores=3)
    assert (chosen.painter.engine, chosen.threads) == ("small", 2)
    assert reason(chosen, "never") == "it does not know this kind"
    assert [t.reason for t in chosen.trials if (t.engine, t.threads) == ("small", 3)] == []


def test_what_has_no_chance_is_not_painted_again() -> None:
    machine = Machine()
    run(
        machine,
        machine.way("fast", flat(0.010)),
        machine.way("middling", flat(0.020)),
        machine.way("slow", flat(0.040)),
        machine.way("torch", flat(0.100)),
        cores=1,
    )
    pictures = {name: machine.painted.count((name, 1)) for name in ("fast", "middling", "slow", "torch")}
    assert pictures == {"fast": 5, "middling": 2, "slow": 1, "torch": 2}  # torch: once to hold the others against


def test_the_first_picture_does_not_count_where_there_is_another() -> None:
    machine = Machine()
    ways = machine.way("cold", flat(0.010), warm=0.015), machine.way("torch", flat(0.02))
    chosen = run(machine, *ways, cores=1)
    assert [t.ms for t in chosen.trials] == [pytest.approx(10), pytest.approx(20)]


@pytest.mark.parametrize("cost", [0.2, 3.0])
def test_a_large_network_is_not_painted_by_the_plain_one_and_start_up_stays_bounded(cost: float) -> None:
    machine = Machine()
    began = machine.now()
    chosen = run(
        machine,
        machine.way("fast", flat(cost)),
        machine.way("other", flat(cost)),
        machine.way("torch", flat(10 * cost)),
        cores=1,
    )
    assert chosen.painter.engine == "fast"
    assert machine.now() - began < 4.1 * cost
    assert ("torch", 1) not in machine.painted
    assert reason(chosen, "torch") == "not tried, it would take seconds"


@pytest.mark.parametrize(
    ("picture", "small", "why"),
    [
        (torch.full_like(PICTURE, torch.nan), 0.0, "its picture is flat or not of numbers"),
        (torch.ones_like(PICTURE), 0.0, "its picture is flat or not of numbers"),
        (PICTURE, 0.3, "it is off by 3e-01 of the picture"),
        (PICTURE, float("nan"), "it is off by nan of the picture"),
    ],
)
def test_on_a_large_network_an_engine_must_agree_on_a_small_one_and_paint_something(picture, small, why) -> None:
    machine = Machine()
    ways = machine.way("wrong", flat(0.3), picture, small), machine.way("right", flat(0.5), small=1e-6)
    chosen = run(machine, *ways, machine.way("torch", flat(2.0)))
    assert chosen.painter.engine == "right"
    assert reason(chosen, "wrong") == why


def test_a_network_that_paints_nothing_is_painted_all_the_same() -> None:
    machine = Machine()
    for nothing in (torch.zeros_like(PICTURE), torch.full_like(PICTURE, torch.nan)):
        ways = machine.way("fast", flat(0.01), nothing), machine.way("torch", flat(0.02), nothing)
        assert run(machine, *ways).painter.engine == "torch"
        ways = machine.way("fast", flat(0.3), nothing), machine.way("torch", flat(0.5), nothing)
        assert run(machine, *ways).painter.engine == "torch"


def test_a_start_that_has_taken_a_second_tries_nothing_more_that_need_not_be() -> None:
    machine = Machine()
    ways = [machine.way(f"number {i}", flat(0.14)) for i in range(20)]
    chosen = run(machine, *ways, machine.way("torch", flat(0.14)), cores=1)
    assert chosen.painter.engine == "number 0"
    assert machine.now() < 100 + 1.5
    assert reason(chosen, "number 19") == "not tried, for start-up has taken long enough"


def test_numbers_of_threads_are_left_out_once_more_of_them_make_it_slower() -> None:
    machine = Machine()
    run(machine, machine.way("torch", shared(0.08, most=8)), cores=64)
    assert machine.counts("torch") == [8, 16, 4]


@pytest.mark.parametrize(
    ("cores", "looked_at"),
    [
        (1, (1,)),
        (2, (1, 2)),
        (4, (1, 2, 3, 4)),
        (6, (1, 2, 4, 5, 6)),
        (32, (1, 2, 4, 8, 16, 31, 32)),
        (96, (1, 2, 4, 8, 16, 32, 63, 64)),
    ],
)
def test_numbers_of_threads_that_are_looked_at(cores: int, looked_at: tuple[int, ...]) -> None:
    assert ladder(cores) == looked_at


@pytest.mark.parametrize(
    ("cores", "cost", "threads"),
    [
        (1, flat(0.500), 1),  # there is but one, whatever it takes
        (2, flat(0.020), 1),  # a frame in time leaves a core for sound
        (2, shared(0.030), 2),  # 30 ms of 33 is no headroom, and 15 is
        (2, lambda n: 0.040 - 0.003 * (n == 2), 1),  # late either way: 8 % are not worth the core of sound
        (2, lambda n: 0.040 - 0.005 * (n == 2), 2),  # 12 % are
        (4, shared(0.060), 3),
        (4, shared(0.120), 4),  # 40 ms by three, 30 by four
        (4, shared(0.060, most=2), 2),
        (8, lambda n: 0.011 - 0.00005 * n, 1),  # a few per cent are not worth six cores
        (32, shared(0.400), 31),
        (32, shared(0.120, most=8), 8),
        (32, shared(0.060, most=2), 2),
        (32, flat(0.010), 1),
        (32, shared(2.000), 31),  # 65 ms by 31 threads; 62 by 32 is not worth it
        (128, shared(1.500), 63),
    ],
)
def test_threads_serve_the_frame_and_leave_a_core_for_sound(cores: int, cost: Cost, threads: int) -> None:
    machine = Machine()
    began = machine.now()
    chosen = run(machine, machine.way("fast", cost), machine.way("torch", lambda n: 5 * cost(n)), cores=cores)
    assert (chosen.painter.engine, chosen.threads, chosen.painter.threads) == ("fast", threads, threads)
    assert machine.counts("fast")[0] <= 8
    assert max(machine.counts("fast")) <= min(cores, 64)
    assert len(machine.counts("fast")) <= len(ladder(cores))
    assert machine.now() - began < 2.0 + 10 * cost(1)
    kept = [t for t in chosen.trials if t.reason is None]
    assert [(t.engine, t.threads) for t in kept] == [("fast", threads)]


def test_the_last_core_is_not_even_tried_when_the_frame_is_in_time() -> None:
    machine = Machine()
    run(machine, machine.way("torch", shared(0.040)), cores=4)
    assert 4 not in machine.counts("torch")


def test_given_threads_are_taken_as_they_are() -> None:
    machine = Machine()
    ways = machine.way("fast", shared(0.030)), machine.way("torch", shared(0.120))
    for wish in (1, 3, 64):
        chosen = run(machine, *ways, cores=4, threads=wish)
        assert (chosen.painter.engine, chosen.threads) == ("fast", wish)
        assert {threads for _, threads in machine.built} == {wish}
        machine.built.clear()


def test_a_named_engine_is_taken_even_where_another_is_faster_and_calibrated_all_the_same() -> None:
    machine = Machine()
    ways = machine.way("fast", flat(0.001)), machine.way("other", shared(0.080)), machine.way("torch", shared(0.090))
    chosen = run(machine, *ways, only="other")
    assert (chosen.painter.engine, chosen.threads) == ("other", 4)
    assert not machine.counts("fast")
    assert run(machine, *ways, only="torch").painter.engine == "torch"


def test_a_name_that_is_none_is_refused_with_those_there_are() -> None:
    machine = Machine()
    with pytest.raises(EngineError, match="no engine 'warp' for this model; there are fast, torch"):
        run(machine, machine.way("fast", flat(0.01)), machine.way("torch", flat(0.02)), only="warp")
    assert not machine.built


def test_without_a_budget_the_first_that_agrees_is_taken_whatever_the_clock_says() -> None:
    for slow in (0.01, 0.1):
        machine = Machine()
        ways = machine.way("wrong", flat(0.01), -PICTURE), machine.way("a", flat(slow)), machine.way("b", flat(0.001))
        chosen = run(machine, *ways, machine.way("torch", flat(0.02)), budget=None, cores=6)
        assert (chosen.painter.engine, chosen.threads) == ("a", 6)
        assert not machine.counts("b")


def test_beside_a_running_picture_its_engine_and_its_threads_are_taken_and_nothing_is_raced() -> None:
    machine = Machine()
    ways = machine.way("a", flat(0.01)), machine.way("b", flat(0.02)), machine.way("torch", flat(0.05))
    chosen = run(machine, *ways, after=InForce("b", 2))
    assert (chosen.painter.engine, chosen.threads) == ("b", 2)
    assert machine.built == [("b", 2), ("torch", 2)]
    assert machine.painted.count(("b", 2)) == 2
    assert run(machine, *ways, after=InForce("torch", 2)).painter.engine == "a"  # the plain one is the last resort
    assert run(machine, *ways, after=InForce("swatch", 1)).painter.engine == "a"
    assert run(machine, *ways, after=InForce("b", 1), threads=3).threads == 3


def test_a_larger_model_beside_a_running_picture_takes_every_core() -> None:
    machine = Machine()
    chosen = run(machine, machine.way("a", shared(0.060)), machine.way("torch", flat(0.2)), after=InForce("a", 2))
    assert (chosen.painter.engine, chosen.threads) == ("a", 4)


@pytest.mark.parametrize(
    "config",
    [
        StyleGAN3Config(1024, channel_base=65536),
        StyleGAN3Config(1024, conv_kernel=1, use_radial_filters=True, num_layers=30),
        StyleGAN3Config(512, first_cutoff=20, first_stopband=40),  # these bands do not fit 32 pixels
        StyleGAN3Config(256, img_channels=1, filter_size=4),
    ],
    ids=["T", "R", "bands", "grey"],
)
def test_a_large_network_has_a_small_one_of_its_kind_that_engines_are_held_against(config: StyleGAN3Config) -> None:
    small = _small(config)
    assert small.img_resolution == 32
    assert max(layer.in_channels for layer in small.layers) <= 20
    assert (small.variant, small.layers[0].kernel) == (config.variant, config.conv_kernel)
    assert 0 < _small_error(config) < 1e-4


@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
def test_so_has_a_large_stylegan2(architecture) -> None:
    config = StyleGAN2Config(512, architecture=architecture, c_dim=4)
    small = _small(config)
    assert isinstance(small, StyleGAN2Config)
    assert (small.img_resolution, small.architecture) == (16, architecture)
    assert 0 < _small_error(config) < 1e-4


def small_network(config: StyleGAN3Config | StyleGAN2Config) -> Generator:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Generator(config).eval().requires_grad_(requires_grad=False)


@pytest.mark.parametrize("config", SMALL[:1])
@pytest.mark.parametrize("lay", [[[1, 0, 0], [0, 1, 0], [0, 0, 1]], [[-0.0, 1, 0.3], [-0.7, 0, -0.1], [0, 0, 1]]])
def test_a_picture_is_turned_from_where_it_lies_each_time_elsewhere_and_put_back_to_the_bit(config, lay) -> None:
    G = small_network(config)
    transform = G.synthesis.input.transform
    transform.copy_(torch.tensor(lay, dtype=torch.float32))
    before, area = transform.numpy().tobytes(), float(torch.linalg.det(transform))
    places = []

    def look() -> None:
        with turned(G) as turn:
            for _ in range(2000):
                places.append(transform.numpy().tobytes())
                turn()
            assert float(torch.linalg.det(transform)) == pytest.approx(area, rel=1e-4)
            assert not torch.is_inference_mode_enabled()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        look()
    assert places[0] == before
    assert len(set(places)) == 2000
    assert G.synthesis.input.transform.numpy().tobytes() == before


@pytest.mark.parametrize("config", SMALL[1:])
def test_a_picture_that_cannot_be_moved_is_left_alone(config) -> None:
    G = small_network(config)
    before = {name: value.clone() for name, value in G.state_dict().items()}
    with turned(G) as turn:
        turn()
        assert all(torch.equal(value, before[name]) for name, value in G.state_dict().items())


def test_a_real_picture_is_turned_while_it_is_timed_where_layers_are_kept_and_is_painted_as_before() -> None:
    G = small_network(SMALL[0])
    for layer in G.synthesis.layers[:2]:
        layer.affine.weight.zero_()
    ws = np.random.default_rng(0).standard_normal((G.num_ws, G.w_dim)).astype(np.float32)
    places: set[bytes] = set()

    def now() -> float:
        places.add(G.synthesis.input.transform.numpy().tobytes())
        return perf_counter()

    for way in ways(G):
        places.clear()
        found = choose(G, torch.device("cpu"), now=now, budget=1 / 30, only=way.name, threads=1)
        assert torch.equal(G.synthesis.input.transform, torch.eye(3))
        (trial,) = found.trials
        assert trial.ms is not None
        keeps = layers_once(found.painter) > 0
        assert (trial.moving_ms is not None) == ("while it moves" in str(found)) == keeps == (way.name != "torch")
        assert (len(places) > 1) == keeps
        assert torch.equal(found.painter.image(ws), way.build(1).image(ws))


def test_this_machine_has_a_core() -> None:
    assert 1 <= cores() <= 4096


@pytest.mark.parametrize("config", SMALL, ids=["stylegan3", "stylegan2"])
def test_real_engines_agree_on_a_real_network_and_one_is_chosen(config) -> None:
    G = small_network(config)
    chosen = choose(G, torch.device("cpu"), now=perf_counter, budget=1 / 30)
    names = [painter.engine for painter in every_painter(G, 1)]
    assert names[0] == "torch"
    assert chosen.painter.engine in names
    assert {trial.engine for trial in chosen.trials} == set(names)
    assert [t.error for t in chosen.trials if t.error is not None and not t.error < 1e-4] == []
    for name in names:
        found = choose(G, torch.device("cpu"), now=perf_counter, budget=None, only=name, threads=1)
        assert (found.painter.engine, found.threads, found.painter.threads) == (name, 1, 1)

# ruff: noqa: N803, N806 - G is what the paper and its users call a generator
"""The GPU's chain of engines: with ones that are ours, then with the real ones recorded by the stand-in."""

import ctypes
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from gpu_network import CPU, KINDS, STYLEGAN2, each, network, plain, ws_of
from recording import CaptureRefusedError, StandIn, launch
from torch import Tensor

from stylegan3 import Generator
from stylegan3.choice import InForce, choose
from stylegan3.errors import EngineError
from stylegan3.gpu import chain
from stylegan3.gpu.chain import Chosen, try_out
from stylegan3.gpu.fir import reference
from stylegan3.inference import Painter, Way
from stylegan3.noise import STILL, Noise

WS = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
PICTURE = torch.from_numpy(np.random.default_rng(1).standard_normal((3, 64, 64)).astype(np.float32)) * 0.4
NAMES = ("fused", "banded", "plain")


@dataclass
class Gpu:
    """A device that works when it is waited for: a clock that moves then, and errors that show then."""

    time: float = 100.0
    under_way: float = 0.0
    broken: Exception | None = None
    lost: bool = False  # whatever has broken it, each call says so again
    built: list[str] = field(default_factory=list)
    painted: list[str] = field(default_factory=list)

    def now(self) -> float:
        return self.time

    def wait(self) -> None:
        self.time, self.under_way = self.time + self.under_way, 0.0
        if self.broken is not None:
            error, self.broken = self.broken, self.broken if self.lost else None
            raise error

    def way(self, name: str, ms: float, picture: Tensor = PICTURE, **wrong: Exception) -> Way:
        """`wrong` is an error at: build, image or wait."""

        def build(threads: int) -> Painter:
            self.built.append(name)
            self.time += 0.05
            if "build" in wrong:
                raise wrong["build"]
            return FakePainter(self, name, ms / 1e3, picture, wrong)

        return Way(name, build)

    def take(self, *field: Way, **wishes) -> Chosen:
        return try_out(field, WS, now=self.now, wait=self.wait, **{"timed": True, **wishes})


@dataclass
class FakePainter:
    gpu: Gpu
    engine: str
    cost: float
    picture: Tensor
    wrong: dict[str, Exception]
    threads: int = 1

    @property
    def precision(self) -> str:
        return "float32" if self.engine == "plain" else "float16"

    def image(self, ws: np.ndarray, noise: Noise = STILL) -> Tensor:
        assert ws is WS
        assert self.gpu.under_way == 0, "the picture before was not waited for"
        self.gpu.painted.append(self.engine)
        if "image" in self.wrong:
            raise self.wrong["image"]
        self.gpu.under_way, self.gpu.broken = self.cost, self.gpu.broken or self.wrong.get("wait")
        return self.picture.clone()

    def paint(self, ws: np.ndarray, pixels: np.ndarray, noise: Noise = STILL) -> None:
        raise AssertionError("a choice needs no pixels")


def reasons(chosen: Chosen) -> dict[str, str | None]:
    return {t.engine: t.reason for t in chosen.trials}


def healthy(gpu: Gpu, **other: Way) -> tuple[Way, ...]:
    made = {"fused": gpu.way("fused", 2), "banded": gpu.way("banded", 5), "plain": gpu.way("plain", 40)}
    return tuple((made | other).values())


def test_the_fastest_that_agrees_is_taken_and_the_others_have_their_times() -> None:
    gpu = Gpu()
    chosen = gpu.take(*healthy(gpu))
    assert chosen.painter.engine == "fused"
    assert reasons(chosen) == {"plain": "40.0 ms", "fused": None, "banded": "5.0 ms"}
    assert [t.ms for t in chosen.trials] == pytest.approx([40, 2, 5])
    assert [t.error for t in chosen.trials] == [0, 0, 0]


def test_an_earlier_step_is_taken_where_a_later_one_is_hardly_faster() -> None:
    gpu = Gpu()
    assert gpu.take(*healthy(gpu, banded=gpu.way("banded", 1.95))).painter.engine == "fused"
    assert gpu.take(*healthy(gpu, banded=gpu.way("banded", 1.5))).painter.engine == "banded"


def test_the_plain_network_is_taken_where_it_is_the_fastest() -> None:
    gpu = Gpu()
    assert gpu.take(*healthy(gpu, plain=gpu.way("plain", 1))).painter.engine == "plain"


FAULTS: dict[str, tuple[dict, str]] = {
    "does not compile": ({"build": EngineError("the GPU kernel does not compile for sm_90")}, "does not compile"),
    "has no compiler": ({"build": OSError("libnvrtc.so: cannot open shared object file")}, "libnvrtc"),
    "cannot be recorded": ({"build": CaptureRefusedError("operation not permitted")}, "not permitted"),
    "has no memory to be built": ({"build": torch.OutOfMemoryError("CUDA out of memory. Tried 2 GiB")}, "out of mem"),
    "has no memory to paint": ({"image": torch.OutOfMemoryError("CUDA out of memory.")}, "out of memory"),
    "is launched wrongly": ({"image": ctypes.ArgumentError("argument 3: wrong type")}, "argument 3"),
    "fails on the device": ({"wait": RuntimeError("CUDA error: too many resources")}, "too many resources"),
    "needs CUDA that is not there": ({"build": AssertionError("Torch not compiled with CUDA enabled")}, "Torch not"),
    "draws no numbers": ({"picture": PICTURE / 0 * 0}, "not of numbers"),
    "draws one that is none": ({"picture": PICTURE.clone().index_fill_(1, torch.tensor(3), torch.inf)}, "not of num"),
    "draws another picture": ({"picture": PICTURE.flip(1)}, "off by"),
    "draws it paler": ({"picture": PICTURE * 0.99}, "off by"),
    "draws another size": ({"picture": PICTURE[:, :32]}, "not \\[3, 64, 64\\]"),
    "is off in a corner": (
        {"picture": PICTURE.clone().index_put_((torch.tensor(0), torch.tensor(0), torch.arange(8)), PICTURE.max())},
        "off by",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("step", [("fused",), ("banded",), ("fused", "banded")])
def test_a_step_that_fails_falls_out_with_its_reason_and_the_next_is_taken(step: tuple[str, ...], fault: str) -> None:
    gpu = Gpu()
    wrong, said = FAULTS[fault]
    chosen = gpu.take(*healthy(gpu, **{name: gpu.way(name, 1, **wrong) for name in step}))
    assert chosen.painter.engine == next(name for name in NAMES if name not in step)
    for name in step:
        reason = reasons(chosen)[name] or ""
        assert re.search(said, reason)
        assert "\n" not in reason


@pytest.mark.parametrize("fault", [f for f in FAULTS if "picture" not in FAULTS[f][0] or "numbers" in f])
def test_where_the_plain_network_does_not_run_a_picture_that_is_not_flat_is_good_enough(fault: str) -> None:
    gpu = Gpu()
    plain_way = gpu.way("plain", 1, **FAULTS[fault][0])
    flat = gpu.way("fused", 1, picture=torch.zeros(3, 64, 64))
    chosen = gpu.take(*healthy(gpu, fused=flat, plain=plain_way))
    assert chosen.painter.engine == "banded"
    assert reasons(chosen)["fused"] == "its picture is flat"
    assert reasons(chosen)["plain"] is not None


@pytest.mark.parametrize("timed", [True, False])
@pytest.mark.parametrize("guilty", NAMES)
def test_a_device_that_is_lost_ends_the_trial_at_once(guilty: str, timed: bool) -> None:
    gpu = Gpu(lost=True)
    ways = healthy(gpu, **{guilty: gpu.way(guilty, 1, wait=RuntimeError("CUDA error: an illegal memory access"))})
    with pytest.raises(RuntimeError, match="illegal memory access"):
        gpu.take(*ways, timed=timed, first=guilty)
    assert gpu.built == (["plain"] if guilty == "plain" else ["plain", guilty])


def test_where_nothing_paints_every_reason_is_said() -> None:
    gpu = Gpu()
    with pytest.raises(EngineError, match=r"plain: no driver; fused: no driver; banded: no driver"):
        gpu.take(*(gpu.way(name, 1, build=OSError("no\n driver")) for name in NAMES))


def test_half_precision_may_be_off_by_a_byte_and_float32_may_not() -> None:
    noise = torch.from_numpy(np.random.default_rng(2).standard_normal(PICTURE.shape)).float() * PICTURE.std()
    for precision, off, fine in [("float16", 4e-3, True), ("float16", 6e-3, False), ("float32", 4e-5, False),
                                 ("float32", 1e-5, True)]:  # fmt: skip
        error, reason = chain.refusal(PICTURE + off * noise, PICTURE, precision)
        assert (reason is None) is fine
        assert error == pytest.approx(4.5 * off, rel=0.3)


def test_bytes_far_off_are_refused_where_the_average_hides_them() -> None:
    wide = torch.linspace(-1, 1, 3 * 256 * 256).view(3, 256, 256)
    spoilt = wide.clone()
    spoilt[0, 0, :100] += 0.04  # 5 bytes, in 0.05 % of the numbers
    error, reason = chain.refusal(spoilt, wide, "float16")
    assert reason == "0.05% of its bytes are off by more than 3"
    assert error == pytest.approx(0.04 / float(wide.std()), rel=0.01)


def test_untimed_the_first_that_agrees_is_taken_and_the_rest_is_not_tried() -> None:
    gpu = Gpu()
    chosen = gpu.take(*healthy(gpu), timed=False)
    assert chosen.painter.engine == "fused"
    assert gpu.built == ["plain", "fused"]
    assert reasons(chosen) == {"plain": "not needed", "fused": None}


def test_beside_a_live_network_its_engine_is_looked_at_first() -> None:
    gpu = Gpu()
    assert gpu.take(*healthy(gpu), timed=False, first="banded").painter.engine == "banded"
    assert "fused" not in gpu.built


def test_what_was_asked_for_is_taken_or_missing_with_a_list_of_what_there_is() -> None:
    gpu = Gpu()
    more = [gpu.way("fast", 0.1)]
    assert gpu.take(*healthy(gpu), only="banded", extras=more).painter.engine == "banded"
    assert gpu.take(*healthy(gpu), only="fast", extras=more).painter.engine == "fast"
    assert gpu.take(*healthy(gpu), only="torch", extras=more).painter.engine == "plain"
    assert gpu.take(*healthy(gpu), extras=more).painter.engine == "fused"
    with pytest.raises(EngineError, match=r"'quick'.* there are fused, banded, plain, fast"):
        gpu.take(*healthy(gpu), only="quick", extras=more)
    with pytest.raises(EngineError, match="fused: broken"):
        gpu.take(*healthy(gpu, fused=gpu.way("fused", 1, build=EngineError("broken"))), only="fused")


def test_start_up_ends_some_time_and_what_was_not_tried_says_so() -> None:
    gpu = Gpu()

    def slowly(threads: int) -> Painter:
        gpu.time += 30
        return gpu.way("banded", 5).build(threads)

    chosen = gpu.take(gpu.way("fused", 2), Way("banded", slowly), gpu.way("late", 1), gpu.way("plain", 40))
    assert chosen.painter.engine == "fused"
    assert reasons(chosen)["banded"] == "5.0 ms"
    assert reasons(chosen)["late"] == "not tried, for start-up has taken long enough"
    assert "late" not in gpu.built


def test_the_first_is_tried_however_long_the_plain_network_took() -> None:
    gpu = Gpu()

    def slowly(threads: int) -> Painter:
        gpu.time += 30
        return gpu.way("plain", 40).build(threads)

    assert gpu.take(*healthy(gpu, plain=Way("plain", slowly))).painter.engine == "fused"


def test_what_is_taken_does_not_depend_on_how_long_the_first_one_was_compiled() -> None:
    for seconds in (0, 30):
        gpu = Gpu()

        def compiled(threads: int, gpu: Gpu = gpu, seconds: int = seconds) -> Painter:
            gpu.time += seconds
            return gpu.way("fused", 5).build(threads)

        assert (
            gpu.take(*healthy(gpu, fused=Way("fused", compiled), banded=gpu.way("banded", 2))).painter.engine
            == "banded"
        )


@pytest.mark.parametrize(("capability", "raced"), [((8, 9), True), ((12, 0), True), ((9, 0), False), ((8, 0), False)])
def test_sums_in_float16_are_raced_where_they_may_be_twice_as_fast_and_asked_for_elsewhere(
    capability: tuple[int, int], raced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    G = network(KINDS["T"])
    for where, fast in ((torch.device("cuda"), raced), (CPU, False)):
        names = [way.name for way in chain.ways(G, where)]
        assert names == ["cuda fused", *["cuda fused fast"] * fast, "cuda banded", "torch cuda"]
        assert ("cuda fused fast" in [way.name for way in chain.asked_for(G, where)]) is not fast


def test_memory_is_given_back_before_anything_is_built_beside_the_plain_network() -> None:
    gpu = Gpu()
    gpu.take(*healthy(gpu), tidy=lambda: gpu.built.append("tidy"))
    assert gpu.built == ["plain", "tidy", "fused", "banded"]


# with the real painters


class Kernel:
    """The definition in the kernel's place, and what may be wrong with it."""

    def __init__(self, spec, dtype, device) -> None:
        self._spec = spec

    def __call__(self, x, demod, bias, style, out) -> None:
        out.copy_(reference(self._spec, x, demod, bias, style))


class Uncompiled(Kernel):
    def __init__(self, spec, dtype, device) -> None:
        raise EngineError("no NVRTC was found, so the fused GPU kernels cannot be compiled")


class Unlaunched(Kernel):
    def __call__(self, x, demod, bias, style, out) -> None:
        raise EngineError("a launch failed: invalid argument")


class Wrong(Kernel):
    def __call__(self, x, demod, bias, style, out) -> None:
        super().__call__(x, demod, bias, style.flip(0), out)


class NoNumbers(Kernel):
    def __call__(self, x, demod, bias, style, out) -> None:
        out.fill_(torch.nan)


def real(G: Generator, monkeypatch: pytest.MonkeyPatch, kernel=Kernel, capture: Callable = StandIn) -> Chosen:
    """The chain as it is, but for the device, the kernel and what records."""

    class Launched(kernel):
        def __call__(self, *tensors) -> None:  # one step of a recording
            launch("fir", lambda: kernel.__call__(self, *tensors), tensors[-1:], tensors[:-1])

    monkeypatch.setattr(chain, "firs", each(Launched))
    monkeypatch.setattr(chain, "CudaCapture", lambda device: capture())
    ticks = iter(range(10**6))
    return try_out(
        chain.ways(G, CPU), ws_of(G), now=lambda: 1e-3 * next(ticks), wait=lambda: None, timed=False,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["T", "R"])
def test_the_fused_form_agrees_and_is_taken(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = real(plain(kind)[0], monkeypatch)
    assert (chosen.painter.engine, chosen.painter.precision) == ("cuda fused", "float16")
    assert 0 < chosen.trials[-1].error < 0.05


@pytest.mark.parametrize(
    ("kernel", "said"),
    [(Uncompiled, "no NVRTC"), (Unlaunched, "invalid argument"), (Wrong, "off by"), (NoNumbers, "not of numbers")],
)
def test_what_is_wrong_with_the_kernel_ends_in_aten_recorded(kernel, said, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = real(plain("T")[0], monkeypatch, kernel)
    assert (chosen.painter.engine, chosen.painter.precision) == ("cuda banded", "float16")
    assert said in reasons(chosen)["cuda fused"]


def test_where_nothing_can_be_recorded_the_plain_network_paints(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = real(plain("T")[0], monkeypatch, capture=lambda: StandIn(refuse_after=10))
    assert chosen.painter.precision == "float32"
    assert [t.engine for t in chosen.trials if t.reason is None] == ["torch cuda"]
    assert "previous error" in reasons(chosen)["cuda banded"]


def test_stylegan2_has_the_plain_network_only() -> None:
    G = network(STYLEGAN2)
    assert [way.name for way in chain.ways(G, CPU)] == ["torch cuda"]
    assert chain.asked_for(G, CPU) == ()


def test_float32_forms_are_there_to_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "firs", each(Kernel))
    monkeypatch.setattr(chain, "CudaCapture", lambda device: lambda work: work)
    G, ws, want = plain("R")
    for way in chain.asked_for(G, CPU):
        painter = way.build(1)
        assert painter.engine == way.name
        assert chain.refusal(painter.image(ws), want, painter.precision)[1] is None


@pytest.mark.parametrize("live", [False, True])
def test_beside_a_live_network_nothing_is_timed_or_given_back_and_its_engine_is_first(
    live: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    G, gpu, cuda = network(KINDS["T"]), Gpu(), torch.device("cuda")
    ws: list[np.ndarray] = []

    def ways(of: Generator, device: torch.device) -> tuple[Way, ...]:
        assert (of, device) == (G, cuda)
        monkeypatch.setattr(FakePainter, "image", lambda self, given: ws.append(given) or PICTURE)
        return healthy(gpu)

    class Stream:
        def synchronize(self) -> None:
            gpu.time += 0.01

    monkeypatch.setattr(chain, "ways", ways)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: Stream())
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: gpu.built.append("tidy"))
    chosen = choose(G, cuda, now=gpu.now, budget=1 / 60, after=InForce("banded", 1) if live else None)
    assert {given.shape for given in ws} == {(G.num_ws, G.w_dim)}
    if live:
        assert gpu.built == ["plain", "banded"]
        assert {t.ms for t in chosen.trials} == {None}
        assert (chosen.painter.engine, chosen.threads) == ("banded", 1)
    else:
        assert gpu.built == ["plain", "tidy", "fused", "banded"]
        assert [t.ms for t in chosen.trials] == pytest.approx([10, 10, 10])
        assert chosen.painter.engine == "fused"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_a_choice_for_one_ends_in_a_sentence() -> None:
    G = network(KINDS["T"])
    for after in (None, InForce("cuda fused", 1)):
        with pytest.raises(EngineError, match=r"no engine paints this model here: torch cuda: .*; cuda fused: "):
            choose(G, torch.device("cuda"), now=lambda: 0.0, budget=1 / 60, after=after)
    assert {p.device.type for p in G.parameters()} == {"cpu"}

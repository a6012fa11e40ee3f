"""What records on CUDA, on a stand-in for PyTorch's streams and graphs that is as strict as they are."""

import gc
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch

from stylegan3.gpu import graph
from stylegan3.gpu.graph import WARM_UPS, CudaCapture

CUDA = torch.device("cuda")
POOL = 32  # streams of a priority: PyTorch's c10/cuda/CUDAStream.cpp


class Stream:
    def __init__(self, cuda: "Cuda", name: str) -> None:
        self.cuda, self.name, self.capturing = cuda, name, False
        self.waited_for: list[Stream] = []

    def wait_stream(self, other: "Stream") -> None:
        self.waited_for.append(other)

    def synchronize(self) -> None:
        self.cuda.asked("a synchronize")
        self.cuda.log.append(f"synchronize {self.name}")


class Graph:
    def __init__(self, cuda: "Cuda") -> None:
        self.cuda, self.state, self.stream, self.replays = cuda, "new", None, 0

    def capture_begin(self, capture_error_mode: str) -> None:
        assert self.state == "new"
        assert capture_error_mode == "thread_local"  # the others end at what any thread does
        assert not torch.is_inference_mode_enabled()
        if self.cuda.current is self.cuda.default:
            raise RuntimeError("CUDA graphs must be captured on a non-default stream")
        assert self.cuda.current.name not in self.cuda.painted, "what renders would be recorded"
        assert not self.cuda.current.capturing
        self.state, self.stream, self.stream.capturing = "capturing", self.cuda.current, True

    def capture_end(self) -> None:
        assert self.state == "capturing"
        assert self.cuda.current is self.stream
        self.stream.capturing, broken, self.cuda.broken = False, self.cuda.broken, False
        self.state = "spoilt" if broken else "ready"
        if broken:
            raise RuntimeError("CUDA error: operation failed due to a previous error during capture")

    def replay(self) -> None:
        assert self.state == "ready"
        self.replays += 1

    def __del__(self) -> None:
        self.cuda.log.append(f"{self.state} graph gone")


class Cuda:
    """torch.cuda with one device; `painted` are streams that something else works on."""

    def __init__(self) -> None:
        self.default = Stream(self, "default")
        self.pools = {p: [Stream(self, f"{p}:{i}") for i in range(POOL)] for p in (0, -1)}
        self.taken = dict.fromkeys(self.pools, 0)
        self.current, self.broken = self.default, False
        self.painted: set[str] = set()
        self.log: list[str] = []

    def asked(self, what: str) -> None:
        if self.current.capturing:
            self.broken = True
            raise RuntimeError(f"CUDA error: {what} is not permitted when stream is capturing")

    def Stream(self, priority: int = 0) -> Stream:  # noqa: N802 - PyTorch's name
        made = self.pools[priority][self.taken[priority] % POOL]
        self.taken[priority] += 1
        return made

    def CUDAGraph(self) -> Graph:  # noqa: N802
        return Graph(self)

    def current_stream(self) -> Stream:
        return self.current

    @contextmanager
    def stream(self, stream: Stream):
        before, self.current = self.current, stream
        try:
            yield
        finally:
            self.current = before

    @contextmanager
    def device(self, device: torch.device):
        assert device == CUDA
        yield


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Cuda:
    monkeypatch.setattr(graph, "_FREE", type(graph._FREE)(list))
    monkeypatch.setattr(graph, "_SPOILT", [])
    return Cuda()


def capture(cuda: Cuda) -> CudaCapture:
    return CudaCapture(CUDA, SimpleNamespace(cuda=cuda, inference_mode=torch.inference_mode))


@torch.inference_mode()
def test_work_is_warmed_up_beside_the_callers_stream_and_recorded_once(cuda: Cuda) -> None:
    ran = []
    replay = capture(cuda)(lambda: ran.append((cuda.current.name, cuda.current.capturing)))
    side = next(s for s in cuda.pools[-1] if s.waited_for)
    assert ran == [(side.name, False)] * WARM_UPS + [(side.name, True)]
    assert torch.is_inference_mode_enabled()
    assert side.waited_for == [cuda.default]
    assert cuda.default.waited_for == [side]
    assert cuda.current is cuda.default
    assert cuda.log == [f"synchronize {side.name}"]
    replay()
    assert (replay.graph.replays, len(ran)) == (1, WARM_UPS + 1)


def test_what_paints_is_never_recorded_however_many_networks_were_loaded_before(cuda: Cuda) -> None:
    cuda.painted = {cuda.Stream().name, cuda.Stream().name}  # PyTorch deals out 32, then the same ones again
    live = capture(cuda)
    recorded = live(lambda: None), live(lambda: None)
    for _ in range(3 * POOL):
        cuda.Stream()  # another renderer's
        capture(cuda)(lambda: None)
    assert recorded[0].side is recorded[1].side


def test_two_networks_that_are_there_share_no_stream_and_one_that_went_leaves_its_own(cuda: Cuda) -> None:
    live = capture(cuda)(lambda: None)
    names = set()
    for _ in range(3 * POOL):
        other = capture(cuda)(lambda: None)
        assert other.side.stream is not live.side.stream
        names.add(other.side.stream.name)
        del other
    assert len(names) == 1
    two = [capture(cuda)(lambda: None) for _ in range(2)]
    assert len({live.side.stream, *(other.side.stream for other in two)}) == 3
    gc.collect()
    assert cuda.log.count("ready graph gone") == 3 * POOL


def test_what_fails_in_a_capture_comes_out_and_the_stream_can_be_used_again(cuda: Cuda) -> None:
    made = capture(cuda)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="a synchronize is not permitted"):
            made(lambda: cuda.current.capturing and cuda.current.synchronize())
        assert cuda.current is cuda.default
        assert not made._side.stream.capturing
    made(lambda: None)()
    assert "spoilt graph gone" not in cuda.log  # PyTorch's allocator still holds its address


def test_a_capture_that_ends_badly_says_so(cuda: Cuda) -> None:
    def work() -> None:
        cuda.broken = cuda.current.capturing

    with pytest.raises(RuntimeError, match="previous error during capture"):
        capture(cuda)(work)
    assert cuda.current is cuda.default
    assert "spoilt graph gone" not in cuda.log


def test_an_error_of_ours_in_a_capture_ends_it_cleanly(cuda: Cuda) -> None:
    def work() -> None:
        if cuda.current.capturing:
            raise ValueError("ours")

    with pytest.raises(ValueError, match="ours"):
        capture(cuda)(work)
    gc.collect()
    assert "ready graph gone" in cuda.log

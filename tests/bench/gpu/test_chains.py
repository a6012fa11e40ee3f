"""The kernel that measures arithmetic: compiled as it would be, and its launch."""

import ctypes
import re

import pytest
import torch

from daemon.bench.gpu import chains
from stylegan3.errors import EngineError
from stylegan3.gpu import nvrtc


@pytest.mark.parametrize("half2", [False, True])
def test_what_is_compiled_is_as_many_multiply_adds_as_are_counted_and_no_memory(half2) -> None:
    try:
        compiler = nvrtc.compiler()
    except EngineError as e:
        pytest.skip(str(e))
    ptx, _ = compiler.compile(chains.SOURCE, "compute_80", chains.options(half2=half2))
    text = ptx.decode()
    name = "fma.rn.f16x2" if half2 else "fma.rn.f32"
    assert text.count(name) == chains.CHAINS * chains.UNROLLED
    assert not re.search(r"ld\.local|st\.local|ld\.global", text)


class Driver:
    def __init__(self) -> None:
        self.launched = []

    def launch(self, kernel, grid, threads, stream, arguments):
        pointer, turns, a, b = arguments
        assert isinstance(pointer, ctypes.c_void_p)
        self.launched.append((kernel.name, grid, threads, stream, turns.value, a.value, b.value))


class Machine:
    device, processors = torch.device("cpu"), 7

    def __init__(self) -> None:
        self.driver, self.asked = Driver(), []

    def compile(self, source, options):
        self.asked.append(options)
        return source.encode()

    def load(self, image, name):
        assert image == chains.SOURCE.encode()
        return nvrtc.Kernel(self.driver, name, ctypes.c_void_p(), ctypes.c_void_p())

    def stream(self):
        return 1234


def test_a_launch_does_what_it_is_counted_for() -> None:
    machine = Machine()
    single, launch = chains.ready(machine, turns=3, half2=False)
    double, launch_2 = chains.ready(machine, turns=3, half2=True)
    assert single == 2 * 7 * 32 * 256 * 16 * 16 * 3
    assert double == 2 * single
    launch()
    launch_2()
    first, second = machine.driver.launched
    assert first[:5] == second[:5] == ("chains", (7 * 32, 1, 1), 256, 1234, 3)
    assert first[5:] == (1.0, pytest.approx(1e-3))
    assert second[5] == 0x3C003C00
    assert ["-DHALF2" in options for options in machine.asked] == [False, True]

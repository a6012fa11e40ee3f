"""Fused multiply-adds and nothing else: what CUDA cores do at their best, in float32 and in pairs of float16.

Every thread keeps sixteen numbers in registers, each x = a x + b over and over: no memory, no waiting for one another.
"""

import ctypes
from collections.abc import Callable

import torch

from stylegan3.gpu.nvrtc import Machine

CHAINS, UNROLLED, TURNS = 16, 16, 512  # of a thread; multiply-adds of a chain in a turn
_THREADS, _BLOCKS = 256, 32  # of a block; blocks for each multiprocessor
SOURCE = """
#ifdef HALF2
typedef unsigned item;  // two float16
__device__ __forceinline__ item fma_(item x, item a, item b) {
    asm volatile("fma.rn.f16x2 %0, %0, %1, %2;" : "+r"(x) : "r"(a), "r"(b));
    return x;
}
#else
typedef float item;
__device__ __forceinline__ item fma_(item x, item a, item b) {
    asm volatile("fma.rn.f32 %0, %0, %1, %2;" : "+f"(x) : "f"(a), "f"(b));
    return x;
}
#endif
extern "C" __global__ void __launch_bounds__(THREADS) chains(item* out, int turns, item a, item b) {
    item x[CHAINS];
#pragma unroll
    for (int j = 0; j < CHAINS; j++) x[j] = (item)(threadIdx.x + j);
    for (int t = 0; t < turns; t++) {
#pragma unroll
        for (int u = 0; u < UNROLLED; u++)
#pragma unroll
            for (int j = 0; j < CHAINS; j++) x[j] = fma_(x[j], a, b);
    }
    item sum = 0;
#pragma unroll
    for (int j = 0; j < CHAINS; j++) sum += x[j];
    out[blockIdx.x * THREADS + threadIdx.x] = sum;
}
"""
_ONE, _SMALL = 0x3C003C00, 0x14001400  # 1 and about 1e-3 as two float16


def options(*, half2: bool) -> tuple[str, ...]:
    """What the source is specialised by."""
    return (f"-DTHREADS={_THREADS}", f"-DCHAINS={CHAINS}", f"-DUNROLLED={UNROLLED}", *(["-DHALF2"] * half2))


def ready(machine: Machine, turns: int = TURNS, *, half2: bool) -> tuple[float, Callable[[], None]]:
    """How many operations a launch does, and the launch, on PyTorch's stream; EngineError where it cannot be had."""
    kernel = machine.load(machine.compile(SOURCE, options(half2=half2)), "chains")
    blocks = _BLOCKS * machine.processors
    out = torch.empty(blocks * _THREADS, dtype=torch.float32, device=machine.device)
    number = (ctypes.c_int(_ONE), ctypes.c_int(_SMALL)) if half2 else (ctypes.c_float(1.0), ctypes.c_float(1e-3))
    arguments = (ctypes.c_void_p(out.data_ptr()), ctypes.c_int(turns), *number)

    def launch() -> None:
        kernel.driver.launch(kernel, (blocks, 1, 1), _THREADS, machine.stream(), arguments)

    return 2.0 * (2 if half2 else 1) * blocks * _THREADS * CHAINS * UNROLLED * turns, launch

"""fir.cu compiled for this processor, behind host.h, by the compiler of the dev extra."""

import ctypes
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stylegan3.gpu import fir, nvrtc, tiling

SOURCES = Path(fir.__file__).parent
VERDICTS = ("fine", "race", "never written", "outside", "diverged", "no memory")
_SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
_FLAGS = () if sys.platform == "win32" else ("-fPIC",)
_GUARD = 4096  # items before and after what the kernel may touch
_ENTRY = """
EXPORT int run(const int* grid, int threads, const item* x, const float* demod, const float* bias, const float* style,
               item* out, int height, int width, int out_height, int out_width, int band) {
    return launch(fir, grid, threads, x, demod, bias, style, out, height, width, out_height, out_width, band);
}

// a driver that runs it, and forgives nothing
static const char IMAGE[] = "a kernel for the host";
EXPORT void* expected_stream = 0;
static const char* said = 0;
static int refuse(const char* why) { return said = why, 1; }
EXPORT int cuDriverGetVersion(int* version) { return *version = 13000, 0; }
EXPORT int cuGetErrorString(int status, const char** text) { return *text = status == 1 ? said : "no such status", 0; }
EXPORT int cuModuleLoadDataEx(void** module, const void* image, unsigned count, void* options, void* values) {
    if (count || options || values) return refuse("options");
    if (memcmp(image, IMAGE, sizeof IMAGE)) return refuse("no kernel image");
    return *module = (void*)IMAGE, 0;
}
EXPORT int cuModuleGetFunction(void** function, void* module, const char* name) {
    if (module != (void*)IMAGE || strcmp(name, "fir")) return refuse("named symbol not found");
    return *function = (void*)&run, 0;
}
EXPORT int cuLaunchKernel(void* function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                          unsigned shared, void* stream, void** p, void** extra) {
    if (function != (void*)&run || shared || extra) return refuse("invalid argument");
    if (by != 1 || bz != 1 || bx != LANES * STRIPS) return refuse("invalid block");
    if (stream != expected_stream) return refuse("invalid stream");
    if (!gx || !gy || !gz || gy > 65535 || gz > 65535) return refuse("invalid grid");
    const int grid[] = {int(gx), int(gy), int(gz)};
    const int verdict = run(grid, bx, *(item**)p[0], *(float**)p[1], *(float**)p[2], *(float**)p[3], *(item**)p[4],
                            *(int*)p[5], *(int*)p[6], *(int*)p[7], *(int*)p[8], *(int*)p[9]);
    return verdict ? refuse("a verdict") : 0;
}
"""


class CompileError(Exception):
    pass


@dataclass(frozen=True)
class HostKernel:
    """One specialisation; `tiling` is any of the right `lanes`, `strips`, `wide` and `unroll`."""

    library: ctypes.CDLL
    spec: fir.FirSpec
    tiling: tiling.Tiling
    dtype: torch.dtype

    def __call__(self, x: Tensor, demod: Tensor, bias: Tensor, style: Tensor, band: int | None = None) -> Tensor:
        """As fir.reference, of any height and width; AssertionError says what a device would not forgive."""
        height, width = x.shape[:2]
        shape = (self.spec.resized(height), self.spec.resized(width), self.spec.channels)
        cut = tiling.cut(self.spec, self.tiling, shape[0], shape[1], band or self.tiling.band)
        held, source = _guarded(x.to(self.dtype), self.dtype)
        kept, out = _guarded(torch.full(shape, torch.nan), self.dtype)
        vectors = [_guarded(v, torch.float32) for v in (demod, bias, style)]
        verdict = self.library.run(
            (ctypes.c_int * 3)(*cut.grid), cut.threads, *map(_pointer, (source, *(v for _, v in vectors), out)),
            height, width, shape[0], shape[1], cut.band,
        )  # fmt: skip
        assert verdict == 0, VERDICTS[verdict]
        edges = torch.cat([kept[:_GUARD], kept[-_GUARD:]])
        assert bool(edges.isnan().all()), "wrote outside of its output"
        del held
        return out


def _pointer(t: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(t.data_ptr())


def _guarded(t: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    whole = torch.full((t.numel() + 2 * _GUARD,), torch.nan, dtype=dtype)
    inner = whole[_GUARD:-_GUARD].view(t.shape)
    inner.copy_(t)
    return whole, inner


def build(
    folder: Path,
    spec: fir.FirSpec,
    cut: tiling.Tiling,
    dtype: torch.dtype = torch.float32,
    change: Sequence[tuple[str, str]] = (),
) -> HostKernel:
    """Compile; `change` is made to the kernel's text, each (from, to) exactly once."""
    text = fir.source()
    for before, after in change:
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    options = tiling.defines(spec, cut, "half" if dtype == torch.float16 else "float")
    return HostKernel(ctypes.CDLL(str(compiled(folder, text, options))), spec, cut, dtype)


def compiled(folder: Path, text: str, options: Sequence[str]) -> Path:
    """A library with `run` and as much of a CUDA driver as a launch needs."""
    name = f"fir{len(list(folder.iterdir()))}"
    source, target = folder / f"{name}.cpp", folder / f"{name}{_SUFFIX}"
    source.write_text(f'#include "{(SOURCES / "host.h").as_posix()}"\n{text}{_ENTRY}')
    done = subprocess.run(
        [
            sys.executable, "-m", "ziglang", "c++", "-std=c++20", "-O0", "-fno-sanitize=undefined", "-fno-exceptions",
            "-fno-rtti", "-nostdlib++", "-mcpu=baseline", "-fvisibility=hidden", "-shared", "-w", *_FLAGS,
            *options, source.name, "-o", target.name,
        ],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    if done.returncode:
        raise CompileError(done.stderr)
    return target


@dataclass(frozen=True)
class HostMachine:
    """An nvrtc.Machine that is this processor: what a launch passes to CUDA's driver arrives at the kernel's text."""

    folder: Path
    processors: int = 4

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    def compile(self, source: str, options: Sequence[str]) -> bytes:
        return str(compiled(self.folder, source, options)).encode()

    def load(self, image: bytes, name: str) -> nvrtc.Kernel:
        return nvrtc.Driver(image.decode()).load(b"a kernel for the host", name)

    def stream(self) -> int:
        return 0


def random_spec(
    up: int, down: int, up_taps: int, down_taps: int, rank: int, pad: tuple[int, int],
    channels: int = 8, size: int = 16, clamp: float | None = 1.0, seed: int = 0,
) -> fir.FirSpec:  # fmt: skip
    """With filters that are not symmetric, so that nothing mirrored goes unseen."""
    rng = np.random.default_rng(seed)

    def taps(n: int, gain: float) -> tuple[float, ...]:
        values = rng.standard_normal(n) + 1
        return tuple(np.float32(values / np.abs(values).sum() * gain).tolist())

    across = taps(up_taps, up)
    factors = tuple((taps(down_taps, 1), taps(down_taps, 1)) for _ in range(rank))
    out = (size * up + sum(pad) - up_taps + 1 - down_taps) // down + 1
    return fir.FirSpec(up, down, across, factors, pad, size, out, 2**0.5, 0.2, clamp, channels)

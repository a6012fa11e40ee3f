"""Makes docs/gpu-kernels.json: what the compiler makes of the launches of the official networks, on each architecture.

Run it as `python tools/gpu_kernels.py docs/gpu-kernels.json`; it needs NVRTC (`pip install nvidia-cuda-nvrtc`) and no
GPU, and ends with an error where a kernel spills registers or fewer blocks than planned fit a multiprocessor.
"""

import argparse
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from stylegan3.config import StyleGAN3Config
from stylegan3.gpu import fir, nvrtc
from stylegan3.gpu.tiling import RESIDENT, Tiling, defines, tile
from stylegan3.layers import SynthesisLayer

ARCHITECTURES = {"sm_80": 164, "sm_86": 100, "sm_89": 100, "sm_90": 228, "sm_120": 100}  # kB of shared memory of each
PROCESSORS = 132  # an H200's, for the cut into blocks
_REGISTERS, _RESERVED = 65536, 1024  # of a multiprocessor; bytes of shared memory that each block loses
_SETTINGS = ((256, 16384), (512, 32768), (1024, 32768))  # of the published networks: size, channel_base
_USED = {
    "registers": r"Used (\d+) registers",
    "shared": r"(\d+) bytes smem",
    "stack": r"(\d+) bytes stack frame",
    "spills": r"(\d+) bytes spill (?:stores|loads)",
}


@dataclass(frozen=True, slots=True)
class Usage:
    """What one kernel takes: registers of a thread; bytes of a block, of a thread's stack, stored and loaded again."""

    registers: int
    shared: int
    stack: int
    spills: int

    def resident(self, tiling: Tiling, architecture: str) -> int:
        """How many blocks fit a multiprocessor at once."""
        warps = -(-tiling.threads // 32)
        registers = _REGISTERS // (warps * 32 * (-(-self.registers // 8) * 8))
        return min(registers, ARCHITECTURES[architecture] * 1024 // (self.shared + _RESERVED))


def usage(log: str) -> Usage:
    """From what ptxas says with -v; ValueError where it says nothing."""
    if "registers" not in log:
        raise ValueError("ptxas did not say what the kernel takes")
    return Usage(**{name: sum(map(int, re.findall(pattern, log))) for name, pattern in _USED.items()})


def launches(processors: int = PROCESSORS) -> Iterator[tuple[str, fir.FirSpec, Tiling, str]]:
    """Name, spec, cut and type of every layer of T and R at 256, 512 and 1024, ToRGB left out."""
    for size, base in _SETTINGS:
        for letter, kernel in (("T", 3), ("R", 1)):
            wide = 2 if letter == "R" else 1
            config = StyleGAN3Config(
                img_resolution=size, channel_base=base * wide, channel_max=512 * wide, conv_kernel=kernel,
                use_radial_filters=letter == "R",
            )  # fmt: skip
            for layer in config.layers[:-1]:
                of = SynthesisLayer(replace(layer, in_channels=1), 1, config.conv_clamp)
                for item, error in (("half", fir.HALF_ERROR), ("float", fir.SINGLE_ERROR)):
                    spec = fir.spec_of(of, error)
                    yield f"{letter}-{size} {layer.name}", spec, tile(spec, processors), item


def heaviest(processors: int = PROCESSORS) -> list[tuple[str, fir.FirSpec, Tiling, str]]:
    """Of every kind of launch, which is what the text is specialised by but for its numbers, the one with most work."""
    kinds = {}
    for launch in sorted(launches(processors), key=lambda each: fir.work(each[1]).flops):
        _, spec, tiling, item = launch
        kinds[item, spec.up, spec.down, len(spec.up_taps), spec.down_taps, spec.rank, -(-tiling.threads // 32)] = launch
    return list(kinds.values())


def main(target: Path, every: bool) -> None:
    """Compile, write what they take."""
    compiler, rows, worst = nvrtc.compiler(), [], 0
    for name, spec, tiling, item in list(launches()) if every else heaviest():
        row = {
            "layer": name, "item": item, "up": spec.up, "down": spec.down, "up_taps": len(spec.up_taps),
            "down_taps": spec.down_taps, "rank": spec.rank, "channels": spec.channels, "lanes": tiling.lanes,
            "strips": tiling.strips, "band": tiling.band, "grid": list(tiling.grid),
            "gflop": round(fir.work(spec).flops / 1e9, 3), "megabytes": round(fir.work(spec).bytes / 1e6, 3),
        }  # fmt: skip
        for architecture in ARCHITECTURES:
            options = ["--ptxas-options=-v", *defines(spec, tiling, item)]
            used = usage(compiler.compile(fir.source(), architecture, options)[1])
            row[architecture] = asdict(used) | {"resident": used.resident(tiling, architecture)}
            worst += used.spills + used.stack + max(0, RESIDENT - used.resident(tiling, architecture))
        rows.append(row)
        print(name, item, spec.rank, *(f"{a} {row[a]['registers']}" for a in ARCHITECTURES), flush=True)
    text = ",\n".join(json.dumps(row) for row in rows)
    target.write_text(f'{{"nvrtc": "{compiler.version}", "processors": {PROCESSORS}, "launches": [\n{text}\n]}}\n')
    if worst:
        raise SystemExit("a kernel spills, or too few blocks fit")


if __name__ == "__main__":
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", type=Path)
    parser.add_argument("--every", action="store_true", help="every layer, not one of each kind (minutes)")
    main(**vars(parser.parse_args()))

# ruff: noqa: N806 - G is what the paper and its users call a generator
"""Milliseconds a frame of every engine this machine has, in alternating slices so that other load hits all alike.

python tests/bench/bench_generator.py [MODEL] [--threads 1 2] [--slices 6] [--frames 10]
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
import torch

import stylegan3
from stylegan3.inference import Painter, TorchPainter
from stylegan3.kernels import fused

LUMEN = Path(__file__).parents[2] / "daemon" / "assets" / "models" / "lumen.safetensors"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", type=Path, default=LUMEN)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--slices", type=int, default=6)
    parser.add_argument("--frames", type=int, default=10)
    args = parser.parse_args()
    G = stylegan3.load(args.model)
    entries: dict[tuple[str, int], Painter] = {}
    for threads in args.threads:
        entries["torch", threads] = TorchPainter(G, torch.device("cpu"))
        if fused.supports(G.config):
            for build in fused.builds():
                entries[f"fused {build}", threads] = fused.FusedPainter(fused._library(build), build, G, threads)
    rng = np.random.default_rng(0)
    ws = G.mapping(torch.from_numpy(rng.standard_normal((args.frames, G.z_dim)).astype(np.float32))).numpy()
    pixels = np.zeros((G.img_resolution, G.img_resolution, 4), np.uint8)
    times: dict[tuple[str, int], list[float]] = {key: [] for key in entries}
    for _ in range(args.slices):
        for key, painter in entries.items():
            torch.set_num_threads(key[1])
            painter.paint(ws[0], pixels)
            for w in ws:
                start = time.perf_counter()
                painter.paint(w, pixels)
                times[key].append(1e3 * (time.perf_counter() - start))
    for (engine, threads), ms in times.items():
        ms.sort()
        said = f"median {statistics.median(ms):7.2f} ms, best {ms[0]:7.2f}, p95 {ms[int(0.95 * len(ms))]:7.2f}"
        print(f"{engine:16} {threads} threads: {said}")  # noqa: T201


if __name__ == "__main__":
    main()

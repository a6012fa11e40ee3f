# ruff: noqa: N806, T201 - G is what the paper and its users call a generator; this is a program
"""Damaged checkpoints by the thousand: each must be read or refused in one sentence, quickly, in little memory.

python tests/bench/fuzz_checkpoints.py FOLDER [--iterations N] [--seed N]
FOLDER holds .pkl or .safetensors files; each iteration damages one of them and loads it. The seed of an iteration that
fails is printed: run it again with --seed and --iterations 1.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

import stylegan3

_SLOW = 20.0  # seconds
_MEMORY = 2 << 30  # bytes beyond what the process has once a real file was read


def damaged(data: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    """A few random faults: bytes changed, cut, doubled, swapped or taken from another file, most near the front."""
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 9))):
        if not out:
            break
        reach = len(out) if rng.random() < 0.3 else min(len(out), 1 << int(rng.integers(4, 18)))
        at, size = int(rng.integers(reach)), 1 << int(rng.integers(0, 12))
        match int(rng.integers(8)):
            case 0 | 1:
                out[at] = int(rng.integers(256))
            case 2:
                out[at] ^= 1 << int(rng.integers(8))
            case 3:
                del out[at : at + size]
            case 4:
                out[at:at] = out[at : at + size]
            case 5:
                other = others[int(rng.integers(len(others)))]
                start = int(rng.integers(max(len(other) - size, 1)))
                out[at : at + size] = other[start : start + size]
            case 6:
                out[at : at + size] = rng.integers(0, 256, size, np.uint8).tobytes()
            case 7:
                del out[int(rng.integers(len(out))) :]
    return bytes(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--iterations", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    files = sorted(p for p in args.folder.iterdir() if p.suffix in (".pkl", ".safetensors"))
    contents = [p.read_bytes() for p in files]
    outcomes: Counter[str] = Counter()
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(args.seed, args.seed + args.iterations):
            rng = np.random.default_rng(seed)
            which = int(rng.integers(len(files)))
            target = Path(folder) / f"damaged{files[which].suffix}"
            target.write_bytes(damaged(contents[which], contents, rng))
            if seed == args.seed:
                stylegan3.load(files[which])
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            start = time.perf_counter()
            try:
                G = stylegan3.load(target)
            except stylegan3.CheckpointError as e:
                said = str(e)
                if "\n" in said or len(said) > 400 or not said.startswith(("damaged", str(target))):
                    sys.exit(f"seed {seed}: no sentence: {said!r}")
                outcomes["refused: " + " ".join(said.split()[1:3])] += 1
            except Exception as e:  # noqa: BLE001 - what it is for
                sys.exit(f"seed {seed} ({files[which].name}): {type(e).__name__}: {e}")
            else:
                outcomes[f"read: {G.variant}"] += 1
            slowest = max(slowest, time.perf_counter() - start)
            if slowest > _SLOW:
                sys.exit(f"seed {seed}: took {slowest:.1f} s")
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - peak
            if grown > _MEMORY:
                sys.exit(f"seed {seed}: took {grown / 2**30:.1f} GiB")
    for outcome, count in outcomes.most_common():
        print(f"{count:6}  {outcome}")
    print(f"{args.iterations} files, slowest {slowest:.2f} s, memory grew by {grown / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()

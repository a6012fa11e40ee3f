# ruff: noqa: N806 - G is what the paper and its users call a generator
"""What the default model must show, computed: python -m tools.default_model.measure MODEL.safetensors --out FILE.json.

Without a model it measures the teacher against itself. `--old TEACHER.py` (with a class Teacher of size and z) sets the
teacher beside an earlier one. Pictures are in -1..1 and clipped.

psnr      10 log10(4 / MSE), mean over 256 unseen z
gradient  mean absolute difference between neighbouring pixels, as a share of the teacher's
pairs     mean L1 between all pairs of the 256 pictures (averaged down to 64 px), as a share of the teacher's
step      over slerp walks of 64 steps: the largest L1 between neighbouring frames, over the walk's mean; worst walk
dull      saturation and contrast of every frame, over the weaker end's; worst frame
middle    mean gradient of a walk's middle third over that of its two ends (first and last sixth); worst and mean walk
clusters  of 24 members each: the mean hue as a point within the colour circle (its angle, and how far out: 0 all hues,
          1 one), the edge density (gradient), and the least distance left between two clusters in either
"""

import argparse
import importlib.util
import json
import math
from collections.abc import Callable, Mapping
from itertools import combinations
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.nn import functional

import stylegan3
from stylegan3.inference import ways
from tools.default_model.anchors import CLUSTERS, member
from tools.default_model.recipe import Z_DIM
from tools.default_model.teacher import Teacher

PICTURES, WALKS, STEPS, MEMBERS = 256, 32, 64, 24
Painter = Callable[[Tensor], Tensor]  # z [N, 64] -> [N, 3, H, W] in -1..1
Figures = dict[str, float]


def slerp(a: Tensor, b: Tensor, steps: int) -> Tensor:
    """[steps, n] from a to b along their great circle, of length sqrt(n)."""
    a, b = a / a.norm(), b / b.norm()
    angle = torch.acos((a @ b).clamp(-1, 1))
    t = torch.linspace(0, 1, steps)[:, None]
    z: Tensor = (((1 - t) * angle).sin() * a + (t * angle).sin() * b) / angle.sin() * math.sqrt(len(a))
    return z


def gradient(x: Tensor) -> Tensor:
    """[N]: mean absolute difference of neighbours."""
    return x.diff(dim=2).abs().mean((1, 2, 3)) + x.diff(dim=3).abs().mean((1, 2, 3))


def saturation(x: Tensor) -> Tensor:
    """[N]: mean distance of the strongest from the weakest channel, 0..1."""
    return (x.amax(1) - x.amin(1)).mean((1, 2)) / 2


def contrast(x: Tensor) -> Tensor:
    """[N]: standard deviation of the luma."""
    luma = (x * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1)
    return luma.std((1, 2))


def pairs(x: Tensor) -> float:
    """Mean L1 over all pairs."""
    small = functional.interpolate(x, (64, 64), mode="area").flatten(1)
    total = torch.cdist(small, small, p=1).sum() / small.shape[1]
    return (total / (len(x) * (len(x) - 1))).item()


def spectrum(x: Tensor) -> list[float]:
    """Share of the luma's energy in each octave of frequency, lowest first, in dB."""
    luma = x.mean(1) - x.mean((1, 2, 3))[:, None, None]
    power = torch.fft.fft2(luma).abs().square().mean(0)
    f = torch.fft.fftfreq(x.shape[2]) * x.shape[2]
    r = (f[:, None].square() + f[None].square()).sqrt()
    edges = [2**i for i in range(int(math.log2(x.shape[2])))]
    bands = [power[(r >= low) & (r < 2 * low)].sum() / power.sum() for low in edges]
    return [round(10 * math.log10(b.item() + 1e-12), 1) for b in bands]


def pictures(painter: Painter, z: Tensor) -> Tensor:
    """All of z, a few at a time."""
    return torch.cat([painter(part).clamp(-1, 1) for part in z.split(8)])


def walks(painter: Painter, count: int) -> Figures:
    """The figures of `count` walks between random z."""
    ends = torch.randn(count, 2, Z_DIM, generator=torch.Generator().manual_seed(7))
    found: dict[str, list[float]] = {"step": [], "saturation": [], "contrast": [], "middle": []}
    for a, b in ends:
        x = pictures(painter, slerp(a, b, STEPS))
        steps = (x[1:] - x[:-1]).abs().mean((1, 2, 3))
        found["step"].append((steps.max() / steps.mean()).item())
        for name, of in (("saturation", saturation(x)), ("contrast", contrast(x))):
            found[name].append((of.min() / torch.minimum(of[0], of[-1])).item())
        g, third, sixth = gradient(x), STEPS // 3, STEPS // 6
        outer = torch.cat([g[:sixth], g[-sixth:]]).mean()
        found["middle"].append((g[third : 2 * third].mean() / outer).item())
    mean = {name: sum(values) / count for name, values in found.items()}
    return {
        "largest step / mean, worst walk": max(found["step"]),
        "saturation, worst frame / weaker end": min(found["saturation"]),
        "contrast, worst frame / weaker end": min(found["contrast"]),
        "middle gradient / ends, mean": mean["middle"],
        "middle gradient / ends, worst walk": min(found["middle"]),
    }


def hue(x: Tensor) -> Tensor:
    """[N, 2]: where the mean colour lies round the colour circle; its length: how one-coloured."""
    r, g, b = x[:, 0], x[:, 1], x[:, 2]
    u, v = (2 * r - g - b).mean((1, 2)) / 2, (g - b).mean((1, 2)) * math.sqrt(3) / 2
    chroma = ((2 * r - g - b).square() / 4 + (g - b).square() * 0.75).sqrt().mean((1, 2)) + 1e-6
    return torch.stack([u / chroma, v / chroma], 1)


def clusters(painter: Painter) -> Figures:
    """How the three lie apart: by mean hue, a point within the colour circle, and by edges; no overlap is above 0."""
    found: Figures = {}
    hues, edges = {}, {}
    for name in CLUSTERS:
        x = pictures(painter, torch.stack([member(name, i) for i in range(MEMBERS)]))
        hues[name], edges[name] = hue(x), gradient(x)
        u, v = hues[name].mean(0).tolist()
        found[f"{name} hue, degrees"] = math.degrees(math.atan2(v, u)) % 360
        found[f"{name} hue, from 0 all to 1 one"] = math.hypot(u, v)
        found[f"{name} edges, least"] = edges[name].min().item()
        found[f"{name} edges, most"] = edges[name].max().item()
    found["hue margin, nearest two"] = min(gap(hues[a], hues[b]) for a, b in combinations(CLUSTERS, 2))
    found["edge margin, nearest two"] = min(
        gap(edges[a][:, None], edges[b][:, None]) for a, b in combinations(CLUSTERS, 2)
    )
    return found


def gap(a: Tensor, b: Tensor) -> float:
    """Between two clouds [N, D], along the line through their middles; below 0 they overlap."""
    line = functional.normalize(b.mean(0) - a.mean(0), dim=0)
    return ((b @ line).min() - (a @ line).max()).item()


def measure(painter: Painter, teacher: Painter) -> Figures:
    """All of it."""
    z = torch.randn(PICTURES, Z_DIM, generator=torch.Generator().manual_seed(2026))
    made, wanted = pictures(painter, z), pictures(teacher, z)
    error = (made - wanted).square().mean((1, 2, 3)).clamp(min=1e-10)
    return {
        "psnr": (10 * (4 / error).log10()).mean().item(),
        "psnr of the mean error": (10 * (4 / error.mean()).log10()).item(),
        "psnr, worst": (10 * (4 / error).log10()).min().item(),
        "gradient / teacher": (gradient(made).mean() / gradient(wanted).mean()).item(),
        "pairs / teacher": pairs(made) / pairs(wanted),
        **walks(painter, WALKS),
        **clusters(painter),
    }


def variety(painter: Painter) -> dict[str, float | list[float]]:
    """What tells a rich teacher from a plain one."""
    x = pictures(painter, torch.randn(PICTURES, Z_DIM, generator=torch.Generator().manual_seed(2026)))
    return {
        "pairs": pairs(x), "gradient": gradient(x).mean().item(), "saturation": saturation(x).mean().item(),
        "contrast": contrast(x).mean().item(), "spectrum, dB an octave": spectrum(x),
        "gradient by picture, deviation": gradient(x).std().item(),
    }  # fmt: skip


def painter_of(path: Path) -> tuple[Painter, int]:
    """A model file as a painter, in the way that is likely the fastest here."""
    G = stylegan3.load(path).eval()
    fast = ways(G)[0].build(torch.get_num_threads())

    @torch.inference_mode()
    def paint(z: Tensor) -> Tensor:
        return torch.stack([fast.image(w.numpy()).clone() for w in G.mapping(z)])

    return paint, G.img_resolution


def _old(path: Path, size: int) -> Painter:
    spec = importlib.util.spec_from_file_location("old_teacher", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    painter: Painter = module.Teacher(size)
    return painter


def show(title: str, figures: Mapping[str, object]) -> None:
    """A table on the terminal."""
    table = Table("", title, box=None)
    for name, value in figures.items():
        table.add_row(name, f"{value:.3f}" if isinstance(value, float) else str(value))
    Console().print(table)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--old", type=Path)
    parser.add_argument("--size", type=int, default=256, help="without a model")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    painter, size = painter_of(args.model) if args.model else (None, args.size)
    teacher = Teacher(size)
    result: dict[str, Mapping[str, object]] = {"figures": measure(painter or teacher, teacher)}
    if args.old:
        result |= {"teacher": variety(teacher), "old teacher": variety(_old(args.old, size))}
    for title, figures in result.items():
        show(title, figures)
    if args.out:
        args.out.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()

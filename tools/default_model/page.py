"""docs/MODEL.md from what was measured: python -m tools.default_model.page.

Reads docs/model: NAME.json (measure --out), NAME-curve.json (export --curve), bench.json (latentd bench --json).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.default_model.fields import FAMILIES
from tools.default_model.recipe import PALETTES

DOCS = Path(__file__).parents[2] / "docs"
MODELS = {"lumen": 256, "lumen-128": 128}


@dataclass(frozen=True, slots=True)
class Target:
    """One line of what must be shown."""

    name: str
    figure: str
    bound: float
    least: bool = True  # whether the bound is from below
    bound_told: str = ""

    def row(self, figures: dict[str, float]) -> str:
        found = figures[self.figure]
        met = found >= self.bound if self.least else found < self.bound
        told = self.bound_told or f"{'at least' if self.least else 'less than'} {self.bound:g}"
        return f"| {self.name} | {told} | {found:.3g} | {'met' if met else '**missed**'} |"


TARGETS = (
    Target("PSNR over 256 unseen z, dB", "psnr", 21),
    Target("mean gradient, of the teacher's", "gradient / teacher", 0.8),
    Target("mean L1 of pairs, of the teacher's", "pairs / teacher", 0.85),
    Target("32 walks: largest step, of the walk's mean", "largest step / mean, worst walk", 3, least=False),
    Target("32 walks: saturation of the worst frame, of the weaker end", "saturation, worst frame / weaker end", 0.7),
    Target("32 walks: contrast of the worst frame, of the weaker end", "contrast, worst frame / weaker end", 0.7),
    Target("32 walks: gradient of the middle third, of the ends, mean", "middle gradient / ends, mean", 0.8),
    Target("clusters: hue margin, nearest two", "hue margin, nearest two", 0, bound_told="above 0"),
    Target("clusters: edge margin, nearest two", "edge margin, nearest two", 0, bound_told="above 0"),
)


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in (head, ["---"] * len(head), *rows)]
    return "\n".join(lines)


def minutes(seconds: dict[str, float]) -> str:
    """How long each part took."""
    return ", ".join(f"{name} {value / 60:.0f}" for name, value in seconds.items())


def curve(points: Sequence[dict[str, Any]], width: int = 720, height: int = 240) -> str:
    """PSNR and sharpness over the steps of the last part, as SVG."""
    shown = [p for p in points if p["part"] == "pictures"]
    left, right, top, bottom = 48, 48, 16, 32
    last = max(p["step"] for p in shown)
    lines = []
    for name, colour, low, high, side in (
        ("psnr", "#c2410c", 18.0, 26.0, "start"),
        ("sharp", "#1d4ed8", 0.5, 1.0, "end"),
    ):
        at = [
            (
                left + (width - left - right) * p["step"] / last,
                top + (height - top - bottom) * (1 - (p[name] - low) / (high - low)),
            )
            for p in shown
        ]
        dots = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
        lines.append(f'<polyline points="{dots}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for value in (low, (low + high) / 2, high):
            y = top + (height - top - bottom) * (1 - (value - low) / (high - low))
            x = left - 8 if side == "start" else width - right + 8
            anchor = "end" if side == "start" else "start"
            lines.append(f'<text x="{x}" y="{y + 4:.0f}" text-anchor="{anchor}" fill="{colour}">{value:g}</text>')
    size = f'width="{width - left - right}" height="{height - top - bottom}"'
    frame = f'<rect x="{left}" y="{top}" {size} fill="none" stroke="#999"/>'
    words = (
        f'<text x="{left}" y="{height - 8}">step 0</text>'
        f'<text x="{width - right}" y="{height - 8}" text-anchor="end">{last:,}</text>'
        f'<text x="{width / 2}" y="{height - 8}" text-anchor="middle">'
        "PSNR, dB (left), gradient of the teacher's (right)</text>"
    )
    body = "\n".join([frame, *lines, words])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n'
    )


def page(folder: Path) -> str:
    """The whole of docs/MODEL.md."""
    found = {name: json.loads((folder / f"{name}.json").read_text()) for name in MODELS}
    told = {name: json.loads((folder / f"{name}-curve.json").read_text()) for name in MODELS}
    bench = json.loads((folder / "bench.json").read_text())
    figures = {name: found[name]["figures"] for name in MODELS}
    parts = [_HEAD.format(families=", ".join(FAMILIES), palettes=", ".join(PALETTES), n=len(FAMILIES), m=len(PALETTES))]
    parts.append("## What must be shown\n")
    for name, size in MODELS.items():
        rows = "\n".join(target.row(figures[name]) for target in TARGETS)
        parts.append(f"`{name}`, {size} px:\n\n| | wanted | measured | |\n| --- | --- | --- | --- |\n{rows}\n")
    parts.append(_DEFINITIONS)
    told_too = {
        "PSNR of the mean error, dB": "psnr of the mean error",
        "PSNR of the worst of 256 pictures, dB": "psnr, worst",
        "gradient of the middle third, worst of 32 walks": "middle gradient / ends, worst walk",
        **{f"{c}: mean hue, degrees": f"{c} hue, degrees" for c in ("aggressive", "calm", "vibrant")},
        **{f"{c}: of one hue, 0 to 1": f"{c} hue, from 0 all to 1 one" for c in ("aggressive", "calm", "vibrant")},
        **{f"{c}: edges, least": f"{c} edges, least" for c in ("aggressive", "calm", "vibrant")},
        **{f"{c}: edges, most": f"{c} edges, most" for c in ("aggressive", "calm", "vibrant")},
    }
    rows = [[k, *(f"{figures[name][v]:.3g}" for name in MODELS)] for k, v in told_too.items()]
    parts.append("What else was measured:\n\n" + table(["", *MODELS], rows) + "\n")
    parts.append(_TEACHERS + table(["", "this teacher", "the earlier one"], _teachers(found["lumen"])) + "\n")
    parts.append("## Sizes and speeds\n\n" + _speeds(bench, told) + "\n")
    parts.append(_TAIL)
    return "\n".join(parts)


def _teachers(found: dict[str, Any]) -> list[list[object]]:
    """Ours beside the rehearsal's."""
    ours, old = found["teacher"], found["old teacher"]
    return [[k, f"{v:.3g}", f"{old[k]:.3g}"] for k, v in ours.items() if isinstance(v, float)]


def _speeds(bench: dict[str, Any], told: dict[str, dict[str, Any]]) -> str:
    """What the files weigh, how long they took to train and take to paint."""
    rows = []
    for name, size in MODELS.items():
        path = DOCS.parent / "daemon" / "assets" / "models" / f"{name}.safetensors"
        shown = ("fused", "prepared", "torch", "zero-insertion")
        results = [r for r in bench["results"] if r["model"] == name and r["engine"].startswith(shown)]
        for r in results:
            moving = r.get("moving_ms")
            rows.append([
                name, f"{size} px", f"{path.stat().st_size / 1e6:.1f} MB", r["engine"], r["threads"],
                f"{r['frame_ms']['p50']:.1f}", f"{moving:.1f}" if moving else "",
            ])  # fmt: skip
    v = bench["versions"]
    machine = f"{v['cores']} cores of a {v['cpu']}, {v['isa']}, {v['os']}, torch {v['torch']}, {v['date'][:10]}"
    sat = "; ".join(f"`{name}`: {minutes(told[name]['seconds'])}" for name in MODELS)
    return (
        table(["model", "size", "file", "engine", "threads", "frame, ms", "moving, ms"], rows)
        + f"\n\n{machine}. Medians. The first five layers do not listen to w and are painted once; *moving* is with a\n"
        f"picture that turns and drifts every frame, when they are painted each time.\n\n"
        f"Minutes of training on two cores, by part (the first two side by side): {sat}.\n"
    )


_HEAD = """# The bundled model

Written by `tools/default_model/page.py` from what was measured, which is kept in [model/](model/); not by hand.

`lumen` (256 px) and its sibling `lumen-128` for machines without the CPU kernel are StyleGAN3-T networks in the
official layout, trained by us, from nothing, on pictures that a program of ours paints. No photograph and no one else's
weights are in them.

![z drawn at random, never trained on: the teacher's row above the model's](pictures/lumen-random.jpg)

*z ~ N(0, I), never trained on: each row of the teacher's has the model's below it.*

## How it is made

**The teacher** ([teacher.py](../tools/default_model/teacher.py)) is a fixed smooth function from z to a picture. A
picture is a height field: {n} families ({families}) with three heights each, blended by z; the colour at each point
is read from a blend of {m} palettes ({palettes}) at that height; light falls on the slopes, and fine lines follow a
field of their own. Families blend in the height, never between pictures, so a walk moves contours and does not
dissolve. Every step is piecewise linear, which is what leaky ReLUs draw best.

**The student** learns it in three parts, so that every z is a training point and every held-out z is unseen:

1. *The mapping network* learns what z means: from w, everything the teacher would paint with can be read linearly.
2. *The fields*: L0 to L4 do not listen to w at all (their affine weights are zero). They draw all {n} families by
heart,    one field a channel, trained with Muon. How sharp an edge can be is decided here.
3. *The pictures*: L5 weighs the fields and bends them at every corner of a palette, L6 adds the bends up to triangle
   waves and fine lines, L7 cuts the waves into one hat a stop, ToRGB colours the hats. These layers are solved for by
   regression first, layer by layer on what the layer before really gives, and then polished with Adam on squares of
   pictures of fresh z, against squared, absolute and neighbour differences and how much neighbours differ at all.

![The families](pictures/lumen-families.jpg)

*Two z of each family, teacher above model.*

![The three clusters](pictures/lumen-clusters.jpg)

*The clusters `aggressive`, `calm` and `vibrant` (teacher above model): ten members each; one of each is stored in the
file as an anchor.*

![Truncation](pictures/lumen-psi.jpg)

*Ten z at psi 0, 0.3, 0.6, 0.8, 1 and 1.2.*

![Walks](pictures/lumen-walks.jpg)

*Slerp walks: between the clusters, then between random z.*

![How the last part went](pictures/lumen-curve.svg)

*The third part, measured on 24 unseen z (weights averaged over 500 steps).*
"""

_DEFINITIONS = """Computed by `python -m tools.default_model.measure MODEL`. Pictures are in -1..1 and clipped.
PSNR is 10 log10(4 / MSE) of each picture at the model's size, the mean of 256. The gradient is the mean absolute
difference of neighbouring pixels, both ways. Pairs are averaged down to 64 px. A walk is a slerp of 64 steps between
two z; steps are the L1 between neighbouring frames; saturation is the mean of strongest less weakest channel,
contrast the standard deviation of the luma, each of the worst frame over the weaker end's. A cluster is 24 members;
its mean hue is a point within the colour circle (angle, and 0 for all hues to 1 for one), its edges the gradient; a
margin is the distance left between two clusters along the line through their middles.
"""

_TEACHERS = """## The teacher beside the earlier one

256 pictures of each at 256 px: mean L1 of pairs, gradient, saturation, contrast, and how much the gradient differs from
picture to picture.

"""

_TAIL = """## Make it again

```sh
./setup dev
.venv/bin/python -m tools.default_model.train --out run256
.venv/bin/python -m tools.default_model.export run256/state.pt lumen.safetensors
.venv/bin/python -m tools.default_model.measure lumen.safetensors
```

Every draw comes from a seed, so the same machine with the same number of threads makes the same weights; another makes
other ones of the same quality. Ctrl-C whenever you like: the same command goes on where it was (`run256/state.pt`, 30
MB), and `--minutes 60` ends a sitting by itself. `--resolution 128 --mapping run256/state.pt` makes the sibling and
takes over the mapping network, which comes out the same at every size. There is no GPU form of this script.

**Your own pictures.** This script cannot learn them, and we do not pretend: regression needs to know which z belongs to
which picture, and a folder of pictures does not say. Train a generative network on them elsewhere (a StyleGAN3 or
StyleGAN2-ADA training that writes the official `.pkl`, with `G_ema` in it) and give latentd that file: it is read,
never executed, or converted with `latentd model convert`.

## What is not good yet

* Edges are drawn from fields at half the picture's rate: the model is softer than the teacher in the finest lines, and
  cells, shards and city, whose edges jump, are the least exact.
* Shapes stay where they are: walks move contours, colours and light, but no shape travels across the picture.
* The model was trained for one transform only: turned by more than about 3 degrees (`/latentd/rotate`), enlarged by
  more than about 3 percent (`/latentd/zoom`) or moved by more than a tenth of its width, the picture crumbles, which
  the preset `pulsar` does on purpose. Networks of the official kind turn and move whole.
* On one of the 32 measured walks a frame has 0.68 of the weaker end's contrast, where 0.7 was wanted (the teacher's own
  is 0.76). 600 more steps with each square's contrast in the loss did not change it and were left out.
* Beyond psi 1.2 heights leave the range the palette waves were solved for, and colours clip.
* It is one artist's taste: procedural and abstract. Photographs need a network of your own.
"""


def main() -> None:
    """Write the page and the curve."""
    folder = DOCS / "model"
    (DOCS / "MODEL.md").write_text(page(folder))
    for name in MODELS:
        told = json.loads((folder / f"{name}-curve.json").read_text())
        (DOCS / "pictures" / f"{name}-curve.svg").write_text(curve(told["curve"]))


if __name__ == "__main__":
    main()

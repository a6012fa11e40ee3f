"""Mines the bundled model for its three clusters, by colour and edges of rendered pictures, and trains how they sound.

    python tools/make_clusters.py [--mine] [--sounds] [daemon/assets/clusters]

With --mine and --sounds it makes the latents and the sounds of the training file lumen.yaml anew, which takes minutes;
without, it trains from those there are.
The mapping network of lumen and of lumen-128 is the same, so what is trained for one fits the other.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import yaml
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent.parent))

from daemon import document, parts
from daemon.config import Analysis
from daemon.descriptors import places
from daemon.flow import Latents
from daemon.mapping.sphere import gaussian, slerp
from daemon.render.renderer import Means
from daemon.studio.clusters import SET, train_clusters
from daemon.studio.hearing import hear
from daemon.studio.keeping import keep
from tools.make_demo_sound import SR, add, bell, centre, coloured, hat, kick, placed

F64 = NDArray[np.float64]

MODEL, SMALL = "lumen", "lumen-128"
SEEDS, KEPT, BY = 700, 8, 0.22  # seeds tried about each anchor, kept, and how far towards them


def hues(picture: F64) -> tuple[F64, F64, F64]:
    """[H, W, 3] 0..1 -> hue in degrees, chroma 0..1 and luma 0..1 of each pixel."""
    r, g, b = np.moveaxis(picture, -1, 0)
    high, low = picture.max(axis=-1), picture.min(axis=-1)
    hue = np.degrees(np.arctan2(np.sqrt(3) * (g - b), 2 * r - g - b)) % 360
    return hue, high - low, 0.2126 * r + 0.7152 * g + 0.0722 * b


def edges(luma: F64) -> float:
    """Mean absolute difference of neighbours."""
    return float(np.abs(np.diff(luma, axis=0)).mean() + np.abs(np.diff(luma, axis=1)).mean())


def near(hue: F64, centre: float, width: float) -> F64:
    """1 at the hue, 0 from `width` degrees off."""
    off = np.abs((hue - centre + 180) % 360 - 180)
    return np.clip(1.0 - off / width, 0.0, 1.0)


def aggressive(picture: F64) -> float:
    """Intense fiery red, jagged shapes."""
    hue, chroma, luma = hues(picture)
    fire = float((near(hue, 12, 35) * chroma).mean())
    return fire * (0.5 + 8 * edges(luma)) * (0.5 + float(luma.std()))


def calm(picture: F64) -> float:
    """Peaceful soft blue, a still atmosphere."""
    hue, chroma, luma = hues(picture)
    blue = float((near(hue, 212, 40) * np.minimum(chroma, 0.5)).mean())
    return blue / (0.03 + edges(luma)) * 0.1 / (0.15 + float(luma.std()))


def vibrant(picture: F64) -> float:
    """Vibrant multicoloured geometric lines."""
    hue, chroma, luma = hues(picture)
    share, _ = np.histogram(hue, 12, (0, 360), weights=chroma)
    share = share / max(share.sum(), 1e-9)
    colours = float(-(share * np.log(share + 1e-9)).sum() / np.log(12))
    return colours**2 * float(chroma.mean()) * edges(luma) * 5


SCORES: dict[str, Callable[[F64], float]] = {"aggressive": aggressive, "calm": calm, "vibrant": vibrant}


def mine(count: int) -> dict[str, list[dict[str, object]]]:
    """Each cluster's latents: those about the model's own anchor whose pictures score best.

    Seeds drawn at random score as well as anchors do, but their mean on the shell does not: their colours cancel out.
    """
    renderer = parts.open_renderer(SMALL, "cpu", means=Means("auto", 1))
    size, dims = renderer.facts.resolution, renderer.facts.z_dim
    pixels = np.zeros((size, size, 4), np.uint8)

    def score(name: str, z: F64) -> float:
        renderer.render(Latents(renderer.to_w(z[None].astype(np.float32), 1.0)[0]), pixels)
        return SCORES[name](pixels[..., :3].astype(np.float64) / 255)

    made: dict[str, list[dict[str, object]]] = {}
    for anchor in renderer.facts.anchors:
        own = anchor.z.astype(np.float64)
        begin = score(anchor.name, own)
        found = {seed: score(anchor.name, slerp(own, gaussian(seed, dims), BY)) for seed in range(count)}
        best = sorted(found, key=lambda seed, found=found: -found[seed])[:KEPT]  # type: ignore[misc]
        print(f"{anchor.name}: the anchor scores {begin:.3f}, the best about it {found[best[0]]:.3f}")
        made[anchor.name] = [
            {"latent": {"anchor": anchor.name, "toward": seed, "by": BY}, "score": round(found[seed], 3)}
            for seed in best
        ]
    return made


def pad(rng: np.random.Generator, root: float) -> F64:
    """A soft chord that swells: calm."""
    t = np.arange(6 * SR) / SR
    out = np.zeros((2, len(t)))
    for ratio in (1.0, 1.5, 2.0, 2.5):
        for side in range(2):
            beat = 1 + 0.002 * rng.standard_normal()
            out[side] += np.sin(2 * np.pi * root * ratio * beat * t + rng.uniform(0, 6)) / ratio
    return 0.12 * out * np.sin(np.pi * t / 6) ** 0.5


def sea(rng: np.random.Generator, top: float) -> F64:
    """Low, slow noise: calm."""
    t = np.arange(6 * SR) / SR
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * 0.25 * t)
    return 0.12 * np.stack([coloured(rng, len(t), 40.0, top) for _ in range(2)]) * swell


def drone(rng: np.random.Generator, root: float) -> F64:
    """One low note with few overtones: calm."""
    t = np.arange(5 * SR) / SR
    return centre(sum(0.25 / k**2 * np.sin(2 * np.pi * root * k * t + rng.uniform(0, 6)) for k in (1, 2, 3)))


def arpeggio(rng: np.random.Generator, step: float) -> F64:
    """Quick bells up and down a scale: vibrant."""
    out = np.zeros((2, 6 * SR))
    for i, at in enumerate(np.arange(0, 5.4, step)):
        hz = 330.0 * 2 ** ((0, 3, 5, 7, 10, 12, 15, 17)[i % 8] / 12)
        add(out, at, placed(0.35 * bell(hz, 0.9), float(rng.uniform(0.2, 0.8))))
    return out


def lead(rng: np.random.Generator, root: float) -> F64:
    """A bright voice that sings over a chord: vibrant."""
    t = np.arange(6 * SR) / SR
    notes = root * 2 ** (rng.choice((0, 2, 4, 7, 9, 12), 24)[np.minimum((t / 0.25).astype(int), 23)] / 12)
    phase = 2 * np.pi * np.cumsum(notes) / SR
    voice = sum(np.sin(k * phase) / k for k in range(1, 7)) * (0.6 + 0.4 * np.exp(-(t % 0.25) / 0.1))
    chord = sum(np.sin(2 * np.pi * root / 2 * r * t) for r in (1, 1.26, 1.5))
    return centre(0.16 * voice + 0.05 * chord)


def drums(rng: np.random.Generator, beat: float) -> F64:
    """Kicks, snares and hats: aggressive."""
    out = np.zeros((2, 6 * SR))
    for i, at in enumerate(np.arange(0, 5.6, beat / 2)):
        if i % 2 == 0:
            add(out, at, centre(0.9 * kick()))
        if i % 4 == 2:
            add(
                out,
                at,
                0.3 * np.exp(-np.arange(SR // 5) / SR / 0.06) * np.stack([coloured(rng, SR // 5, 800, 12e3)] * 2),
            )
        add(out, at, hat(rng, 0.5))
    return out


def distorted(rng: np.random.Generator, root: float) -> F64:
    """A fifth through a fuzz over noise: aggressive."""
    t = np.arange(5 * SR) / SR
    saw = sum((2 * ((root * r * t) % 1) - 1) for r in (1.0, 1.498, 2.003))
    chug = 0.35 + 0.65 * np.exp(-(t % 0.2) / 0.08)
    return 0.35 * np.tanh(4 * saw * chug) + 0.1 * np.stack([coloured(rng, len(t), 1000, 14e3) for _ in range(2)])


def hiss(rng: np.random.Generator, top: float) -> F64:
    """Bursts of noise: aggressive."""
    t = np.arange(4 * SR) / SR
    gate = np.clip(4 * np.sin(2 * np.pi * 2 * t), 0, 1)
    return 0.2 * gate * np.stack([coloured(rng, len(t), 200, top) for _ in range(2)])


SOUNDS: dict[str, list[tuple[Callable[[np.random.Generator, float], F64], tuple[float, ...]]]] = {
    "aggressive": [(drums, (0.5, 0.42, 0.34)), (distorted, (41.2, 55.0, 82.4)), (hiss, (3000.0, 8000.0, 14000.0))],
    "calm": [(pad, (110.0, 146.8, 220.0)), (sea, (200.0, 500.0)), (drone, (55.0, 98.0))],
    "vibrant": [(arpeggio, (0.15, 0.25, 0.35)), (lead, (261.6, 392.0, 523.3))],
}
KICKS = [3.0 + 0.5 * i for i in range(12)]  # s in the demo's sound
STRETCHES = {  # of it, s: a kick is aggressive, what it leaves behind is calm, so the picture breathes with the pulse
    "aggressive": [*((at + 0.02, at + 0.2) for at in KICKS), (16.0, 21.0), (27.5, 29.4)],
    "calm": [*((at + 0.34, at + 0.48) for at in KICKS), (21.0, 24.5), (30.0, 30.8)],
    "vibrant": [(9.0, 16.0)],
}


def sounding(name: str, count: int = 6) -> list[dict[str, object]]:
    """How a cluster sounds: stretches of the demo's sound, and moments of sounds made here, as numbers."""
    made: list[dict[str, object]] = [
        {"sound": "../demo.ogg", "at": round(begin, 3), "until": round(end, 3)} for begin, end in STRETCHES[name]
    ]
    rng = np.random.default_rng(sorted(SOUNDS).index(name))
    with tempfile.TemporaryDirectory() as folder:
        for make, values in SOUNDS[name]:
            for value in values:
                path = Path(folder) / "sound.wav"
                soundfile.write(path, make(rng, value).T.astype(np.float32), SR, "FLOAT")
                heard = hear(path, Analysis())
                rows = heard.smooth[heard.loud][:, places(SET)]
                for at in np.linspace(0.1, 0.9, count):
                    row = rows[int(at * len(rows))]
                    made.append({"values": {d: round(float(v), 4) for d, v in zip(SET, row, strict=True)}})
    return made


def main() -> None:
    """Mine if asked to, write the training file, and train."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("folder", nargs="?", type=Path, default=Path("daemon/assets/clusters"))
    options.add_argument("--mine", action="store_true", help="look for the latents anew")
    options.add_argument("--sounds", action="store_true", help="make and hear the sounds anew")
    asked = options.parse_args()
    path = asked.folder / f"{MODEL}.yaml"
    file = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {"clusters": []}
    there = {c["name"]: c for c in file["clusters"]}
    latents = mine(SEEDS) if asked.mine or not there else {name: c["latents"] for name, c in there.items()}
    sounds = {name: sounding(name) if asked.sounds or not there else there[name]["sounds"] for name in sorted(SCORES)}
    clusters = [{"name": name, "latents": latents[name], "sounds": sounds[name]} for name in sorted(SCORES)]
    asked.folder.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(
        {"version": 1, "model": MODEL, "clusters": clusters}, sort_keys=False, default_flow_style=None, width=120
    )
    document.write(path, f"# Written by tools/make_clusters.py; the format is in docs/TRAINING.md.\n{text}")
    report = train_clusters(path, Analysis(), MODEL)
    keep(asked.folder / f"{MODEL}.safetensors", report.learned)
    print(f"cross-entropy {report.before:.3f} to {report.after:.3f}")
    for fit in report.fits:
        print(fit)


if __name__ == "__main__":
    main()

"""Makes docs/pictures/presets.jpg: what each shipped preset makes of the bundled sound, six frames each.

Run it as `python tools/preset_sheet.py docs/pictures`. `--only NAME ... --columns 12 --model lumen-128` looks closer.
It prints how much the picture moves in silence and in sound.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from daemon import offline, parts
from daemon.config import Analysis, shipped_presets
from daemon.engine import Engine
from daemon.flow import U8, Features, FrameFormat
from daemon.params import Fade
from daemon.preset import Bank, Preset
from daemon.sinks.memory import MemorySink

FPS, SIDE, GAP, ACROSS = 15, 128, 2, 2  # pictures a second, pixels, pixels, presets side by side
BACK, INK, SOFT = (14, 14, 17), (220, 220, 226), (150, 150, 158)
SILENCE, SOUND = (0.3, 1.9), (2.4, 30.0)  # s of the bundled sound


def film(preset: Preset, model: str) -> list[U8]:
    """Every frame of the bundled sound with a preset, [H, W, 4] each."""
    renderer = parts.open_renderer(model, "cpu")
    sink, trained = MemorySink(limit=100 * FPS), parts.shelves(Analysis())
    size, space = renderer.facts.resolution, parts.open_space(model, trained.known(renderer.facts), renderer.to_w)
    offline.render(
        parts.open_file(parts.DEMO_SOUND, Analysis().sr, loop=False),
        parts.extractor(Analysis()),
        Engine(parts.mapper_maker(space, trained=trained), space),
        renderer,
        sink,
        FrameFormat(size, size),
        FPS,
        Features.silence(Analysis().bands),
        [(0.0, Fade.still(preset.params))],
    )
    return list(sink.pictures)


def motion(frames: list[U8], span: tuple[float, float]) -> tuple[float, float]:
    """Mean and 95th percentile of the L1 between neighbouring frames of a span in seconds, in levels of 255."""
    first, last = (round(FPS * t) for t in span)
    few = np.stack(frames[first:last])[:, ::4, ::4, :3].astype(np.int16)
    steps = np.abs(np.diff(few, axis=0)).mean(axis=(1, 2, 3))
    return float(steps.mean()), float(np.quantile(steps, 0.95))


def strip(preset: Preset, frames: list[U8], columns: int) -> Image.Image:
    """A name, a title and frames at even distances."""
    picture = Image.new("RGB", (columns * (SIDE + GAP) - GAP, SIDE + 24), BACK)
    pen = ImageDraw.Draw(picture)
    pen.text((4, 3), preset.name, fill=INK, font=ImageFont.load_default(15))
    pen.text((100, 5), preset.title, fill=SOFT, font=ImageFont.load_default(12))
    for c in range(columns):
        frame = frames[round((c + 0.5) * len(frames) / columns)]
        small = Image.fromarray(frame[..., :3]).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        picture.paste(small, (c * (SIDE + GAP), 24))
    return picture


def main() -> None:
    """Write the picture into a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", default=())
    parser.add_argument("--columns", type=int, default=6)
    parser.add_argument("--model", default=parts.DEFAULT_MODEL)
    wish = parser.parse_args()
    bank = Bank(shipped_presets(), Path())
    strips = []
    for name in wish.only or bank.names:
        frames = film(bank.get(name), wish.model)
        quiet, loud = motion(frames, SILENCE), motion(frames, SOUND)
        print(f"{name:10} silence {quiet[0]:5.2f} {quiet[1]:6.2f}   sound {loud[0]:5.2f} {loud[1]:6.2f}", flush=True)
        strips.append(strip(bank.get(name), frames, wish.columns))
    across = ACROSS if wish.columns <= 6 else 1
    width, height = strips[0].size
    rows = -(-len(strips) // across)
    sheet = Image.new("RGB", (across * (width + 12) - 12, rows * (height + 8)), BACK)
    for i, one in enumerate(strips):
        sheet.paste(one, (i % across * (width + 12), i // across * (height + 8)))
    wish.folder.mkdir(parents=True, exist_ok=True)
    sheet.save(wish.folder / "presets.jpg", quality=74, optimize=True)


if __name__ == "__main__":
    main()

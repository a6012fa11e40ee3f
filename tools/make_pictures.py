"""Makes docs/pictures/demo.jpg: the bundled sound, and what three presets make of it.

Run it as `python tools/make_pictures.py docs/pictures`.
"""

import argparse
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image, ImageDraw, ImageFont

from daemon import offline, parts
from daemon.config import Analysis, shipped_presets
from daemon.engine import Engine
from daemon.flow import U8, Features, FrameFormat
from daemon.mapping.space import survey
from daemon.params import Fade
from daemon.preset import Bank
from daemon.sinks.memory import MemorySink

FPS, SIDE, COLUMNS, GAP, WAVE = 15, 144, 10, 2, 96
BACK, INK, SOUND = (14, 14, 17), (170, 170, 178), (236, 170, 96)


def film(preset: str) -> list[U8]:
    """Every frame of the bundled sound with a preset."""
    renderer, sink = parts.open_renderer(parts.DEFAULT_MODEL, "cpu"), MemorySink(limit=100 * FPS)
    size, space = renderer.facts.resolution, survey(renderer.facts, renderer.to_w)
    offline.render(
        parts.open_file(parts.DEMO_SOUND, Analysis().sr, loop=False),
        parts.extractor(Analysis()),
        Engine(parts.mapper_maker(space), space),
        renderer,
        sink,
        FrameFormat(size, size),
        FPS,
        Features.silence(Analysis().bands),
        [(0.0, Fade.still(Bank(shipped_presets(), Path()).get(preset).params))],
    )
    return list(sink.pictures)


def waveform(width: int) -> Image.Image:
    """The bundled sound's peaks over time."""
    samples, _ = soundfile.read(parts.DEMO_SOUND)
    peaks = [np.abs(part).max() for part in np.array_split(samples.mean(axis=1), width)]
    picture = Image.new("RGB", (width, WAVE), BACK)
    pen = ImageDraw.Draw(picture)
    for x, peak in enumerate(peaks):
        reach = peak * (WAVE / 2 - 4)
        pen.line([(x, WAVE / 2 - reach), (x, WAVE / 2 + reach)], fill=SOUND)
    return picture


def main() -> None:
    """Write the picture into a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    presets = ("hearth", "storm", "tide")  # tools/preset_sheet.py shows all
    width = COLUMNS * (SIDE + GAP) - GAP
    row = SIDE + GAP + 20
    sheet = Image.new("RGB", (width, len(presets) * row + WAVE), BACK)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for r, preset in enumerate(presets):
        frames = film(preset)
        pen.text((4, r * row + 2), preset, fill=INK, font=font)
        for c in range(COLUMNS):
            frame = frames[round((c + 0.5) * len(frames) / COLUMNS)]
            picture = Image.fromarray(frame[..., :3]).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
            sheet.paste(picture, (c * (SIDE + GAP), r * row + 20))
    sheet.paste(waveform(width), (0, len(presets) * row))
    folder.mkdir(parents=True, exist_ok=True)
    sheet.save(folder / "demo.jpg", quality=90)


if __name__ == "__main__":
    main()

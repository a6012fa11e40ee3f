"""Makes docs/REACTION.md and a picture for each mapper: frames over time, the sound beneath them.

Run it as `python tools/make_reaction.py docs`. `--encodec FOLDER` names EnCodec's weights; without them its network
is drawn at random, and the page says so.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from daemon import offline, parts
from daemon.bench.reaction import Reaction, ReactionReport, Rig, look, report
from daemon.bench.rig import hear, rig_of
from daemon.config import Analysis, Encodec
from daemon.engine import Engine
from daemon.errors import BadInput
from daemon.flow import F32, U8, Features, FrameFormat
from daemon.params import MAPPERS, Fade
from daemon.render.renderer import Renderer
from daemon.sinks.memory import MemorySink

FPS, SIDE, COLUMNS, GAP, WAVE, MARGIN = 12, 112, 12, 2, 54, 16
CLOSE, CLOSE_FPS = 2.75, 6  # s where the second row begins; its frames a second
BACK, INK, SOUND = (14, 14, 17), (170, 170, 178), (236, 170, 96)
WIDTH = COLUMNS * (SIDE + GAP) - GAP


def film(mapper: str, renderer: Renderer, rig: Rig) -> list[U8]:
    """Every frame of the bundled sound."""
    sink, size = MemorySink(limit=100 * FPS), renderer.facts.resolution
    offline.render(
        parts.open_file(parts.DEMO_SOUND, Analysis().sr, loop=False),
        rig.ears(mapper),
        Engine(rig.make_mapper, rig.space),
        renderer,
        sink,
        FrameFormat(size, size),
        FPS,
        Features.silence(Analysis().bands),
        [(0.0, Fade.still(look(mapper, rig.space)))],
    )
    return list(sink.pictures)


def strip(frames: list[U8], samples: F32) -> Image.Image:
    """The whole sound in one row, two seconds of it in another; each frame above the moment it shows."""
    sr, row = Analysis().sr, MARGIN + SIDE + WAVE
    sheet = Image.new("RGB", (WIDTH, 2 * row), BACK)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    whole = samples.shape[1] / sr
    for r, (begin, length) in enumerate(((0.0, whole), (CLOSE, COLUMNS / CLOSE_FPS))):
        for c in range(COLUMNS):
            t = begin + (c + 0.5) * length / COLUMNS
            picture = Image.fromarray(frames[min(round(t * FPS), len(frames) - 1)][..., :3])
            sheet.paste(picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC), (c * (SIDE + GAP), r * row + MARGIN))
            pen.text((c * (SIDE + GAP) + 3, r * row + 1), f"{t:.2f} s", fill=INK, font=font)
        part = samples[:, int(begin * sr) : int((begin + length) * sr)]
        sheet.paste(waveform(part, WIDTH), (0, r * row + MARGIN + SIDE))
    return sheet


def waveform(samples: F32, width: int) -> Image.Image:
    """A sound's peaks over time."""
    picture = Image.new("RGB", (width, WAVE), BACK)
    pen = ImageDraw.Draw(picture)
    for x, part in enumerate(np.array_split(samples.mean(axis=0), width)):
        reach = float(np.abs(part).max()) * (WAVE / 2 - 3)
        pen.line([(x, WAVE / 2 - reach), (x, WAVE / 2 + reach)], fill=SOUND)
    return picture


def random_encodec(folder: Path) -> Encodec:
    """EnCodec's architecture, a quarter as wide, with weights drawn at random."""
    import torch
    from transformers import EncodecConfig, EncodecModel

    torch.manual_seed(1)
    EncodecModel(EncodecConfig(num_filters=8)).eval().save_pretrained(folder)
    return Encodec(weights=str(folder))


def page(made: ReactionReport, *, drawn: bool) -> str:
    """docs/REACTION.md."""
    rows = "\n".join(_row(r) for r in made.results)
    pictures = "\n\n".join(
        f"## {r.mapper}\n\n![frames over time, the sound beneath them](pictures/strip-{r.mapper}.jpg)"
        for r in made.results
    )
    left = "".join(f"\n`{x.mapper}` is left out here: {x.why}.\n" for x in made.left_out)
    return TEXT.format(
        rows=rows,
        pictures=pictures,
        seconds=made.seconds,
        model=made.model,
        hop=made.hop_ms,
        fps=made.fps,
        left=left,
        drawn=DRAWN if drawn else "",
    )


def _row(r: Reaction) -> str:
    cells = (
        f"`{r.mapper}`",
        "-" if r.first_ms is None else f"{r.first_ms:.0f} of {r.allowed_ms:.0f} ms",
        "-" if r.half_ms is None else f"{r.half_ms:.0f} ms",
        "-" if r.reach is None else f"{r.reach:.2f}",
        "-" if r.motion is None else f"{r.motion:.2f}",
        f"{r.sound.p50:.2f} · {r.sound.p95:.2f} · {r.sound.max:.2f}",
        f"{r.silence.p50:.2f}",
        f"{r.changes.max:.2f} of {r.limit:g}",
    )
    return f"| {' | '.join(cells)} |"


DRAWN = (
    "\nThe `encodec` measured here has the real architecture, a quarter as wide, with weights drawn at random: the\n"
    "published ones were not there. Its delay and its limits are those of the real one, its taste is not.\n"
)
TEXT = """# How mappers react to sound

Made by `python tools/make_reaction.py docs`; `latentd bench --reaction` measures the same on your machine, with
`--sound` on your music and with `--model` on your network.

Each mapper hears the bundled sound ({seconds:g} s; {model}; {fps:g} fps, hops of {hop:g} ms) as it is set at start,
all clusters at 0.5.

| mapper | first change | half way | loud ~ far | loud ~ fast | with sound p50 · p95 · max | silence | changes, max |
|---|---|---|---|---|---|---|---|
{rows}
{left}{drawn}
- **first change**: from an onset out of silence to the first latent that differs (by 0.001 standard deviations of w)
  from those of the same run without the onset, the latest of all onsets measured. Two hops and the smoothing are
  allowed. Ticks come with hops here; live, wait for the next frame and for what the output adds.
- **half way**: until the latent has gone half of what it goes within 0.6 s. Median of the onsets.
- **loud ~ far**, **loud ~ fast**: Pearson's correlation, over half seconds, of loudness in dB with how far the sound
  has moved the latent from where it would be in silence, and with how fast it moves.
- Rates are standard deviations of w a second: RMS over dimensions, the layer that moves most.
- **in silence**: the walk alone (`drift` 0.3), p50; small, but never nothing.
- **changes**: the fastest step with smoothing 0 while the gate opens, every mapper takes its turn, seed, psi, gain,
  drift and routes jump, the picture is frozen and let go, and a latent comes from outside and stays away again.
  `limit` holds it. Two random places lie about 1.3 deviations apart.

{pictures}
"""


def main() -> None:
    """Write the page and its pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--encodec")
    parser.add_argument("--mappers", nargs="*", default=MAPPERS)
    given = parser.parse_args()
    folder: Path = given.folder
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as drawn:
        encodec = Encodec(weights=given.encodec) if given.encodec else random_encodec(Path(drawn))
        renderer = parts.open_renderer(parts.DEFAULT_MODEL, "cpu")
        rig = rig_of(parts.DEFAULT_MODEL, renderer, Analysis(), encodec)
        samples = hear(parts.DEMO_SOUND, Analysis())
        for mapper in given.mappers:
            try:
                rig.make_mapper(look(mapper, rig.space))
            except BadInput:
                continue  # the page says why
            path = folder / "pictures" / f"strip-{mapper}.jpg"
            strip(film(mapper, renderer, rig), samples).save(path, quality=84)
            print(path, path.stat().st_size)
        made = report("demo.ogg", samples, parts.DEFAULT_MODEL, rig, given.mappers)
    (folder / "REACTION.md").write_text(page(made, drawn=given.encodec is None), encoding="utf-8")


if __name__ == "__main__":
    main()

"""The reactivity report: how each mapper answers to sound."""

from pathlib import Path
from typing import TYPE_CHECKING

from daemon.cli.out import print_json, print_table

if TYPE_CHECKING:  # it brings numpy
    from daemon.bench.reaction import ReactionReport

HEADS = (
    *("mapper", "first ms\nof", "half\nms", "loud\n~ far", "loud\n~ fast"),
    *("sound\np50 p95 max", "si-\nlence", "changes\nof"),
)


def react(model: str | None, sound: Path | None, *, json: bool) -> None:
    """Measure every mapper on a sound, with the ears of the user's own config, and print it."""
    from daemon import config as installation
    from daemon import parts
    from daemon.bench.reaction import report
    from daemon.bench.rig import hear, open_rig
    from daemon.log import console

    config = installation.load(None)
    path, name, analysis = sound or parts.DEMO_SOUND, model or parts.DEFAULT_MODEL, config.analysis
    samples = hear(path, analysis)
    with console.status(f"measuring the mappers on {path.name}"):
        made = report(path.name, samples, name, open_rig(name, analysis, config.encodec))
    if json:
        print_json(made.model_dump(mode="json"))
    else:
        show(made)


def show(made: "ReactionReport") -> None:
    """As a table."""
    print(f"{made.sound}, {made.seconds:g} s; {made.model}; {made.fps:g} fps, hops of {made.hop_ms:g} ms\n")  # noqa: T201
    print_table(HEADS, rows(made), "no mapper can be measured here")
    print("\nrates are standard deviations of w a second")  # noqa: T201
    for left in made.left_out:
        print(f"{left.mapper} is left out: {left.why}")  # noqa: T201


def rows(made: "ReactionReport") -> list[tuple[str, ...]]:
    """A row for each mapper, as `HEADS` has it."""
    return [
        (
            r.mapper,
            f"{_number(r.first_ms)} of {r.allowed_ms:g}",
            _number(r.half_ms, ".0f"),
            _number(r.reach, ".2f"),
            _number(r.motion, ".2f"),
            f"{r.sound.p50:.2f} {r.sound.p95:.2f} {r.sound.max:.2f}",
            f"{r.silence.p50:.2f}",
            f"{r.changes.max:.2f} of {r.limit:g}",
        )
        for r in made.results
    ]


def _number(x: float | None, form: str = "g") -> str:
    return "-" if x is None else format(x, form)

"""What handing pictures over costs the render thread, for the eye."""

from typing import TYPE_CHECKING, Literal

from daemon.cli.out import print_json, print_table

if TYPE_CHECKING:  # it brings torch
    from daemon.bench.handover import HandoverReport

HEADS = ("sinks", "µs\nmedian", "µs\n99 %", "µs\nworst", "frame\nms", "x bare", "skipped", "shown", "left\nout")
_FRAMES = 200


def hand_over(model: str | None, device: Literal["auto", "cpu", "cuda"], frames: int | None, *, json: bool) -> None:
    """Measure it with a model's pictures, and print it."""
    from daemon import parts
    from daemon.bench import machine
    from daemon.bench.handover import measure
    from daemon.flow import Framing
    from daemon.live import Stage
    from daemon.log import console
    from stylegan3 import choice

    made_on, name = machine.versions(choice.cores()), model or "swatch"
    framing = Framing(size=(256, 256)) if name == "swatch" else Framing()  # as large as it likes
    renderer = parts.open_renderer(name, device, framing)
    space = parts.open_space(name, renderer.facts, renderer.to_w)
    stage = Stage(renderer, parts.mapper_maker(space), space)
    ring = stage.slots(0, framing.format(renderer.facts.resolution))
    with console.status(f"handing over pictures of {name}"):
        made = measure(stage, ring, made_on, frames or _FRAMES, fps=60.0)
    if json:
        print_json(made.model_dump(mode="json"))
    else:
        show(made)


def show(made: "HandoverReport") -> None:
    """As a table."""
    on, (width, height) = made.versions, made.size
    print(f"{on.cpu}, {on.cores} cores; {on.date}; {made.model}, {width} x {height} at {made.fps:g} a second\n")  # noqa: T201
    print_table(HEADS, rows(made), "")
    print("\nµs of the render thread, to get a slot and offer it to each sink; ms of a whole frame, medians")  # noqa: T201


def rows(made: "HandoverReport") -> list[tuple[str, ...]]:
    """A row for each set of sinks, as `HEADS` has it."""
    return [
        (
            r.sinks,
            *(f"{us:.0f}" for us in r.handover_us),
            f"{r.frame_ms:.3g}",
            f"{r.ratio:.2f}",
            str(r.skipped),
            str(r.published),
            str(r.replaced),
        )
        for r in made.results
    ]

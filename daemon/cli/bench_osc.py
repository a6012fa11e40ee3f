"""What OSC traffic does to a running daemon, for the eye."""

from typing import TYPE_CHECKING

from daemon.cli.out import print_json
from daemon.errors import RenderError

if TYPE_CHECKING:  # it brings torch
    from daemon.bench.osc.report import OscReport, Spread


def attack(
    model: str | None,
    seconds: float | None,
    datagrams: int | None,
    fps: float | None,
    pairs: int | None,
    *,
    json: bool,
) -> None:
    """Attack a daemon of its own, and print what it made of that. Raises `RenderError` when it did not stand it."""
    from dataclasses import replace

    from daemon import parts
    from daemon.bench import machine
    from daemon.bench.osc.measure import Wishes, measure
    from daemon.log import console
    from stylegan3 import choice

    wishes = Wishes(model or "lumen-128", parts.DEMO_SOUND, pairs=pairs)
    wishes = wishes if seconds is None else replace(wishes, seconds=seconds)
    wishes = wishes if datagrams is None else replace(wishes, datagrams=datagrams)
    wishes = wishes if fps is None else replace(wishes, fps=fps)
    made = measure(wishes, machine.versions(choice.cores()), console.print)
    if json:
        print_json(made.model_dump(mode="json"))
    else:
        show(made)
    if not made.well:
        raise RenderError("the daemon did not stand it: the figures above say where")


def show(made: "OscReport") -> None:
    """In words."""
    for line in lines(made):
        print(line)  # noqa: T201


def lines(made: "OscReport") -> list[str]:
    """One fact each."""
    on, flood, frames, kept, tags = made.versions, made.hostile, made.frames, made.steady, made.time_tags
    longest = frames.longest_ms
    said = [
        f"{on.cpu}, {on.cores} cores; {on.date}; {made.model} at {made.fps:g} fps",
        f"{flood.datagrams:,} hostile datagrams, {flood.rate:g} a second: {flood.messages:,} messages, "
        f"{flood.received:,} received, {flood.refused:,} refused; {len(made.troubles)} exceptions or failed parts",
        f"frame p95, {frames.pairs} pairs of slices with and without: x {_told(frames.p95_ratio)}",
        f"longest frame of each, ms: {_told(longest['with'])} with, {_told(longest['without'])} without",
    ]
    said.append(
        f"longest frame, ms: {_told(frames.longest_ms['without'])} without, {_told(frames.longest_ms['with'])} with"
    )
    if frames.noise_ratio is not None:
        said.append(f"one slice without to the one without before it: x {_told(frames.noise_ratio)}")
    if frames.cpu_ratio is not None and frames.loop_share is not None:
        share = frames.loop_share["with"].median - frames.loop_share["without"].median
        said.append(f"CPU time a picture: x {_told(frames.cpu_ratio)}; the flood takes {100 * share:.1f} % of a core")
    if flood.rss_mb:
        said.append("memory, MB: " + " ".join(f"{mb:.1f}" for mb in flood.rss_mb))
    slow = max((s.max for s in kept.answers_ms), default=0.0)
    medians = " ".join(f"{s.median:.1f}" for s in kept.answers_ms)
    said += [
        f"{kept.hz:g} Hz x {kept.addresses} addresses for {kept.seconds:g} s: {kept.received:,} of {kept.sent:,} "
        f"received, {len(kept.wrong)} addresses are not what was sent last",
        f"a ping in each tenth of that time, ms: {medians}; at most {slow:.1f}; {kept.unanswered} unanswered",
        f"ms to an answer, a tick being {tags.frame_ms:.1f}: alone {_told(tags.alone)}, tagged now {_told(tags.now)}, "
        f"an hour ahead {_told(tags.hour_ahead)}, an hour behind {_told(tags.hour_behind)}",
    ]
    return said


def _told(spread: "Spread") -> str:
    return f"{spread.median:.3g} ({spread.min:.3g} to {spread.max:.3g})"

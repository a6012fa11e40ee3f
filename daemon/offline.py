"""Sound file and preset to pictures: the stages of live on one thread. Time is the frame index, nothing is dropped."""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from math import ceil
from pathlib import Path

from daemon import parts
from daemon.audio.source import Source
from daemon.config import Config, home, shipped_presets
from daemon.engine import Engine
from daemon.errors import BadInput, SinkError
from daemon.features.embedder import Embedder
from daemon.features.extractor import Extractor
from daemon.flow import Features, FrameFormat
from daemon.mailbox import Mailbox
from daemon.params import Fade
from daemon.preset import Bank
from daemon.render.renderer import Means, Renderer
from daemon.sinks.sink import Sink, common_order
from daemon.sinks.video.place import CONTAINERS, KNOWN, at_home, partial_of
from daemon.slots import SlotRing


def render(
    source: Source,
    extractor: Extractor,
    engine: Engine,
    renderer: Renderer,
    sink: Sink,
    format: FrameFormat,  # noqa: A002 - the field's own word
    fps: float,
    silence: Features,
    score: Sequence[tuple[float, Fade]],
    on_frame: Callable[[int], None] = lambda _: None,
) -> int:
    """Render until the sound ends; the number of frames.

    Args:
        source: what to listen to, not looped; its blocks' `heard` is the time in the sound.
        extractor: at the source's sample rate.
        engine: as live.
        renderer: as live.
        sink: gets every frame; opened and closed here.
        format: of the frames.
        fps: frames per second.
        silence: the features before any sound.
        score: fades and the time each takes effect, s, in time order; the first at 0.
        on_frame: told the number of frames so far.
    """
    ring, ahead, features = SlotRing(1, format), deque[Features](), silence
    times, fades = [time for time, _ in score], [fade for _, fade in score]

    def in_force(t: float) -> Fade:
        return fades[max(bisect_right(times, t) - 1, 0)]

    playing, length, n = True, 0.0, 0  # length: s of sound so far
    sink.open(format)
    try:
        while True:
            t = n / fps
            while playing and (not ahead or ahead[-1].t <= t):
                block = source.read(extractor.hop)
                if block is None:
                    playing = False
                    break
                length = block.heard
                ahead.extend(extractor.push(block, in_force(block.heard).at(block.heard)))
            if not playing and t >= length:
                return n
            while ahead and ahead[0].t <= t:
                features = ahead.popleft()
            slot = ring.acquire()
            if slot is None:
                raise RuntimeError("the sink kept a slot")
            try:
                renderer.render(engine.tick(t, features, in_force(t)), slot.pixels)
                slot.index, slot.rendered, slot.heard, slot.began = n, t, features.heard, features.began
                sink.publish(slot)
            finally:
                slot.release()
            n += 1
            on_frame(n)
    finally:
        sink.close()


def target(out: str) -> str:
    """The spec of the sink that a film is made by: `out` itself, or `video:` before what is the name of a film."""
    kind, _, rest = out.partition(":")
    if out == "null" or (kind in ("frames", "video") and rest):
        return out
    if Path(out).suffix.lower() in CONTAINERS:
        return f"video:{out}"
    raise BadInput("out", [f"{out!r} cannot be rendered to; use a name that ends in {KNOWN}, frames:DIR or null"])


def film(
    config: Config, audio: Path, seed: int | None, on_frame: Callable[[int, int], None] = lambda _, __: None
) -> int:
    """Render a whole sound with a config's preset, model and one sink; the number of frames.

    A film file takes the place of one of its name when it is done; one that is not done leaves nothing.

    Args:
        config: of its sinks, one that `target` gives.
        audio: the sound file.
        seed: in place of the preset's.
        on_frame: told the number of frames so far, and how many there will be by the sound file's own account.
    """
    (out,) = config.sinks
    if not out.startswith("video:"):
        return _film(config, audio, seed, on_frame)
    path = at_home(Path(out.removeprefix("video:")))
    partial = partial_of(path)
    try:
        frames = _film(config, audio, seed, on_frame)
    except BaseException:  # Ctrl-C too
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    try:
        partial.replace(path)
    except OSError as e:
        why = e.strerror or type(e).__name__
        raise SinkError(f"{path} cannot be replaced ({why}); the new film is {partial}") from None
    return frames


def _film(config: Config, audio: Path, seed: int | None, on_frame: Callable[[int, int], None]) -> int:
    params = Bank(shipped_presets(), home() / "presets").get(config.preset or 0).params
    if seed is not None:
        params = replace(params, seed=seed)
    (sink,) = parts.open_sinks(config.sinks, "offline", config.fps, audio)
    source = parts.open_file(audio, config.analysis.sr, loop=False)
    try:
        expected = ceil(parts.sound_length(audio) * config.fps)
        means = Means(config.engine, config.threads)
        model = config.model or params.model or parts.DEFAULT_MODEL
        framing = replace(config.framing, order=common_order((sink,)))
        renderer = parts.open_renderer(model, config.device, framing, means)
        trained = parts.shelves(config.analysis)
        space = parts.open_space(model, trained.known(renderer.facts), renderer.to_w)
        make_mapper = parts.mapper_maker(space, config.analysis.bands, trained, config.encodec)
        make_mapper(params)  # live another would go on in its place; a film of that is not what was asked for
        listening: Mailbox[Embedder | None] = Mailbox(None)
        if params.mapper == "encodec":
            listening.put(parts.open_embedder(config.encodec, config.analysis))
        return render(
            source,
            parts.extractor(config.analysis, embedder=listening),
            Engine(make_mapper, space),
            renderer,
            sink,
            framing.format(renderer.facts.resolution),
            config.fps,
            Features.silence(config.analysis.bands),
            [(0.0, Fade.still(params))],
            lambda n: on_frame(n, expected),
        )
    finally:
        source.close()

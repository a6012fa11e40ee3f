"""The same stages on one thread: time is the frame index, nothing is dropped, nothing waits."""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence

from daemon.audio.source import Source
from daemon.engine import Engine
from daemon.features.extractor import Extractor
from daemon.flow import Features, FrameFormat
from daemon.params import Fade
from daemon.render.renderer import Renderer
from daemon.sinks.sink import Sink
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

    playing, n = True, 0
    sink.open(format)
    try:
        while True:
            t = n / fps
            while playing and (not ahead or ahead[-1].t <= t):
                block = source.read(extractor.hop)
                if block is None:
                    playing = False
                    break
                ahead.extend(extractor.push(block, in_force(block.heard).at(block.heard)))
            if not playing and not ahead:
                return n
            while ahead and ahead[0].t <= t:
                features = ahead.popleft()
            slot = ring.acquire()
            if slot is None:
                raise RuntimeError("the sink kept a slot")
            try:
                renderer.render(engine.tick(t, features, in_force(t)), slot.pixels)
                slot.index, slot.rendered, slot.heard = n, t, features.heard
                sink.publish(slot)
            finally:
                slot.release()
            n += 1
            on_frame(n)
    finally:
        sink.close()

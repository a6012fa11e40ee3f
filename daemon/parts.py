"""The only file that names concrete sources, mappers, renderers and sinks. Every import is made when it is needed."""

import logging
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Literal, assert_never, cast, get_args

from daemon.audio.source import Source
from daemon.clock import Clock, WallClock
from daemon.config import ASSETS, Analysis, Config, Encodec, home
from daemon.engine import MakeMapper
from daemon.errors import BadInput, RenderError
from daemon.features.embedder import Embedder
from daemon.features.extractor import Extractor
from daemon.features.tempo import Tempo
from daemon.flow import Framing, ModelFacts
from daemon.mailbox import Mailbox
from daemon.mapping.mapper import Mapper, ToW
from daemon.mapping.mlp import Grid
from daemon.mapping.shelf import Shelves
from daemon.mapping.space import Space
from daemon.params import MAPPERS, Params
from daemon.render.renderer import Means, Renderer
from daemon.sinks.sink import Sink

if TYPE_CHECKING:
    from daemon.features.link import LinkTempo

logger = logging.getLogger(__name__)

DEFAULT_MODEL, SMALLER_MODEL = "lumen", "lumen-128"
DRAWN = ("swatch", "card")  # models without a network
MODEL_SUFFIXES = (".safetensors", ".pkl")
DEMO_SOUND = ASSETS / "demo.ogg"

SourceKind = Literal["device", "jack", "loopback", "file", "tone", "none"]
SinkKind = Literal["auto", "spout", "syphon", "ndi", "preview", "shm", "video", "frames", "null"]
_NAMED_SOURCES = ("device", "jack", "loopback")  # which may be given a name
_NAMED_SINKS = ("spout", "syphon", "ndi")  # likewise
_PLACED_SINKS = ("shm", "video", "frames")  # which must be


def source_opener(spec: str, sr: int, clock: Clock) -> Callable[[Event], Source]:
    """What opens the live source a spec like `file:song.ogg` names, heard at `sr` Hz; `BadInput` when it names none."""
    kind, _, rest = spec.partition(":")
    if kind not in get_args(SourceKind) or ((kind == "file") != bool(rest) and kind not in _NAMED_SOURCES):
        known = "device, jack or loopback, each alone or with :NAME (see latentd devices), file:PATH, tone or none"
        raise BadInput("source", [f"{spec!r} is none; use {known}"])
    return lambda stop: _open_source(cast("SourceKind", kind), rest, sr, clock, stop)


def _open_source(kind: SourceKind, rest: str, sr: int, clock: Clock, stop: Event) -> Source:
    from daemon.audio.paced import Paced

    match kind:
        case "file":
            return Paced(open_file(Path(rest), sr, loop=True), clock, stop)
        case "tone":
            from daemon.audio.tone import ToneSource

            return Paced(ToneSource(sr), clock, stop)
        case "none":
            from daemon.audio.tone import SilentSource

            return Paced(SilentSource(sr), clock, stop)
        case "device" | "jack" | "loopback":
            from daemon.audio.device import DeviceSource

            return DeviceSource(rest or None, sr, clock, stop, host="portaudio" if kind == "device" else kind)
        case _:
            assert_never(kind)


def sound_file(spec: str) -> Path | None:
    """The file that a source's spec names; None where it is none."""
    kind, _, rest = spec.partition(":")
    return Path(rest) if kind == "file" and rest else None


def open_file(path: Path, sr: int, *, loop: bool) -> Source:
    """A sound file at `sr` Hz, as fast as it is read."""
    from daemon.audio.file import FileSource

    return FileSource(path, sr, loop=loop)


def sound_length(path: Path) -> float:
    """Seconds of sound in a file that can be opened, by its own account."""
    from daemon.audio.file import length

    return length(path)


def extractor(
    analysis: Analysis, tempo: Tempo | None = None, embedder: Mailbox[Embedder | None] | None = None
) -> Extractor:
    """What turns sound into features on this grid.

    `tempo`: in place of the beat in the sound. `embedder`: what listens along, while there is one.
    """
    return Extractor(analysis.sr, analysis.hop, analysis.bands, analysis.window, tempo, embedder)


def open_link(analysis: Analysis, clock: Clock) -> "LinkTempo | None":
    """The beat of an Ableton Link session, if that is asked for; `BadInput` when it cannot be had."""
    if analysis.beat != "link":
        return None
    from daemon.features.beat import BeatTracker
    from daemon.features.link import LinkTempo

    return LinkTempo(BeatTracker(analysis.hop / analysis.sr), clock)


def can_embed(encodec: Encodec) -> bool:
    """Whether there is what the mapper `encodec` listens with; its maker says what is missing."""
    from daemon.features.encodec.embedder import why_not

    return why_not(encodec.weights) is None


def open_embedder(encodec: Encodec, analysis: Analysis) -> Embedder:
    """What the mapper `encodec` listens with; seconds of work. `BadInput` when it cannot be had."""
    from daemon.features.encodec.embedder import load

    return load(encodec.weights, analysis.sr)


def find_model(name: str) -> Path:
    """A model by bundled name, by name in the user's models folder, or by path."""
    if name in DRAWN:
        raise BadInput("model", [f"{name} is drawn without a network: there is no file"])
    try:
        for folder in (ASSETS / "models", home() / "models"):
            for suffix in MODEL_SUFFIXES:
                if (path := folder / f"{name}{suffix}").is_file():
                    return path
        path = Path(name).expanduser()
        if name and (path.exists() or path.suffix):
            return path  # whoever reads it says what is wrong with it
    except (OSError, RuntimeError, ValueError) as e:  # too long, no such home, a NUL, a folder that may not be entered
        raise BadInput("model", [f"{name[:80]!r} cannot be looked up ({e}); give the whole path"]) from None
    raise BadInput("model", [f"there is none named {name!r}; there are {', '.join(model_names())}; or give a path"])


def default_model(config: Config) -> str:
    """The bundled model; its smaller sibling on a CPU without the kernel, where the larger one is not live."""
    try:
        from daemon.render.generator import has_kernel
    except ImportError:  # PyTorch is not here: whoever opens the model says so
        return DEFAULT_MODEL
    if has_kernel(config.device, config.engine):
        return DEFAULT_MODEL
    logger.info("%s rather than %s: no GPU and no kernel paint here", SMALLER_MODEL, DEFAULT_MODEL)
    return SMALLER_MODEL


def model_names() -> tuple[str, ...]:
    """The models there are, by name: bundled ones, then those in the user's models folder."""
    folders = (ASSETS / "models", home() / "models")
    files = [path for folder in folders for path in sorted(folder.glob("*")) if path.suffix in MODEL_SUFFIXES]
    names = [path.stem for path in files if path.is_file() and path.stem.isprintable()]
    return tuple(dict.fromkeys([*names, *DRAWN]))


def open_renderer(
    model: str,
    device: str,
    framing: Framing = Framing(),  # noqa: B008 - it cannot change
    means: Means = Means(),  # noqa: B008
    clock: Clock | None = None,
) -> Renderer:
    """The renderer of a model, warmed up, whose pictures become frames like this."""
    match model:
        case "swatch":
            from daemon.render.swatch import SwatchRenderer

            return SwatchRenderer(min(framing.size or (128,)), framing=framing)
        case "card":
            from daemon.render.card import CardRenderer

            return CardRenderer(framing)
    try:
        from daemon.render.generator import GeneratorRenderer
    except ImportError as e:
        raise RenderError(f"PyTorch cannot be loaded ({e}): install it, or use --model swatch") from None

    return GeneratorRenderer(find_model(model), device, framing, means, clock or WallClock())


def open_space(model: str, facts: ModelFacts, to_w: ToW) -> Space:
    """A model's latent space as its chart has it; surveyed where there is none yet."""
    from daemon.mapping.chart import chart

    return chart(facts, to_w, _charts(model))


def _charts(model: str) -> tuple[Path, ...]:
    """Where a model's chart may lie: beside it, or with the user's own files."""
    if model in DRAWN:
        return ()
    path = find_model(model)
    name = f"{path.name}.chart"
    own = home() / "charts" / name
    return (own,) if path.is_relative_to(ASSETS) else (path.with_name(name), own)


def shelves(analysis: Analysis) -> Shelves:
    """The files trained for `clusters` and `pairs`: the user's own, then the bundled ones."""
    return Shelves.of((home(), ASSETS), Grid(analysis.sr, analysis.hop, analysis.window))


def mapper_maker(
    space: Space,
    bands: int = Analysis().bands,
    trained: Shelves | None = None,
    encodec: Encodec = Encodec(),  # noqa: B008 - it cannot change
) -> MakeMapper:
    """What builds the mapper that params ask for in this model's latent space, for so many bands of sound.

    `trained`: the files that `clusters` and `pairs` play; they go on looking there. `encodec`: what that one needs.
    """
    facts, to_w = space.facts, space.to_w
    heard, paired = (None, None) if trained is None else (trained.clusters.of(facts), trained.pairs.of(facts))

    def make(params: Params) -> Mapper:
        from daemon.mapping.clusters import ClustersMapper
        from daemon.mapping.mel import MelMapper
        from daemon.mapping.pairs import PairsMapper

        seed = params.seed
        match params.mapper:
            case "mel":
                return MelMapper(seed, bands, facts.z_dim, to_w)
            case "clusters":
                return ClustersMapper(seed, bands, facts.z_dim, facts.anchors, to_w, heard, params.anchors)
            case "pairs":
                first = paired.named(params.pairing) if paired else None
                if paired is None or first is None:
                    raise BadInput("mapper", [f"nothing was paired for {facts.name} yet; see `latentd train pairs`"])
                if params.pairing not in ("", first.name):
                    there = ", ".join(learned.name for learned in paired.all)
                    raise BadInput("pairing", [f"{params.pairing!r} is none of {facts.name}'s; there are {there}"])
                return PairsMapper(seed, space, paired, first)
            case "encodec":
                from daemon.features.encodec.embedder import why_not
                from daemon.mapping.encodec import EncodecMapper

                if (reason := why_not(encodec.weights)) is not None:
                    raise BadInput("mapper", [reason])
                return EncodecMapper(seed, space)
            case name:
                raise BadInput("mapper", [f"there is none named {name!r}; there are {', '.join(MAPPERS)}"])

    return make


def open_sinks(
    specs: Sequence[str], platform: str, fps: float, sound: Path | None = None, zerocopy: bool = False
) -> tuple[Sink, ...]:
    """The sinks a list of specs names, beside the preview page, which is always there.

    `fps`: pictures a second they are told to expect. `sound`: the file that is heard, if it is one. `zerocopy`: try
    to send to Spout straight from the GPU.
    """
    found = (_sink(spec, platform, fps, sound, zerocopy) for spec in dict.fromkeys(specs))
    return tuple(sink for sink in found if sink is not None)


def _sink(spec: str, platform: str, fps: float, sound: Path | None, zerocopy: bool) -> Sink | None:
    kind, _, rest = spec.partition(":")
    if kind not in get_args(SinkKind) or ((kind in _PLACED_SINKS) != bool(rest) and kind not in _NAMED_SINKS):
        known = (
            "auto, spout, syphon or ndi (each alone or with :NAME), shm:NAME, video:PATH, frames:DIR, preview or null"
        )
        raise BadInput("sink", [f"{spec!r} is none; use {known}"])
    match cast("SinkKind", kind):
        case "auto":
            if platform == "win32":
                logger.info("sink auto: Spout, since this is Windows")
                return _sink("spout", platform, fps, sound, zerocopy)
            if platform == "darwin":
                logger.info("sink auto: Syphon, since this is macOS")
                return _sink("syphon", platform, fps, sound, zerocopy)
            if platform == "linux" and find_spec("cyndilib") is not None:
                logger.info("sink auto: NDI, since it is installed and there is neither Spout nor Syphon here")
                return _sink("ndi", platform, fps, sound, zerocopy)
            logger.info("sink auto: the preview page alone; for NDI: pip install 'latentd[ndi]'")
            return None
        case "preview":
            return None
        case "spout":
            from daemon.sinks.spout import SpoutSink

            return SpoutSink(rest or "latentd", zerocopy=zerocopy)
        case "syphon":
            from daemon.sinks.syphon import SyphonSink

            return SyphonSink(rest or "latentd")
        case "ndi":
            from daemon.sinks.ndi import NdiSink

            return NdiSink(rest or "latentd", fps)
        case "shm":
            from daemon.sinks.shm import ShmSink

            return ShmSink(rest)
        case "video":
            from daemon.sinks.video import VideoSink

            return VideoSink(Path(rest), fps, sound, offline=platform == "offline")
        case "frames":
            from daemon.sinks.frames import FramesSink

            return FramesSink(Path(rest))
        case "null":
            from daemon.sinks.null import NullSink

            return NullSink()
        case _ as never:
            assert_never(never)

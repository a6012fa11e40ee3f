"""What flows: the immutable items handed from stage to stage, in the order they flow.

Sound enters as `Block`, becomes `Features`, then `Latents`, then pixels in a slot (slots.py).
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from daemon.descriptors import DESCRIPTORS, NAMES

F32: TypeAlias = NDArray[np.float32]
F64: TypeAlias = NDArray[np.float64]
U8: TypeAlias = NDArray[np.uint8]

SILENCE_DB = -120.0  # dBFS: what digital silence is called


def frozen(array: NDArray[np.generic]) -> None:
    """Make an array read-only, as everything that crosses threads must be."""
    array.flags.writeable = False


@dataclass(frozen=True, slots=True)
class Block:
    """A run of sound."""

    samples: F32  # [C, T], -1..1
    start: int  # index of samples[:, 0] since the source opened
    heard: float  # s on the clock: when the last sample arrived


@dataclass(frozen=True, slots=True)
class Beat:
    """Where the music is in its beat."""

    bpm: float = 0.0  # 0 while no tempo is known
    phase: float = 0.0  # 0..1 of the way from one beat to the next
    confidence: float = 0.0  # 0..1

    @property
    def pulse(self) -> float:
        """1 on the beat, falling to 0 before the next; nothing where no beat is sure."""
        return self.confidence * (1.0 - self.phase) ** 2


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """A running sum: whoever missed hops still has the mean of all of them, from two of these."""

    count: int = 0
    total: F64 = field(default_factory=lambda: _NO_TOTAL)  # [N]

    def mean_since(self, before: "Tally") -> F64 | None:
        """The mean of what was added after `before`, [N]; None when nothing was."""
        count = self.count - before.count
        if count <= 0:
            return None
        if len(before.total) != len(self.total):  # before the first
            return self.total / self.count
        mean: F64 = (self.total - before.total) / count
        return mean


_NO_TOTAL: F64 = np.zeros(0)
_NO_DESCRIPTORS: F32 = np.zeros(len(DESCRIPTORS), np.float32)
_NO_SIDES: F32 = np.zeros((2, 0), np.float32)
for _nothing in (_NO_TOTAL, _NO_DESCRIPTORS, _NO_SIDES):
    frozen(_nothing)


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """What the sound is doing at the end of one hop. The order of descriptors is that of `descriptors.NAMES`."""

    t: float  # s of sound since the source opened
    heard: float | None  # s on the clock; None before any sound
    rms_db: float  # dBFS of the analysis window
    gate: bool  # whether there is sound to react to
    bands: F32  # [bands] mel band envelopes, 0..1
    sides: F32 = field(default_factory=lambda: _NO_SIDES)  # [2, bands] the same of left and right; [2, 0] of mono sound
    raw: F32 = field(default_factory=lambda: _NO_DESCRIPTORS)  # [D] as measured, each in its own unit
    levels: F32 = field(default_factory=lambda: _NO_DESCRIPTORS)  # [D] 0..1 of its range of late, enveloped
    smooth: Tally = field(default_factory=Tally)  # of `raw` [D], smoothed; it stands still while the gate is closed
    embedding: Tally = field(default_factory=Tally)  # of EnCodec's and their squares [256]; empty while unwanted
    beat: Beat = field(default_factory=Beat)
    began: float | None = None  # s on the clock: when the first sample of its source was heard; None where nobody knows

    @classmethod
    def silence(cls, bands: int) -> "Features":
        """Before any sound."""
        still = np.zeros(bands, np.float32)
        frozen(still)
        return cls(0.0, None, SILENCE_DB, False, still)

    def named(self) -> dict[str, float]:
        """Every value by name, for whoever watches from outside."""
        bands = {f"band/{i}": round(float(v), 4) for i, v in enumerate(self.bands)}
        beat = {"beat/bpm": round(self.beat.bpm, 2), "beat/phase": round(self.beat.phase, 4)}
        sure = {"beat/confidence": round(self.beat.confidence, 4)}
        levels = {name: round(float(v), 4) for name, v in zip(NAMES, self.levels, strict=True)}
        return {"rms_db": round(self.rms_db, 2), "gate": float(self.gate), **bands, **beat, **sure, **levels}


@dataclass(frozen=True, slots=True, eq=False)
class Hand:
    """Latents given from outside, each with the second on the clock at which it came; None was never given."""

    z: tuple[F32, float] | None = None  # [z_dim], in place of the mapper's
    ws: tuple[F32, float] | None = None  # [num_ws, w_dim], in place of the mapper's
    offset: tuple[F32, float] | None = None  # [z_dim], added to the seed's z


@dataclass(frozen=True, slots=True, eq=False)
class Latents:
    """What to render."""

    ws: F32 | None  # [num_ws, w_dim]; None is black
    transform: F32 | None = None  # [3, 3] StyleGAN3's inverse input transform; None is none
    noise: str = "fixed"  # StyleGAN2's noise inputs: fixed, off or moving


@dataclass(frozen=True, slots=True, eq=False)
class Anchor:
    """A named place in latent space: the centre of a semantic cluster."""

    name: str
    z: F32  # [z_dim]


@dataclass(frozen=True, slots=True)
class Traits:
    """What a model can do beside drawing a latent."""

    variant: str = "StyleGAN3-T"
    classes: int = 0  # of a conditional model
    transform: bool = True  # whether it takes an input transform
    noise: bool = False  # whether it has noise inputs


@dataclass(frozen=True, slots=True)
class Dims:
    """How large a model's latents are."""

    z: int = 512
    w: int = 512
    ws: int = 16  # of them


@dataclass(frozen=True, slots=True, eq=False)
class ModelFacts:
    """What a mapper may know of the model."""

    name: str
    resolution: int
    z_dim: int
    w_dim: int
    num_ws: int
    w_avg: F32  # [w_dim]
    anchors: tuple[Anchor, ...] = ()
    traits: Traits = field(default_factory=Traits)

    @property
    def dims(self) -> Dims:
        """How large its latents are."""
        return Dims(self.z_dim, self.w_dim, self.num_ws)

    @property
    def clusters(self) -> tuple[str, ...]:
        """The names of its anchors, in order."""
        return tuple(anchor.name for anchor in self.anchors)


class Order(StrEnum):
    """The order of a pixel's bytes."""

    RGBA = "RGBA"
    BGRA = "BGRA"


class Memory(StrEnum):
    """Where pixels lie."""

    HOST = "host"
    CUDA = "cuda"


class Fit(StrEnum):
    """How a picture is put into a frame of another shape; its middle stays in the middle."""

    LETTERBOX = "letterbox"  # the whole picture, nothing beside it
    COVER = "cover"  # the whole frame, what does not fit is cut off
    STRETCH = "stretch"  # both


class Alpha(StrEnum):
    """What the fourth byte of a pixel is."""

    OPAQUE = "opaque"  # 255, on black and beside the picture too
    STRAIGHT = "straight"  # how opaque the pixel is; the colours are as they would be without


@dataclass(frozen=True, slots=True)
class FrameFormat:
    """The pictures a sink will be given: 8 bits a channel, sRGB, row 0 on top, column 0 on the left."""

    width: int
    height: int
    order: Order = Order.RGBA
    memory: Memory = Memory.HOST
    top_down: bool = True
    colour: str = field(default="sRGB")
    alpha: Alpha = Alpha.OPAQUE


@dataclass(frozen=True, slots=True)
class Framing:
    """How a model's picture becomes the frame that sinks get.

    `transparency`: opaque; luma, where dark is transparent: 0 up to the first number of `key` and 255 from the second
    on, of Rec. 709's luma 0..1; own, the alpha of a network that paints one.
    """

    size: tuple[int, int] | None = None  # width and height, px; None: the model's own
    fit: Fit = Fit.LETTERBOX
    order: Order = Order.RGBA
    transparency: Literal["opaque", "luma", "own"] = "opaque"
    key: tuple[float, float] = (0.02, 0.15)

    @property
    def alpha(self) -> Alpha:
        """Of the frames."""
        return Alpha.OPAQUE if self.transparency == "opaque" else Alpha.STRAIGHT

    def format(self, resolution: int) -> FrameFormat:
        """Of the frames, for a model of this resolution."""
        width, height = self.size or (resolution, resolution)
        return FrameFormat(width, height, self.order, alpha=self.alpha)

"""Training of `pairs`: an artist's file of moments of sound and the latents that belong to them.

T. Moore, "Learned Navigation of StyleGAN3 Latent Space from Audio Descriptors" (2025), sections 3 to 5.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from daemon import document
from daemon.config import Analysis
from daemon.descriptors import INDEX, SETS, places
from daemon.errors import BadInput
from daemon.flow import F64
from daemon.mapping.mlp import FAR, About, Learned, rounded
from daemon.studio.hearing import SILENT, Ears, spread
from daemon.studio.latents import Latent, Places, open_network
from daemon.studio.learning import squared, train

SET = SETS["moore23"]
_LEAST = 1e-3  # of a descriptor's usual span: a standard deviation under this is a descriptor that does not vary
_Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]


class Pair(BaseModel):
    """A moment of sound, or what is between two, and the latent that belongs to it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sound: Annotated[str, Field(min_length=1, max_length=1024)]
    at: _Seconds
    until: _Seconds | None = None
    latent: Latent

    @model_validator(mode="after")
    def _ends_after_it_began(self) -> "Pair":
        if self.until is not None and self.until <= self.at:
            raise ValueError("until is not after at")
        return self


class PairsFile(BaseModel):
    """The training file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1]
    model: str = Field(min_length=1, max_length=1024)
    gives: Literal["w", "ws", "z"] | None = None  # w, or ws where a pair is ws
    latents: str | None = Field(default=None, max_length=1024)  # a .safetensors beside this file
    rest: Latent | None = None  # shown before any sound, and where gain 0 stays; the mean of all pairs if absent
    hidden: Annotated[int, Field(ge=1, le=256)] = 40
    epochs: Annotated[int, Field(ge=1, le=20_000)] = 500
    rate: Annotated[float, Field(gt=0, le=0.1)] = 0.01
    seed: Annotated[int, Field(ge=0, le=16777215)] = 0
    pairs: tuple[Pair, ...] = Field(min_length=2, max_length=512)


@dataclass(frozen=True, slots=True)
class PairFit:
    """How well one pair was learnt."""

    sound: str
    at: float  # s
    latent: str
    error: float  # of what the net gives, of the standard deviation of all latents


@dataclass(frozen=True, slots=True)
class PairsReport:
    """What training came to."""

    learned: Learned
    before: float  # loss, of the latents' variance
    after: float
    hops: int  # of sound that descriptors were standardised by
    fits: tuple[PairFit, ...]


def train_pairs(path: Path, analysis: Analysis, name: str | None = None) -> PairsReport:
    """Learn a training file's pairs. `BadInput` names every fault of it."""
    file = document.read(path, PairsFile, "training file")
    places_, ears = Places(open_network(file.model), _beside(path, file.latents)), Ears(path.parent, analysis)
    facts, gives = places_.network.facts, file.gives or ("ws" if any(p.latent.ws for p in file.pairs) else "w")
    sounds, latents, faults = list[F64](), list[F64](), list[str]()
    for i, pair in enumerate(file.pairs):
        place = f"pairs.{i}"
        span = ears.span(f"{place}.sound", pair.sound, pair.at, pair.until)
        if span is not None:
            heard, hops = span
            loud = heard.raw[hops][heard.loud[hops]]
            if len(loud):
                sounds.append(loud.mean(axis=0))
            else:
                faults.append(f"{place}.at: there is silence (under {SILENT:g} LKFS) at {pair.at:g} s")
        latent = _latent(places_, f"{place}.latent", pair.latent, gives)
        if latent is not None:
            latents.append(latent)
    chosen = None if file.rest is None else _latent(places_, "rest", file.rest, gives)
    if faults := [*places_.faults, *ears.faults, *faults]:
        raise BadInput(f"training file {path}", faults)

    every = [heard.raw[heard.loud] for heard in ears.heard.values()]
    mean, std = spread([rows[:, places(SET)] for rows in every], _LEAST * _spans())
    x = np.clip((np.array(sounds)[:, places(SET)] - mean) / std, -FAR, FAR)
    wanted = np.array(latents)
    middle = wanted.mean(axis=0)
    size = float((wanted - middle).std()) or 1.0
    net = train(
        x, wanted.shape[1], squared((wanted - middle) / size),
        hidden=file.hidden, epochs=file.epochs, rate=file.rate, decay=0.0, seed=file.seed,
    )  # fmt: skip
    tensors = {
        **net.weights,
        "out.weight": net.weights["out.weight"] * size,
        "out.bias": net.weights["out.bias"] * size + middle,
        "mean": mean,
        "std": std,
        "rest": middle if chosen is None else chosen,
        "w_avg": facts.w_avg,
    }
    about = About(
        model=facts.name[:200], gives=gives, descriptors=SET, sr=analysis.sr, hop=analysis.hop, window=analysis.window,
        z_dim=facts.z_dim, w_dim=facts.w_dim, num_ws=facts.num_ws,
    )  # fmt: skip
    learned = Learned(name or path.stem, about, rounded(tensors))
    off = np.sqrt(np.mean((learned.infer(x) - wanted) ** 2, axis=1)) / size
    fits = tuple(PairFit(p.sound, p.at, str(p.latent), float(e)) for p, e in zip(file.pairs, off, strict=True))
    return PairsReport(learned, net.before, net.after, sum(map(len, every)), fits)


def _latent(found: Places, place: str, latent: Latent, gives: str) -> F64 | None:
    """What the net is to give, flat."""
    if gives == "z":
        return found.z(place, latent)
    if gives == "w" and latent.ws is not None:
        found.faults.append(f"{place}: {latent} is ws, where this file gives w: leave `gives` out, or set it to ws")
        return None
    ws = found.ws(place, latent)
    return None if ws is None else (ws[0] if gives == "w" else ws.ravel())


def _beside(path: Path, name: str | None) -> Path | None:
    return None if name is None else path.parent / Path(name).expanduser()


def _spans() -> F64:
    from daemon.descriptors import DESCRIPTORS

    return np.array([DESCRIPTORS[INDEX[name]].high - DESCRIPTORS[INDEX[name]].low for name in SET])

"""Training of `clusters`: named places in latent space, and how each of them sounds.

N. Ragazzi and L. Botrugno, the real-time StyleGAN3 visualiser (2025): descriptors to the weights of clusters.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from daemon import document
from daemon.config import Analysis
from daemon.descriptors import DESCRIPTORS, INDEX, SETS, places
from daemon.errors import BadInput
from daemon.flow import F32, F64
from daemon.mapping.mlp import FAR, About, Learned, rounded
from daemon.mapping.sphere import blend
from daemon.studio.hearing import SILENT, Ears, spread
from daemon.studio.latents import Latent, Places, open_network
from daemon.studio.learning import crossed, train

SET = SETS["ragazzi5"]
_MOST = 3000  # hops of a cluster that are learnt from, evenly taken
_VARIANTS = 64  # of a vector of values
_SCATTER = 0.25  # standard deviations by which they differ
_SURE = 0.92  # the weight wanted of the right cluster: never quite 1, so that weights glide
_DECAY = 0.02  # of the weights an epoch, times the rate
_LEAST = 0.02  # of a descriptor's usual span, as a standard deviation
_Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
_Value = Annotated[float, Field(ge=-1e5, le=1e5, allow_inf_nan=False)]


class Scored(BaseModel):
    """A latent, and how well it shows what the cluster means."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    latent: Latent
    score: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] = 1.0


class Sounding(BaseModel):
    """A stretch of a sound file, or the five descriptors as numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sound: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    at: _Seconds = 0.0
    until: _Seconds | None = None
    values: dict[str, _Value] | None = Field(default=None, max_length=64)

    @model_validator(mode="after")
    def _is_one(self) -> "Sounding":
        if (self.sound is None) == (self.values is None):
            raise ValueError("give either a sound or values")
        if self.until is not None and self.until <= self.at:
            raise ValueError("until is not after at")
        if self.values is not None and set(self.values) != set(SET):
            raise ValueError(f"values are those of {', '.join(SET)}, each once")
        return self


class Cluster(BaseModel):
    """One named place."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.+-]{1,64}$")]
    latents: tuple[Scored, ...] = Field(min_length=1, max_length=4096)
    sounds: tuple[Sounding, ...] = Field(min_length=1, max_length=4096)


class ClustersFile(BaseModel):
    """The training file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1]
    model: str = Field(min_length=1, max_length=1024)
    latents: str | None = Field(default=None, max_length=1024)  # a .safetensors beside this file
    hidden: Annotated[int, Field(ge=1, le=256)] = 16
    epochs: Annotated[int, Field(ge=1, le=20_000)] = 500
    rate: Annotated[float, Field(gt=0, le=0.1)] = 0.01
    seed: Annotated[int, Field(ge=0, le=16777215)] = 0
    clusters: tuple[Cluster, ...] = Field(min_length=2, max_length=256)

    @model_validator(mode="after")
    def _names_once(self) -> "ClustersFile":
        names = [cluster.name for cluster in self.clusters]
        if len(set(names)) < len(names):
            raise ValueError("two clusters have the same name")
        return self


@dataclass(frozen=True, slots=True)
class ClusterFit:
    """How well one cluster's sounds are told from the others'."""

    name: str
    hops: int
    right: float  # share of its hops in which its weight is the largest
    margin: float  # its weight over the largest other, the mean of all its hops
    latents: int
    closeness: float  # mean cosine of its latents with the place they make


@dataclass(frozen=True, slots=True)
class ClustersReport:
    """What training came to."""

    learned: Learned
    before: float  # cross-entropy
    after: float
    fits: tuple[ClusterFit, ...]


def train_clusters(path: Path, analysis: Analysis, name: str | None = None) -> ClustersReport:
    """Learn a training file's clusters. `BadInput` names every fault of it."""
    file = document.read(path, ClustersFile, "training file")
    beside = None if file.latents is None else path.parent / Path(file.latents).expanduser()
    found, ears = Places(open_network(file.model), beside), Ears(path.parent, analysis)
    facts, rng = found.network.facts, np.random.default_rng(file.seed)
    drawn, faults, heard = list[list[F64]](), list[str](), list[list[F64]]()
    for c, cluster in enumerate(file.clusters):
        zs = [found.z(f"clusters.{c}.latents.{i}", scored.latent) for i, scored in enumerate(cluster.latents)]
        drawn.append([z for z in zs if z is not None])
        rows = list[F64]()
        for i, sounding in enumerate(cluster.sounds):
            place = f"clusters.{c}.sounds.{i}"
            if sounding.values is not None:
                vector = np.array([sounding.values[d] for d in SET])
                rows.append(vector + _SCATTER * _spans() / 4 * rng.standard_normal((_VARIANTS, len(SET))))
            elif sounding.sound is not None:
                rows += _rows(ears, place, sounding.sound, sounding, faults)
        heard.append(rows)
    if faults := [*found.faults, *ears.faults, *faults]:
        raise BadInput(f"training file {path}", faults)

    groups = [_thinned(np.concatenate(rows)) for rows in heard]
    mean, std = spread(groups, _LEAST * _spans())
    x = np.clip((np.concatenate(groups) - mean) / std, -FAR, FAR)
    of = np.repeat(np.arange(len(groups)), [len(g) for g in groups])
    share = np.concatenate([np.full(len(g), 1 / len(g) / len(groups)) for g in groups])
    other = (1 - _SURE) / (len(groups) - 1)
    wanted = np.where(of[:, None] == np.arange(len(groups)), _SURE, other)
    net = train(
        x, len(groups), crossed(wanted, share),
        hidden=file.hidden, epochs=file.epochs, rate=file.rate, decay=_DECAY, seed=file.seed,
    )  # fmt: skip
    anchors = [blend(zs, [s.score for s in c.latents]) for c, zs in zip(file.clusters, drawn, strict=True)]
    tensors: dict[str, F64 | F32] = {
        **net.weights,
        "mean": mean,
        "std": std,
        "w_avg": facts.w_avg,
        "anchors": np.array(anchors),
    }
    about = About(
        model=facts.name[:200], gives="weights", descriptors=SET,
        sr=analysis.sr, hop=analysis.hop, window=analysis.window,
        z_dim=facts.z_dim, w_dim=facts.w_dim, num_ws=facts.num_ws, clusters=tuple(c.name for c in file.clusters),
    )  # fmt: skip
    learned = Learned(name or path.stem, about, rounded(tensors))
    raised = np.exp(learned.infer(x))
    weights = raised / raised.sum(axis=1, keepdims=True)
    fits = tuple(
        _fit(cluster.name, c, weights[of == c], np.array(drawn[c]), anchors[c])
        for c, cluster in enumerate(file.clusters)
    )
    return ClustersReport(learned, net.before, net.after, fits)


def _rows(ears: Ears, place: str, name: str, sounding: Sounding, faults: list[str]) -> list[F64]:
    """What is heard of one stretch, [[N, 5]]; nothing, and a fault, when that is nothing."""
    until = float("inf") if sounding.until is None else sounding.until
    span = ears.span(place, name, sounding.at, until)
    if span is None:
        return []
    sound, hops = span
    loud = sound.smooth[hops][sound.loud[hops]]
    if not len(loud):
        faults.append(f"{place}: there is silence (under {SILENT:g} LKFS) from {sounding.at:g} s on")
        return []
    return [loud[:, places(SET)]]


def _thinned(rows: F64) -> F64:
    """At most so many rows, evenly taken."""
    taken: F64 = rows[np.linspace(0, len(rows) - 1, min(len(rows), _MOST)).astype(int)]
    return taken


def _fit(name: str, c: int, weights: F64, zs: F64, anchor: F64) -> ClusterFit:
    best_other = np.delete(weights, c, axis=1).max(axis=1)
    margin = weights[:, c] - best_other
    closeness = float(np.mean(zs @ anchor) / anchor.size)
    return ClusterFit(name, len(weights), float(np.mean(margin > 0)), float(margin.mean()), len(zs), closeness)


def _spans() -> F64:
    return np.array([DESCRIPTORS[INDEX[name]].high - DESCRIPTORS[INDEX[name]].low for name in SET])

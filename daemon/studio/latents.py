"""Latents named in training files: seeds, and tensors of a .safetensors beside the file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import safetensors
import safetensors.numpy
from pydantic import BaseModel, ConfigDict, Field, model_validator

from daemon import parts
from daemon.errors import BadInput, RenderError
from daemon.flow import F64, ModelFacts
from daemon.mapping.mapper import ToW
from daemon.mapping.sphere import gaussian, shell, slerp

LIMIT = 256 << 20  # bytes of a file of latents
_FURTHEST = 1e3  # of any number of a latent
_Seed = Annotated[int, Field(ge=0, le=16777215)]
_Key = Annotated[str, Field(min_length=1, max_length=200)]


class Latent(BaseModel):
    """One place in latent space: a seed, an anchor of the model, or a tensor by name.

    The first two and a tensor z may lie part of the way `toward` a seed; `class` and `psi` are for them, too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: _Seed | None = None
    anchor: _Key | None = None
    z: _Key | None = None
    w: _Key | None = None
    ws: _Key | None = None
    toward: _Seed | None = None
    by: Annotated[float, Field(ge=0, le=1)] = 0.5
    psi: Annotated[float, Field(ge=0, le=1.5, allow_inf_nan=False)] = 1.0
    class_: Annotated[int, Field(ge=0, lt=4096)] = Field(default=0, alias="class")

    @model_validator(mode="after")
    def _is_one(self) -> "Latent":
        named = [what for what in ("seed", "anchor", "z", "w", "ws") if getattr(self, what) is not None]
        if len(named) != 1:
            raise ValueError("a latent is one of seed, anchor, z, w and ws")
        if named[0] in ("w", "ws") and (self.toward is not None or self.psi != 1.0 or self.class_):
            raise ValueError(f"toward, psi and class are not for {named[0]}, which is past them")
        return self

    def __str__(self) -> str:
        named = f"seed {self.seed}" if self.seed is not None else str(self.anchor or self.z or self.w or self.ws)
        return named if self.toward is None else f"{named} toward {self.toward}"


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """What training needs to know of a network."""

    facts: ModelFacts
    to_w: ToW


def open_network(name: str) -> Network:
    """A network's facts and its way to w; nothing is rendered, so nothing is warmed up."""
    if name == "swatch":
        from daemon.render.swatch import SwatchRenderer

        swatch = SwatchRenderer(16)
        return Network(swatch.facts, swatch.to_w)
    from daemon.studio.mapped import mapped

    try:
        return Network(*mapped(parts.find_model(name)))
    except RenderError as e:
        raise BadInput("model", [str(e)]) from None


class Places:
    """Latents of one training file, as numbers; faults are kept, with the place that asked."""

    def __init__(self, network: Network, file: Path | None) -> None:
        self.network, self.faults = network, list[str]()
        self._tensors: dict[str, F64] = {}
        if file is not None:
            try:
                self._tensors = _read(file)
            except BadInput as e:
                self.faults += [f"latents: {fault}" for fault in e.faults]

    def z(self, place: str, latent: Latent) -> F64 | None:
        """[z_dim] on the shell; None, and a fault, when it is none, or asks for more than a z can say."""
        if latent.psi != 1.0 or latent.class_:
            self.faults.append(f"{place}: z alone is learnt here, and psi and class come after it: leave them out")
            return None
        return self._z(place, latent)

    def _z(self, place: str, latent: Latent) -> F64 | None:
        dims = self.network.facts.z_dim
        if latent.seed is not None:
            found: F64 | None = gaussian(latent.seed, dims)
        elif latent.anchor is not None:
            found = self._anchor(place, latent.anchor)
        elif latent.z is not None:
            tensor = self._tensor(place, latent.z, (dims,))
            found = None if tensor is None else shell(tensor)
        else:
            self.faults.append(f"{place}: {latent} is w, where z is wanted: name a seed, an anchor or a z")
            return None
        if found is None or latent.toward is None:
            return found
        return slerp(found, gaussian(latent.toward, dims), latent.by)

    def ws(self, place: str, latent: Latent) -> F64 | None:
        """[num_ws, w_dim]; None, and a fault, when it is none."""
        facts = self.network.facts
        shape = (facts.num_ws, facts.w_dim)
        if latent.ws is not None:
            return self._tensor(place, latent.ws, shape)
        if latent.w is not None:
            w = self._tensor(place, latent.w, shape[1:])
            return None if w is None else np.broadcast_to(w, shape).copy()
        if latent.class_ >= max(facts.traits.classes, 1):
            self.faults.append(
                f"{place}: {facts.name} has {facts.traits.classes} classes, so there is none {latent.class_}"
            )
            return None
        z = self._z(place, latent)
        if z is None:
            return None
        classes = np.zeros(facts.traits.classes, np.float32)
        classes[latent.class_ : latent.class_ + 1] = 1.0
        ws: F64 = self.network.to_w(z[None].astype(np.float32), latent.psi, classes)[0].astype(np.float64)
        return ws

    def _anchor(self, place: str, name: str) -> F64 | None:
        facts = self.network.facts
        for anchor in facts.anchors:
            if anchor.name == name:
                return shell(anchor.z.astype(np.float64))
        there = ", ".join(facts.clusters) or "none"
        self.faults.append(f"{place}: {facts.name} has no anchor {name!r}; there are {there}")
        return None

    def _tensor(self, place: str, name: str, shape: tuple[int, ...]) -> F64 | None:
        found = self._tensors.get(name)
        if found is None:
            there = ", ".join(list(self._tensors)[:20]) or "none"
            self.faults.append(f"{place}: there is no tensor {name!r}; in the file of latents there are {there}")
        elif found.size != int(np.prod(shape)) or found.shape[found.ndim - len(shape) :] != shape:
            self.faults.append(f"{place}: {name!r} has the shape {list(found.shape)}, and {list(shape)} is wanted")
        elif not (np.isfinite(found).all() and np.abs(found).max() < _FURTHEST):
            self.faults.append(f"{place}: {name!r} holds numbers that no latent has")
        else:
            return found.reshape(shape)
        return None


def _read(path: Path) -> dict[str, F64]:
    try:
        if path.stat().st_size > LIMIT:
            raise BadInput("latents", [f"{path} is larger than {LIMIT >> 20} MB"])
        tensors = safetensors.numpy.load(path.read_bytes())
    except OSError as e:
        raise BadInput("latents", [f"{path} cannot be read ({e.strerror})"]) from None
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError):
        raise BadInput("latents", [f"{path} is damaged or no .safetensors of plain numbers"]) from None
    if any(tensor.dtype.kind != "f" for tensor in tensors.values()):
        raise BadInput("latents", [f"{path} holds something other than floating point numbers"])
    return {name: tensor.astype(np.float64) for name, tensor in tensors.items()}

"""What was learned from sound: a small multilayer perceptron, frozen, with all it takes to use it.

Kept as .safetensors. Such files are made by others, too: every byte is checked here, and nothing in one is executed.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, TypedDict

import numpy as np
import safetensors
import safetensors.numpy
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from daemon.descriptors import INDEX, places
from daemon.errors import BadInput
from daemon.flow import F32, F64, ModelFacts, frozen

FORMAT = "latentd.learned"
VERSION: Literal[1] = 1
LIMIT = 16 << 20  # bytes of a file; 23 descriptors to the 18 x 512 numbers of a large network's ws take 1.6 MB
FAR = 4.0  # standard deviations beyond which a descriptor counts as this far: a straight line goes on for ever

_HEADER = 1 << 20  # bytes
_LARGEST = 1e6  # of any number in a file
_WIDEST = 1024  # units of the hidden layer
_SAME = 1e-4  # numbers of w_avg by which two networks may differ and be one
_Size = Annotated[int, Field(ge=1, le=1 << 16)]
_Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.+-]+$")]


@dataclass(frozen=True, slots=True)
class Grid:
    """How sound was cut into windows when it was measured; on another grid descriptors come out a little different."""

    sr: int  # Hz
    hop: int  # samples
    window: int  # samples

    def __str__(self) -> str:
        return f"{self.window} samples every {self.hop} at {self.sr} Hz"


class About(BaseModel):
    """What a file says about itself."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    version: Literal[1] = VERSION
    model: str = Field(max_length=200)  # the network it was made for
    gives: Literal["weights", "z", "w", "ws"]
    descriptors: tuple[Annotated[str, Field(max_length=64)], ...] = Field(min_length=1, max_length=64)
    sr: Annotated[int, Field(ge=1, le=768_000)]
    hop: _Size
    window: _Size
    z_dim: _Size
    w_dim: _Size
    num_ws: Annotated[int, Field(ge=1, le=64)]
    clusters: tuple[_Name, ...] = Field(default=(), max_length=256)

    @property
    def grid(self) -> Grid:
        return Grid(self.sr, self.hop, self.window)

    @property
    def outputs(self) -> int:
        """How many numbers it gives."""
        return {
            "weights": len(self.clusters),
            "z": self.z_dim,
            "w": self.w_dim,
            "ws": self.num_ws * self.w_dim,
        }[self.gives]

    def shapes(self, hidden: int) -> dict[str, tuple[int, ...]]:
        """Every tensor of the file and its shape."""
        inputs, outputs = len(self.descriptors), self.outputs
        rest = {"anchors": (outputs, self.z_dim)} if self.gives == "weights" else {"rest": (outputs,)}
        net = {"in.weight": (hidden, inputs), "in.bias": (hidden,), "out.weight": (outputs, hidden)}
        return {**net, "out.bias": (outputs,), "mean": (inputs,), "std": (inputs,), "w_avg": (self.w_dim,), **rest}


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """A trained file: one hidden layer of ReLUs over standardised descriptors.

    `tensors` are named and shaped as `About.shapes` says: the net, `mean` and `std` of the descriptors,
    `w_avg` of the network by which that is known again, and `anchors` [clusters, z_dim] or `rest` [outputs], the mean
    of what was paired.
    """

    name: str
    about: About
    tensors: Mapping[str, F64]
    _places: list[int] = field(init=False)

    def __post_init__(self) -> None:
        for tensor in self.tensors.values():
            frozen(tensor)
        object.__setattr__(self, "_places", places(self.about.descriptors))

    def standard(self, raw: F64) -> F64:
        """Descriptors in the order of `NAMES` [..., D] -> those it knows, standardised, [..., inputs]."""
        t = self.tensors
        found: F64 = ((raw[..., self._places] - t["mean"]) / t["std"]).clip(-FAR, FAR)
        return found

    def infer(self, standard: F64) -> F64:
        """Standardised descriptors [..., inputs] -> [..., outputs]."""
        t = self.tensors
        hidden = np.maximum(standard @ t["in.weight"].T + t["in.bias"], 0.0)
        given: F64 = hidden @ t["out.weight"].T + t["out.bias"]
        return given

    def misfit(self, facts: ModelFacts) -> str:
        """Why it cannot be used with this network; "" when it can."""
        a = self.about
        if (a.z_dim, a.w_dim) != (facts.z_dim, facts.w_dim) or (a.gives == "ws" and a.num_ws != facts.num_ws):
            of, here = f"{a.z_dim}, {a.w_dim} and {a.num_ws}", f"{facts.z_dim}, {facts.w_dim} and {facts.num_ws}"
            return f"it was made for {a.model}, whose z, w and ws are {of}; those of {facts.name} are {here}"
        if not np.allclose(self.tensors["w_avg"], facts.w_avg, rtol=0.0, atol=_SAME):
            return f"it was made for {a.model}, another network than this {facts.name}: its latents mean other pictures"
        return ""


def read(path: Path) -> Learned:
    """A trained file; `BadInput` says in one sentence why it cannot be used."""
    label = f"trained file {path}"
    try:
        with path.open("rb") as file:
            data = file.read(LIMIT + 1)  # all of it at once: a file mapped into memory may be cut short under us
    except OSError as e:
        raise BadInput(label, [f"cannot be read ({e.strerror})"]) from None
    try:
        return _parse(data, path.stem)
    except BadInput as e:
        raise BadInput(label, e.faults) from None


def pack(learned: Learned) -> bytes:
    """The bytes that `read` reads back."""
    about = {FORMAT: learned.about.model_dump_json()}  # one text: the library keeps several in no order
    tensors = {name: np.ascontiguousarray(t, np.float32) for name, t in learned.tensors.items()}
    packed: bytes = safetensors.numpy.save(tensors, metadata=about)
    return packed


def rounded(tensors: Mapping[str, F64 | F32]) -> dict[str, F64]:
    """The numbers as a file keeps them, in 32 bits."""
    return {name: t.astype(np.float32).astype(np.float64) for name, t in tensors.items()}


def _parse(data: bytes, name: str) -> Learned:
    if len(data) > LIMIT:
        raise _bad(f"larger than {LIMIT >> 20} MB, which no trained file is")
    about = _about(_metadata(data))
    if unknown := [d for d in about.descriptors if d not in INDEX]:
        raise _bad(f"takes descriptors that are not known here ({', '.join(unknown)[:80]}): train it again")
    if (about.gives == "weights") != bool(about.clusters) or len(set(about.clusters)) < len(about.clusters):
        raise _bad("damaged: the names of its clusters do not fit what it gives")
    try:
        found = dict(_deserialize(data))
    except safetensors.SafetensorError as e:
        raise _bad(f"damaged ({e!s:.80})") from None
    shapes = {key: tuple(item["shape"]) for key, item in found.items()}
    hidden = shapes.get("in.bias", ())
    if not (len(hidden) == 1 and 0 < hidden[0] <= _WIDEST and shapes == about.shapes(hidden[0])):
        raise _bad(f"damaged: its tensors are not those of a net from {len(about.descriptors)} descriptors")
    if any(item["dtype"] != "F32" for item in found.values()):
        raise _bad("damaged: its numbers are not 32-bit floats")
    tensors = {
        key: np.frombuffer(item["data"], "<f4").reshape(shapes[key]).astype(np.float64) for key, item in found.items()
    }
    if not all(np.abs(t).max() < _LARGEST for t in tensors.values()):  # nor is a NaN smaller
        raise _bad("damaged: some of its numbers are none, or beyond all bounds")
    if tensors["std"].min() <= 0:
        raise _bad("damaged: a descriptor has no spread")
    return Learned(name, about, tensors)


class _Item(TypedDict):
    """One tensor, as the library unpacks it."""

    dtype: str
    shape: list[int]
    data: bytes


def _deserialize(data: bytes) -> list[tuple[str, _Item]]:
    items: list[tuple[str, _Item]] = safetensors.deserialize(data)  # type: ignore[no-untyped-call]
    return items


def _metadata(data: bytes) -> dict[str, str]:
    """The texts in the header of a .safetensors."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > len(data) - 8:
        raise _bad("cut short, or no .safetensors: copy or train it again")
    if length > _HEADER:
        raise _bad("damaged: its header is larger than any of ours")
    try:
        header = json.loads(data[8 : 8 + length])
        about = header.get("__metadata__") or {}
        return {str(key): str(value) for key, value in about.items()}
    except (ValueError, AttributeError, RecursionError):
        raise _bad("damaged, or no .safetensors: copy or train it again") from None


def _about(said: dict[str, str]) -> About:
    if FORMAT not in said:
        raise _bad("a .safetensors of something else: `latentd train` makes those that belong here")
    try:
        return About.model_validate_json(said[FORMAT])
    except ValidationError as e:
        first = e.errors()[0]
        if first["loc"] == ("version",):
            raise _bad(f"of another format version than {VERSION}: update this program") from None
        place = ".".join(map(str, first["loc"]))
        raise _bad(
            f"damaged: what it says of itself, {place[:80]}: {first['msg'][:1].lower()}{first['msg'][1:80]}"
        ) from None


def _bad(fault: str) -> BadInput:
    return BadInput("trained file", [fault])

"""Raw latents over OSC: a blob of little-endian float32, or one number a dimension."""

from dataclasses import replace
from functools import partial
from typing import Protocol

import numpy as np

from daemon.control.answer import Outcome
from daemon.control.coerce import number
from daemon.control.osc import Message
from daemon.control.refusal import Code, Refusal, spoken
from daemon.control.table import Kind, Row
from daemon.flow import F32, Dims, Hand, frozen

LARGEST = 1e3  # of any number: far beyond what a network was trained on, far from what overflows in it


class Held(Protocol):
    """Where latents from outside are put down."""

    hand: Hand


def latent_act(held: Held, row: Row, dims: Dims) -> "partial[Outcome]":
    """What takes one latent for a model with these dimensions."""
    shape = (dims.z,) if row.kind is Kind.LATENT_Z else (dims.ws, dims.w)
    return partial(_latent, held, row, shape)


def _latent(held: Held, row: Row, shape: tuple[int, ...], message: Message, now: float) -> Outcome:
    count = int(np.prod(shape))
    values = _floats(message, count)
    if values is None:
        wanted = f"{count} numbers ({' x '.join(map(str, shape))}), or a blob of {4 * count} bytes of float32"
        return Refusal(Code.COUNT, f"{row.address} takes {wanted}, not {spoken(message.args)}", row.address)
    if not (np.abs(values) <= LARGEST).all():  # NaN is not, either
        return Refusal(Code.RANGE, f"{row.address} takes numbers of -{LARGEST:g} to {LARGEST:g}", row.address)
    latent = values.reshape(shape)
    frozen(latent)
    held.hand = replace(held.hand, **{row.key: (latent, now)})
    return None


def _floats(message: Message, count: int) -> F32 | None:
    """[count] as they came; None when that is not what came."""
    match message.args:
        case (bytes(blob),) if len(blob) == 4 * count:
            return np.frombuffer(blob, "<f4").astype(np.float32)
    if len(message.args) != count:
        return None
    values = [number(arg) for arg in message.args]
    if any(value is None for value in values):
        return None
    with np.errstate(over="ignore"):
        return np.array(values, np.float64).astype(np.float32)

"""What a leader says of itself beside its frames: its name, its model and everything that was set."""

import json
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from daemon.flow import ModelFacts
from daemon.params import Curve, Fade, Params
from daemon.preset import VERSION, StateFile, params_of, plain


@dataclass(frozen=True, slots=True)
class Said:
    """What was set at the leader, and how it gets there."""

    name: str  # of the leader
    model: str  # in words
    params: Params
    preset: str | None
    seconds: float  # that the fade under way still takes
    curve: Curve


class _SaidFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(max_length=64, pattern=r"^[ -~]*$")
    model: str = Field(max_length=200, pattern=r"^[ -~]*$")
    seconds: float = Field(ge=0, le=600, allow_inf_nan=False)
    curve: Curve
    state: dict[str, Any]


def described(facts: ModelFacts) -> str:
    """A model in words, for whoever has to find out why two are not the same."""
    return f"{facts.name} ({facts.num_ws} x {facts.w_dim}, z {facts.z_dim})"


def say(name: str, facts: ModelFacts, fade: Fade, preset: str | None, now: float) -> str:
    """As text."""
    left = min(max(fade.t0 + fade.seconds - now, 0.0), 600.0) if fade.seconds > 0 else 0.0
    head = {"name": name, "model": _printable(described(facts))[:200], "seconds": left, "curve": fade.curve}
    return json.dumps({**head, "state": {"version": VERSION, "preset": preset, **plain(fade.end)}})


def hear(text: bytes) -> Said | None:
    """From text of anybody; None when it is not that."""
    try:
        file = _SaidFile.model_validate_json(text)
        state = StateFile.model_validate(file.state)
    except ValidationError:
        return None
    return Said(file.name, file.model, params_of(state), state.preset, file.seconds, file.curve)


def _printable(text: str) -> str:
    return "".join(c if " " <= c <= "~" else "?" for c in text)

"""What a sitting leaves for the next: weights, moments, where each part was. Written whole or not at all."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

Point = dict[str, float | str]  # of the curve


@dataclass(slots=True)
class Progress:
    """Where training is: how far each part, how long it took, and the curve so far."""

    steps: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    curve: list[Point] = field(default_factory=list)


def save(path: Path, progress: Progress, parts: dict[str, Any]) -> None:
    """Atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    with beside.open("wb") as file:
        torch.save({"progress": [progress.steps, progress.seconds, progress.curve], **parts}, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def load(path: Path) -> tuple[Progress, dict[str, Any]]:
    """What `save` wrote."""
    saved: dict[str, Any] = torch.load(path, weights_only=True)
    return Progress(*saved.pop("progress")), saved


def draw(seed: int, part: int, step: int) -> torch.Generator:
    """The random numbers of one step: the same however the steps are split into sittings."""
    return torch.Generator().manual_seed((seed * 31 + part) * 10_000_019 + step)


def average(into: dict[str, Tensor], weights: dict[str, Tensor], keep: float) -> None:
    """Into keep * into + (1 - keep) * weights, where they are numbers that learn."""
    for name, value in weights.items():
        if value.is_floating_point():
            into[name].lerp_(value.detach(), 1 - keep)

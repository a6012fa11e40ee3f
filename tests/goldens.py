"""Where golden data lies, and how to read it."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

HERE = Path(__file__).parent / "golden"
FOLDER = Path(os.environ.get("LATENTD_GOLDENS") or Path(__file__).parents[2] / "shared" / "goldens")
STYLEGAN3 = (
    "sg3t_64",
    "sg3t_64_cond",
    "sg3t_32_odd",
    "sg3t_64_clamp",
    "sg3t_64_noclamp",
    "sg3t_64_full",
    "sg3t_64_modern",
    "sg3t_256",
    "sg3r_64",
    "sg3r_128",
)
STYLEGAN2 = (
    "sg2_64_skip",
    "sg2_64_resnet",
    "sg2_64_orig",
    "sg2_64_cond_clamp",
    "sg2ada_64_skip",
    "sg2ada_64_convtf",
    "sg2ada_64_nonoise",
)
NAMES = STYLEGAN3 + STYLEGAN2


@dataclass(frozen=True)
class Golden:
    checkpoint: Path
    arrays: Any
    meta: dict[str, Any]

    def cases(self) -> list[str]:
        """Those with a picture."""
        return [case for case in self.meta["cases"] if f"{case}/img" in self.arrays]

    def transform(self, case: str) -> np.ndarray:
        key = f"{case}/matrix"
        return self.arrays[key] if key in self.arrays else np.eye(3, dtype=np.float32)


def path(name: str) -> Path:
    """Of a checkpoint; skips where only the one in this repository is there, fails where all must be."""
    here, there = HERE / f"{name}.pkl", FOLDER / f"{name}.pkl"
    if here.exists():
        return here
    if not there.exists():
        say = f"{name}: no golden data at LATENTD_GOLDENS or beside the repository"
        if os.environ.get("CI") == "true":
            pytest.fail(say)
        pytest.skip(say)
    return there


def golden(name: str) -> Golden:
    checkpoint = path(name)
    arrays = np.load(checkpoint.with_suffix(".npz"))
    return Golden(checkpoint, arrays, json.loads(bytes(arrays["meta_json"])))

"""Files to generators and back."""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors import safe_open
from safetensors.torch import save as packed
from torch import Tensor

from stylegan3.assembly import assemble, config_of
from stylegan3.config import StyleGAN3Config
from stylegan3.errors import CheckpointError
from stylegan3.generator import Generator, TrainingSet
from stylegan3.official import read_official
from stylegan3.pickled import shown
from stylegan3.stylegan2 import StyleGAN2Config

_MAX_FILE = 2 << 30  # bytes; the largest official network is under 400 MB
_FORMAT, _VERSION = "latentd.stylegan3", 1
_KINDS: Mapping[str, type[StyleGAN3Config] | type[StyleGAN2Config]] = {
    "stylegan3": StyleGAN3Config,
    "stylegan2": StyleGAN2Config,
}
_NUMBERS = ("F32", "F16", "BF16", "F64")
_MAX_ANCHORS = 256


def load(path: str | Path) -> Generator:
    """An official .pkl or a .safetensors of ours as a Generator: eval, float32, on the CPU, without gradients.

    Nothing in the file is executed. CheckpointError says in one sentence why a file cannot be used.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise CheckpointError("is a folder, not a checkpoint: name the .pkl or .safetensors in it")
        if size == 0:
            raise CheckpointError("is empty: copy or download it again")
        if size > _MAX_FILE:
            raise CheckpointError(
                f"has {size / 2**30:.1f} GB, more than any StyleGAN3 network ({_MAX_FILE >> 30} GB are read at most)"
            )
        G = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path, size)
    except FileNotFoundError:
        raise CheckpointError(f"{path} is not there: check the path") from None
    except OSError as e:
        raise CheckpointError(f"{path} cannot be read ({e.strerror or e})") from None
    except MemoryError:
        raise CheckpointError(f"{path} does not fit into memory") from None
    except CheckpointError as e:
        raise type(e)(f"{path.name} {e}") from None
    return G.eval().requires_grad_(requires_grad=False)


def save(G: Generator, path: str | Path) -> None:
    """Write a .safetensors that `load` reads back bit for bit; config, name and anchors go into its metadata."""
    about = {
        "format": _FORMAT,
        "version": str(_VERSION),
        "name": G.name,
        "network": next(name for name, kind in _KINDS.items() if isinstance(G.config, kind)),
        "config": json.dumps({f.name: getattr(G.config, f.name) for f in fields(G.config)}),
        "training_set": json.dumps({} if G.training_set is None else asdict(G.training_set)),
        "anchors": json.dumps({name: z.tolist() for name, z in G.anchors.items()}),
    }
    tensors = {name: t.detach().cpu().contiguous() for name, t in G.state_dict().items()}
    Path(path).write_bytes(packed(tensors, metadata=about))


def _read_safetensors(path: Path) -> Generator:
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            if about.get("format") != _FORMAT:
                raise CheckpointError("is a .safetensors of something else: write one with `latentd model convert`")
            if about.get("version") != str(_VERSION):
                raise CheckpointError(
                    f"has format version {about.get('version')!s:.20}, and this program reads {_VERSION}: update it"
                )
            kind = _KINDS.get(about.get("network", "stylegan3"))
            if kind is None:
                what = shown(about["network"])
                raise CheckpointError(f"holds a network {what}, which this program does not know: update it")
            config = config_of(kind.parse, _json(about, "config"))
            for name in file.keys():  # noqa: SIM118 - it is no dict
                if (kind_of := file.get_slice(name).get_dtype()) not in _NUMBERS:
                    raise CheckpointError(f"has a tensor {shown(name)} of {shown(kind_of)}, not of floating point")
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            G = assemble(config, shapes, file.get_tensor, path.stat().st_size)
            G.name = about.get("name", "") or path.stem
            G.training_set = _training_set(_json(about, "training_set"))
            G.anchors = _anchors(_json(about, "anchors"), config.z_dim)
            return G
    except safetensors.SafetensorError as e:
        raise CheckpointError(f"is damaged, or is not a .safetensors ({e})") from None


def _json(about: Mapping[str, str], key: str) -> dict[str, Any]:
    try:
        value = json.loads(about.get(key, "{}"))
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise CheckpointError(f"is damaged: its {key} is not JSON")
    return value


def _anchors(values: Mapping[str, Any], z_dim: int) -> dict[str, Tensor]:
    if len(values) > _MAX_ANCHORS:
        raise CheckpointError(f"has {len(values)} anchors, more than {_MAX_ANCHORS}")
    for name, z in values.items():
        if not isinstance(z, list) or len(z) != z_dim or not all(type(v) in (int, float) and abs(v) < 1e6 for v in z):
            raise CheckpointError(f"is damaged: its anchor {name[:40]!r} is not {z_dim} numbers")
    return {name: torch.tensor(z, dtype=torch.float32) for name, z in values.items()}


def _training_set(values: Mapping[str, Any]) -> TrainingSet | None:
    name, resolution, labels = values.get("name"), values.get("resolution"), values.get("labels")
    if not isinstance(name, str):
        return None
    return TrainingSet(
        name[:200], resolution if type(resolution) is int else None, labels if isinstance(labels, bool) else None
    )


def _read_pickle(path: Path, size: int) -> Generator:
    with path.open("rb") as file:
        data = file.read(size)
    if data[:4] == b"PK\x03\x04":
        raise CheckpointError("is a zip file (torch.save), not an official .pkl")
    if (
        data[0] != 0x80 and data[:1] != b"c"
    ):  # every protocol since 2 opens with PROTO; "c" is an older pickle's first name
        raise CheckpointError("is not a pickle: expected an official .pkl")
    G = read_official(memoryview(data))
    G.name = path.stem
    return G

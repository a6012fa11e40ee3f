"""EnCodec's weights, read and never executed: a folder in transformers' layout, or the .safetensors in it."""

from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from torch import Tensor
from transformers import EncodecConfig, EncodecModel

from daemon.errors import BadInput
from daemon.features.encodec.stream import DIMS, FRAME, SR, Stream

_FILE, _CONFIG = "model.safetensors", "config.json"
_MOST_BYTES, _MOST_CONFIG_BYTES = 1 << 30, 1 << 16
_TOLD = 3  # faults of weights that are named; the rest are counted
_NAMES_OF_2023 = {"conv.weight_g": "conv.parametrizations.weight.original0"}
_NAMES_OF_2023 |= {"conv.weight_v": "conv.parametrizations.weight.original1"}

_Small = Annotated[int, Field(ge=1, le=64)]


class _ConfigFile(BaseModel):
    """What matters here of transformers' config.json; its own defaults are those of the 24 kHz model."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    model_type: Literal["encodec"] = "encodec"
    sampling_rate: Annotated[int, Field(ge=1, le=1_000_000)] = SR
    audio_channels: Annotated[int, Field(ge=1, le=64)] = 1
    normalize: bool = False
    hidden_size: Annotated[int, Field(ge=1, le=4096)] = DIMS
    num_filters: Annotated[int, Field(ge=1, le=256)] = 32
    num_residual_layers: Annotated[int, Field(ge=1, le=8)] = 1
    upsampling_ratios: Annotated[list[_Small], Field(min_length=1, max_length=8)] = [8, 5, 4, 2]
    norm_type: str = "weight_norm"
    kernel_size: _Small = 7
    last_kernel_size: _Small = 7
    residual_kernel_size: _Small = 3
    dilation_growth_rate: Annotated[int, Field(ge=1, le=4)] = 2
    use_causal_conv: bool = True
    pad_mode: str = "reflect"
    compress: Annotated[int, Field(ge=1, le=32)] = 2
    num_lstm_layers: Annotated[int, Field(ge=1, le=8)] = 2
    use_conv_shortcut: bool = True

    def faults(self) -> list[str]:
        """Why this model cannot listen along, if it cannot."""
        hop = 1
        for ratio in self.upsampling_ratios:
            hop *= ratio
        checks = (
            (self.sampling_rate == SR, f"it takes {self.sampling_rate} Hz"),
            (self.audio_channels == 1, f"it takes {self.audio_channels} channels"),
            (hop == FRAME, f"its frames are {hop} samples"),
            (self.hidden_size == DIMS, f"its embeddings have {self.hidden_size} numbers"),
            (self.use_causal_conv, "it hears ahead of its time (use_causal_conv)"),
            (self.norm_type == "weight_norm", f"it weighs a whole sound at once (norm_type {self.norm_type[:40]!r})"),
            (not self.normalize, "it makes a whole sound equally loud (normalize)"),
            (self.pad_mode in ("reflect", "replicate", "constant"), f"pad_mode {self.pad_mode[:40]!r} is not known"),
            (self.num_filters % self.compress == 0, "num_filters is no multiple of compress"),
        )
        return [text for right, text in checks if not right]


def fetch(name: str) -> Path:
    """Published weights, by the library's own download into its own cache; `BadInput` when they cannot be had."""
    from transformers.utils.hub import cached_file

    try:
        found = [cached_file(name, file) for file in (_CONFIG, _FILE)]
    except OSError as e:
        reason = str(e).strip().split("\n", 1)[0][:200]
        raise BadInput("EnCodec", [f"{name} cannot be had ({reason}); give a folder that holds it"]) from None
    return Path(str(found[1]))


def read(weights: Path) -> Stream:
    """A stream at its beginning; `BadInput` says why these weights cannot be used."""
    label = f"EnCodec {weights}"
    try:
        file = weights / _FILE if weights.is_dir() else weights
        if file.suffix != ".safetensors" or not file.is_file():
            raise BadInput(label, [_absent(weights)])
        if file.stat().st_size > _MOST_BYTES:
            raise BadInput(label, [f"larger than {_MOST_BYTES >> 20} MB, which no EnCodec is"])
        config = _config(file.with_name(_CONFIG))
        with torch.device("meta"):  # shapes alone: nothing is drawn, nothing allocated
            encoder = EncodecModel(EncodecConfig(**config.model_dump(exclude={"model_type"}))).encoder
        _fill(encoder, _tensors(file, label), label)
    except OSError as e:
        raise BadInput(label, [f"cannot be read ({e.strerror or e})"]) from None
    return Stream(encoder, config.pad_mode)


def _absent(weights: Path) -> str:
    if not weights.exists():
        return f"there is nothing; put {_CONFIG} and {_FILE} there"
    if not weights.is_dir() or any(weights.glob("*.bin")) or any(weights.glob("*.pt*")):
        return f"only {_FILE} is read, since a pickle (.bin, .pt, .th) can run code"
    return f"there is no {_FILE} in it"


def _config(path: Path) -> _ConfigFile:
    label = f"EnCodec {path}"
    if not path.exists():
        return _ConfigFile()
    if path.stat().st_size > _MOST_CONFIG_BYTES:
        raise BadInput(label, [f"larger than {_MOST_CONFIG_BYTES >> 10} kB, which no {_CONFIG} is"])
    try:
        config = _ConfigFile.model_validate_json(path.read_bytes())
    except ValidationError as e:
        told = [f"{'.'.join(str(part) for part in err['loc'])} {err['msg']}".strip() for err in e.errors()]
        raise BadInput(label, _few(told)) from None
    if faults := config.faults():
        raise BadInput(label, [*faults, f"use the causal model of {SR} Hz"])
    return config


def _tensors(file: Path, label: str) -> dict[str, Tensor]:
    """The encoder's weights in a file, by the names they have today."""
    try:
        with safe_open(str(file), framework="pt") as opened:
            names = [name for name in opened.keys() if name.startswith("encoder.")]  # noqa: SIM118 - not a dict
            found = {name.removeprefix("encoder."): opened.get_tensor(name) for name in names}
    except SafetensorError as e:
        raise BadInput(label, [f"no .safetensors, or half of one ({e})"]) from None
    for old, new in _NAMES_OF_2023.items():
        found = {name.replace(old, new): tensor for name, tensor in found.items()}
    return found


def _fill(encoder: Any, tensors: dict[str, Tensor], label: str) -> None:
    """Put the weights into an encoder that has only shapes."""
    wanted = {name: tuple(tensor.shape) for name, tensor in encoder.state_dict().items()}
    faults = [f"encoder.{name} is missing" for name in wanted.keys() - tensors.keys()]
    for name in wanted.keys() & tensors.keys():
        if (shape := tuple(tensors[name].shape)) != wanted[name]:
            faults.append(f"encoder.{name} is {shape}, not {wanted[name]}")
        elif not tensors[name].is_floating_point() or not torch.isfinite(tensors[name]).all():
            faults.append(f"encoder.{name} holds what is no finite number")
    if faults:
        raise BadInput(label, _few(sorted(faults)))
    encoder.load_state_dict({name: tensors[name].float() for name in wanted}, assign=True)


def _few(faults: list[str]) -> list[str]:
    more = len(faults) - _TOLD
    return [*faults[:_TOLD], f"and {more} more"] if more > 0 else faults

"""Files to generators and back."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from stylegan3.config import GeneratorConfig
from stylegan3.errors import CheckpointError
from stylegan3.generator import Generator
from stylegan3.snapshot import Module, StoredTensor, plain, read_snapshot

_MAX_FILE = 2 << 30  # bytes; the largest official network is under 400 MB
_FORMAT, _VERSION = "latentd.stylegan3", 1
_TENSORFLOW = "dnnlib.tflib"
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
        G = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    except FileNotFoundError:
        raise CheckpointError(f"{path} is not there: check the path") from None
    except OSError as e:
        raise CheckpointError(f"{path} cannot be read ({e.strerror or e})") from None
    except CheckpointError as e:
        raise type(e)(f"{path.name} {e}") from None
    return G.eval().requires_grad_(requires_grad=False)


def save(G: Generator, path: str | Path) -> None:
    """Write a .safetensors that `load` reads back bit for bit; config, name and anchors go into its metadata."""
    about = {
        "format": _FORMAT,
        "version": str(_VERSION),
        "name": G.name,
        "config": json.dumps({k: getattr(G.config, k) for k in G.config.__dataclass_fields__}),
        "anchors": json.dumps({name: z.tolist() for name, z in G.anchors.items()}),
    }
    save_file({name: t.detach().cpu().contiguous() for name, t in G.state_dict().items()}, path, metadata=about)


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
            config = _config(_json(about, "config"))
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            G = _assemble(config, shapes, file.get_tensor)
            G.name = about.get("name", "") or path.stem
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


def _read_pickle(path: Path) -> Generator:
    data = path.read_bytes()
    if data[:4] == b"PK\x03\x04":
        raise CheckpointError("is a zip file (torch.save), not an official StyleGAN3 .pkl")
    if (
        data[0] != 0x80 and data[:1] != b"c"
    ):  # every protocol since 2 opens with PROTO; "c" is an older pickle's first name
        raise CheckpointError("is not a pickle: expected an official StyleGAN3 .pkl")
    try:
        snapshot = read_snapshot(memoryview(data))
    except CheckpointError as e:
        if _TENSORFLOW in str(e):
            raise CheckpointError(
                "is a StyleGAN of the TensorFlow era, which is not read: convert it with stylegan3's legacy tool first"
            ) from None
        raise
    G_ema = snapshot.get("G_ema") if isinstance(snapshot, dict) else snapshot
    if not isinstance(G_ema, Module):
        raise CheckpointError("holds no G_ema: it is not a StyleGAN3 snapshot")
    G = _assemble_module(G_ema)
    G.name = path.stem
    return G


_SETTINGS = {  # ours: as the writer's keyword arguments call it
    "num_layers", "num_critical", "first_cutoff", "first_stopband", "last_stopband_rel", "margin_size",
    "filter_size", "conv_clamp",
    "output_scale", "channel_base", "channel_max",
}  # fmt: skip


def _assemble_module(module: Module) -> Generator:
    mapping, synthesis = module.child("mapping"), module.child("synthesis")
    if mapping is None or synthesis is None:
        raise CheckpointError(f"holds a {module.class_name[:40]}, not a StyleGAN3 generator")
    if synthesis.child("b4") is not None:
        raise CheckpointError("is a StyleGAN2 network: only StyleGAN3-T is read so far")
    if synthesis.child("input") is None:
        raise CheckpointError(f"holds a {module.class_name[:40]}, not a StyleGAN3 generator")
    given = {}
    for source in (module, synthesis):
        kwargs = source.state.get("_init_kwargs")
        given.update(kwargs if isinstance(kwargs, dict) else {})
    if given.get("use_radial_filters") or given.get("conv_kernel", 3) != 3:
        raise CheckpointError("is a StyleGAN3-R network: only StyleGAN3-T is read so far")
    if given.get("lrelu_upsampling", 2) != 2:
        raise CheckpointError("runs its leaky ReLU at another rate than twice the sampling rate, which is not read")
    values: dict[str, Any] = {key: plain(value) for key, value in given.items() if key in _SETTINGS}
    for name in ("z_dim", "c_dim", "w_dim", "img_resolution", "img_channels"):
        values[name] = plain(module.state.get(name))
    values["mapping_layers"] = plain(mapping.state.get("num_layers"))
    config = _config({name: value for name, value in values.items() if value is not None or name == "conv_clamp"})
    stored = dict(_walk(module))
    return _assemble(config, {name: t.shape for name, t in stored.items()}, lambda name: stored[name].read())


def _walk(module: Module, prefix: str = "", depth: int = 0) -> "list[tuple[str, StoredTensor]]":
    """Every tensor with its dotted name; None (a filter that is not there) is left out."""
    if depth > 8:
        raise CheckpointError("is damaged: its modules are nested without end")
    found = [
        (f"{prefix}{name}", value)
        for kind in ("_parameters", "_buffers")
        for name, value in module.part(kind).items()
        if isinstance(value, StoredTensor)
    ]
    for name, value in module.part("_modules").items():
        if isinstance(value, Module):
            found += _walk(value, f"{prefix}{name}.", depth + 1)
    return found


def _config(values: dict[str, Any]) -> GeneratorConfig:
    try:
        config = GeneratorConfig.parse(values)
        _ = config.layers  # settings may also be impossible together
    except ValueError as e:
        raise CheckpointError(f"describes a network that cannot be: {e}") from None
    return config


def _assemble(config: GeneratorConfig, shapes: Mapping[str, tuple[int, ...]], read: Any) -> Generator:
    """A generator of `config` with tensors from `read(name)`; names and shapes are checked before anything is read."""
    with torch.device("meta"):
        empty = Generator(config)
    wanted = {name: tuple(t.shape) for name, t in empty.state_dict().items()}
    for name, shape in wanted.items():
        if name not in shapes:
            raise CheckpointError(f"has no tensor {name}: it is damaged or of another kind")
        if tuple(shapes[name]) != shape:
            raise CheckpointError(
                f"has a tensor {name} of shape {list(shapes[name])}, where its settings make it {list(shape)}"
            )
    if extra := sorted(set(shapes) - set(wanted)):
        raise CheckpointError(f"has a tensor {extra[0][:80]} that its settings have no place for")
    G = Generator(config)
    state = {name: read(name).to(torch.float32) for name in wanted}
    G.load_state_dict(state)
    return G

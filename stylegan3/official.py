"""Official snapshots of both families: from what their pickle holds to a network of ours."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from stylegan3.assembly import Config, assemble, config_of
from stylegan3.config import StyleGAN3Config
from stylegan3.errors import CheckpointError
from stylegan3.generator import Generator, TrainingSet
from stylegan3.pickled import shown
from stylegan3.snapshot import Module, StoredTensor, plain, read_snapshot
from stylegan3.stylegan2 import StyleGAN2Config

_TENSORFLOW = "dnnlib.tflib"
_MAX_MODULES = 4096  # the largest official generator has some 120; a module may stand in many places at no cost
_SHARED = {"channel_base", "channel_max"}
_STYLEGAN3 = {
    "num_layers", "num_critical", "first_cutoff", "first_stopband", "last_stopband_rel", "margin_size", "conv_kernel",
    "filter_size", "lrelu_upsampling", "use_radial_filters", "conv_clamp", "output_scale", *_SHARED,
}  # fmt: skip
_DIMENSIONS = ("z_dim", "c_dim", "w_dim", "img_resolution", "img_channels")


def read_official(data: memoryview) -> Generator:
    """The network a snapshot calls G_ema. CheckpointError: one clause that says why it cannot be used."""
    try:
        snapshot = read_snapshot(data)
    except CheckpointError as e:
        if _TENSORFLOW in str(e):
            raise CheckpointError(
                "is a StyleGAN of the TensorFlow era, which is not read: convert it with stylegan3's legacy tool first"
            ) from None
        raise
    module = snapshot.get("G_ema") if isinstance(snapshot, dict) else snapshot
    if not isinstance(module, Module):
        raise CheckpointError("holds no G_ema: it is not a StyleGAN3 or StyleGAN2 snapshot")
    mapping, synthesis = module.child("mapping"), module.child("synthesis")
    if mapping is None or synthesis is None:
        raise CheckpointError(f"holds a {shown(module.class_name)}, not a StyleGAN3 or StyleGAN2 generator")
    values = _shared_settings(module, mapping)
    config: Config
    if synthesis.child("input") is not None:
        config = config_of(StyleGAN3Config.parse, values | _given(_STYLEGAN3, module, synthesis))
        _check_sizes(config, synthesis)
    elif (b4 := synthesis.child("b4")) is not None:
        config = config_of(StyleGAN2Config.parse, values | _stylegan2_settings(module, synthesis, b4))
    else:
        raise CheckpointError(f"holds a {shown(module.class_name)}, not a StyleGAN3 or StyleGAN2 generator")
    stored = _tensors(module)
    shapes = {name: t.shape for name, t in stored.items()}
    G = assemble(config, shapes, lambda name: stored[name].read(), len(data))
    G.training_set = _training_set(snapshot)
    return G


def _shared_settings(module: Module, mapping: Module) -> dict[str, Any]:
    values = {name: plain(module.state.get(name)) for name in _DIMENSIONS}
    if isinstance(values["img_resolution"], list | tuple):
        raise CheckpointError("makes pictures that are not square, which is not read")
    values["mapping_layers"] = plain(mapping.state.get("num_layers"))
    first = mapping.child("fc0")
    if first is not None:
        _only("lrelu", first)
        values["mapping_lr"] = first.state.get("bias_gain")
    return {name: value for name, value in values.items() if value is not None}


def _given(names: set[str], *modules: Module) -> dict[str, Any]:
    """Keyword arguments the modules were made with; the last module that names one decides."""
    found: dict[str, Any] = {}
    for module in modules:
        kwargs = module.state.get("_init_kwargs")
        kwargs = kwargs if isinstance(kwargs, dict) else {}
        nested = kwargs.get("synthesis_kwargs")
        for source in (nested if isinstance(nested, dict) else {}, kwargs):
            found.update({name: plain(source[name]) for name in names if name in source})
    return found


def _stylegan2_settings(module: Module, synthesis: Module, b4: Module) -> dict[str, Any]:
    """From the modules' own attributes where they have them: the defaults of the two programs differ."""
    conv = b4.child("conv1")
    const = b4.part("_parameters").get("const")
    if conv is None or not isinstance(const, StoredTensor):
        raise CheckpointError("is damaged: its first block has no convolution")
    if len(const.shape) == 3 and const.shape[1] != const.shape[2]:
        raise CheckpointError("makes pictures that are not square, which is not read")
    _only("lrelu", conv)
    kwargs = module.state.get("_init_kwargs")
    widths = kwargs.get("mapping_kwargs") if isinstance(kwargs, dict) else None
    widths = widths if isinstance(widths, dict) else {}
    clamp = conv.state.get("conv_clamp")
    for block in synthesis.children():
        for layer in block.children():
            if layer.class_name in ("SynthesisLayer", "ToRGBLayer") and layer.state.get("conv_clamp") != clamp:
                raise CheckpointError("limits some of its layers and not others, which is not read")
    return {
        **_given(_SHARED, module, synthesis),
        **{name: plain(widths[name]) for name in ("layer_features", "embed_features") if name in widths},
        "architecture": b4.state.get("architecture"),
        "use_noise": conv.state.get("use_noise"),
        "conv_clamp": clamp,
        "ada": "fused_modconv_default" not in b4.state,  # which only the later program knows
    }


def _only(activation: str, module: Module) -> None:
    found = module.state.get("activation", activation)
    if found != activation:
        raise CheckpointError(f"uses the activation {shown(found)}, and only {activation} is read")


def _check_sizes(config: StyleGAN3Config, synthesis: Module) -> None:
    """Sizes have no tensor that would betray another one."""
    want = {"input": config.layers[0].in_size, **{spec.name: spec.out_size for spec in config.layers}}
    for name, size in want.items():
        child = synthesis.child(name)
        found = None if child is None else plain(child.state.get("size" if name == "input" else "out_size"))
        if isinstance(found, list) and found != [size, size]:
            raise CheckpointError(f"has a layer {name} of {shown(found)} samples, where its settings make it {size}")


def _tensors(generator: Module) -> dict[str, StoredTensor]:
    """Every tensor under its dotted name; None (a filter that is not there) is left out."""
    found: dict[str, StoredTensor] = {}
    waiting, seen = [("", generator, 0)], 0
    while waiting:
        prefix, module, depth = waiting.pop()
        seen += 1
        if depth > 8 or seen > _MAX_MODULES:
            raise CheckpointError("is damaged: its modules are nested without end")
        for kind in ("_parameters", "_buffers"):
            for name, value in module.part(kind).items():
                if isinstance(value, StoredTensor):
                    found[f"{prefix}{name}"] = value
        for name, value in module.part("_modules").items():
            if isinstance(value, Module):
                waiting.append((f"{prefix}{name}.", value, depth + 1))
    return found


def _training_set(snapshot: Any) -> TrainingSet | None:
    about: Mapping[Any, Any] | Any = snapshot.get("training_set_kwargs") if isinstance(snapshot, dict) else None
    if not isinstance(about, dict) or not isinstance(about.get("path"), str):
        return None
    resolution, labels = plain(about.get("resolution")), about.get("use_labels")
    return TrainingSet(
        PurePath(about["path"].replace("\\", "/")[-1000:]).name[:200],  # not the folders of whoever trained it
        resolution if type(resolution) is int and 0 < resolution < 2**31 else None,
        labels if isinstance(labels, bool) else None,
    )

"""Settings out of a file: each of the type and within the limits of its field before anything is built from them."""

from collections.abc import Mapping
from dataclasses import fields
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Config = TypeVar("Config", bound=DataclassInstance)
else:
    Config = TypeVar("Config")

MAX_RESOLUTION, MAX_WIDTH, MAX_LAYERS = 4096, 8192, 64  # beyond these a file is damaged or hostile, not a network
MAX_ACTIVATIONS = 2**31  # numbers in one layer; the largest official network has a third of that


def parse(kind: type[Config], values: Mapping[str, Any], network: str) -> Config:
    """A `kind` of `values`; ValueError names the first value that cannot be."""
    known = {f.name: f for f in fields(kind)}
    for name in values:
        if name not in known:
            raise ValueError(f"{name[:40]!r} is no setting of a {network} network")
    if "img_resolution" not in values:
        raise ValueError("img_resolution is missing")
    return kind(**{name: _typed(name, known[name].type, value) for name, value in values.items()})


def check(config: "DataclassInstance", limits: Mapping[str, tuple[float, float]]) -> None:
    """ValueError for the first setting that is not within its limits, or whose picture is no picture of ours."""
    for name, (low, high) in limits.items():
        value = getattr(config, name)
        if value is not None and not low <= value <= high:
            raise ValueError(f"{name} is {value}, not within {low}..{high}")
    resolution, channels = getattr(config, "img_resolution"), getattr(config, "img_channels")  # noqa: B009
    if resolution & (resolution - 1):
        raise ValueError(f"img_resolution is {resolution}, not a power of two")
    if channels not in (1, 3, 4):
        raise ValueError(f"img_channels is {channels}, and a picture has 1 (grey), 3 (colour) or 4 (colour and alpha)")


def check_memory(size: int, channels: int) -> None:
    """ValueError for a layer that would take more memory than any machine has for one picture."""
    if size * size * channels > MAX_ACTIVATIONS:
        raise ValueError(f"{channels} channels of {size}x{size} are more than any network needs")


def _typed(name: str, want: Any, value: Any) -> Any:
    kinds = get_args(want) or (want,)
    if get_origin(want) is Literal:
        if value not in kinds or not isinstance(value, str):
            raise ValueError(f"{name} is not one of {', '.join(kinds)}")
        return value
    if value is None and NoneType in kinds:
        return None
    if want is bool:
        if not isinstance(value, bool):
            raise ValueError(f"{name} is a {type(value).__name__}, not true or false")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} is a {type(value).__name__}, not a number")
    if not abs(value) < 1e12:  # also NaN
        raise ValueError(f"{name} is not within any network's limits")
    if float in kinds:
        return float(value)
    if value != int(value):
        raise ValueError(f"{name} is {value}, not a whole number")
    return int(value)

"""What params ask for and a model has not got: a preset sets it all the same, and it is said."""

from collections.abc import Collection, Iterator

from daemon.flow import Dims, Traits
from daemon.params import Params

TRANSFORM = ("translate_x", "translate_y", "rotate", "zoom")
_PLAIN = Params()


def misfits(params: Params, traits: Traits, dims: Dims, clusters: Collection[str]) -> tuple[str, ...]:
    """Each in a few words. `clusters`: those that can be addressed, the preset's own among them."""
    return (*_of_picture(params, traits), *_of_places(params, dims, clusters))


def _of_picture(params: Params, traits: Traits) -> Iterator[str]:
    if not traits.transform:
        routed = [route.target for route in params.routes if route.source]
        moved = [name for name in TRANSFORM if name in routed or getattr(params, name) != getattr(_PLAIN, name)]
        if moved:
            yield f"{', '.join(moved)} (StyleGAN3 has an input transform)"
    if not traits.noise and params.noise != _PLAIN.noise:
        yield f"noise {params.noise} (StyleGAN2 has noise inputs)"
    beyond = [i for i, weight in enumerate(params.classes) if weight > 0 and i >= max(traits.classes, 1)]
    if beyond:
        there = f"its classes go from 0 to {traits.classes - 1}" if traits.classes else "it was trained without classes"
        yield f"class {beyond[0]} ({there})"


def _of_places(params: Params, dims: Dims, clusters: Collection[str]) -> Iterator[str]:
    if params.mapper != "clusters":
        return
    for name, weight in params.clusters:
        if weight > 0 and name not in clusters:
            there = f"it has {', '.join(clusters)}" if clusters else "it has none"
            yield f"the cluster {name} ({there})"
    for place in params.anchors:
        if place.z and len(place.z) != dims.z:
            yield f"the anchor {place.name} of {len(place.z)} numbers (its z has {dims.z})"

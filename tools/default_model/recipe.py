"""What z means: a fixed smooth function from z ~ N(0, I) to everything a picture is painted with."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from tools.default_model.fields import FAMILIES, HEIGHTS

Z_DIM = 64
# six stops round a circle, sRGB
PALETTES = {
    "fire": "12020a 5a0510 c81408 ff5a0a ffc83c b41e06",
    "calm": "86b4e6 6da6e0 5c93d6 86b4ea b9dcf5 dceefb",
    "neon": "ff1e8c 7a1eff 14c8ff 1eff96 faf01e ff781e",
    "gold": "0a0f2d 1e325f 8c6428 f0b43c fff0be 503214",
    "teal": "04222b 0a6e78 28c8be e6f5d7 ff8c5a 7d2332",
    "violet": "0f0528 3c147d a032d2 ff78c8 ffdcf0 5028a0",
    "forest": "07190f 12502d 4ba53c c8e164 fff5c8 285a50",
    "ice": "050f28 1450a0 3cb4f0 d2faff ffffff 6e8cd2",
    "sunset": "140a32 64145a d23264 ff8c50 ffdc8c 783c8c",
    "ember": "000000 28080a 8c1e0f f06e14 fff0b4 3c0a14",
    "candy": "ff5aa0 ffb4d2 fff5fa 96e6e6 3caadc 8c5ad2",
    "silver": "05060a 1c2c4c 5f86a8 e6ebf0 ffffff 3c4670",
}
STOPS = 6
NAMES = tuple(FAMILIES)
# where things lie in z
FAMILY = slice(0, len(NAMES))
PALETTE = slice(FAMILY.stop, FAMILY.stop + len(PALETTES))
KNOBS = ("morph1", "morph2", "phase", "contrast", "hue", "light", "lines", "shine", "shade")
KNOB = {name: PALETTE.stop + i for i, name in enumerate(KNOBS)}

_STEEP, _PALETTE_STEEP = 2.0, 1.8  # of the softmax over families, palettes: higher is purer, and walks less even
_SOFT = 0.02  # how gently a colour turns grey where palettes cancel
_PERIOD = 0.27  # of the palette, per standard deviation of the height
ROOM = 0.45  # what contrast and phase together stay below, so that one vector of this length holds both


@dataclass(frozen=True, slots=True)
class Recipe:
    """One picture a row. Everything here is what a network's styles must say, so it is kept linear where it is used."""

    heights: Tensor  # [N, families * 3]: times the fields, its length is contrast
    phase: Tensor  # [N, 1] of the palette, periods
    spare: Tensor  # [N, 1]: the rest of a vector of constant length
    lines: Tensor  # [N, families]: times the line fields, of length 1
    colours: Tensor  # [N, 6 * 3]: round the palette
    light: Tensor  # [N, 2]: from where, of length 1
    inks: Tensor  # [N, 3]: the fine lines, the shine, the shade; how much

    def row(self) -> Tensor:
        """[N, features], one after another."""
        return torch.cat([getattr(self, name) for name in self.__slots__], 1)


def _stops() -> Tensor:
    """[palettes, 6, 3] in -1..1."""
    rows = [
        [[int(stop[i : i + 2], 16) / 127.5 - 1 for i in (0, 2, 4)] for stop in p.split()] for p in PALETTES.values()
    ]
    return torch.tensor(rows)


def _mix(logits: Tensor, steep: float) -> Tensor:
    """Weights of length 1 (not sum 1): a blend of independent fields keeps their variance."""
    weights = torch.softmax(steep * logits, 1)
    return weights / weights.norm(dim=1, keepdim=True)


def _turn_hue(colours: Tensor, angle: Tensor) -> Tensor:
    """[N, 6, 3] about the grey axis by [N] (Rodrigues)."""
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None] / math.sqrt(3)
    grey = colours.mean(2, keepdim=True)
    return colours * cos + (colours.roll(1, 2) - colours.roll(-1, 2)) * sin + grey * (1 - cos)


def _colours(z: Tensor) -> Tensor:
    """A blend of palettes as colourful and as rich in contrast as those it blends, turned round the colour circle."""
    p = torch.softmax(_PALETTE_STEEP * z[:, PALETTE], 1)
    stops = _stops().to(z)
    blend = torch.einsum("np,pkc->nkc", p, stops)
    grey, own_grey = blend.mean(2, keepdim=True), stops.mean(2, keepdim=True)
    mean, own_mean = grey.mean(1, keepdim=True), own_grey.mean(1, keepdim=True)
    # pale palettes are lifted, so that a walk that passes one does not fade
    colourful, contrasty = (stops - own_grey).norm(dim=2), (own_grey - own_mean).abs().mean(1)
    chroma = _refreshed(
        blend - grey, p @ (0.35 * colourful.mean() + 0.65 * colourful).clamp(min=colourful.mean().item())
    )
    light = _refreshed(grey - mean, p @ (0.2 * contrasty + 0.8 * contrasty.mean()).expand(-1, STOPS))
    return _turn_hue(0.75 * mean + light + chroma, 2.4 * torch.tanh(0.5 * z[:, KNOB["hue"]]))


def _refreshed(parts: Tensor, strength: Tensor) -> Tensor:
    """[N, 6, channels] as strong as asked, [N, 6]; what has nearly cancelled out stays weaker, and smooth."""
    own = (parts.square().sum(2) + 1e-4).sqrt()
    own = own if parts.shape[2] > 1 else own.mean(1, keepdim=True)
    return parts * (strength * (1 + _SOFT) / (own + _SOFT * strength))[:, :, None]


def read(z: Tensor) -> Recipe:
    """Z [N, 64] -> what to paint."""
    z = z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()

    def knob(name: str) -> Tensor:
        return z[:, KNOB[name], None]

    family = _mix(z[:, FAMILY], _STEEP)
    morphs = [0.75 * torch.tanh(knob(name)) for name in ("morph1", "morph2")]
    morph = torch.cat([torch.ones_like(morphs[0]), *morphs], 1)
    morph = morph / morph.norm(dim=1, keepdim=True)
    contrast = _PERIOD * (1 + 0.3 * torch.tanh(knob("contrast")))
    phase = 0.5 * torch.tanh(0.8 * knob("phase"))
    angle = 0.9 * torch.tanh(knob("light")) - 2.3
    shine = torch.sigmoid(1.5 * knob("shine"))
    return Recipe(
        heights=contrast * (family[:, :, None] * morph[:, None]).flatten(1),
        phase=phase,
        spare=(ROOM - contrast.square() - phase.square()).sqrt(),
        lines=_mix(z[:, FAMILY], _STEEP),
        colours=_colours(z).flatten(1),
        light=torch.cat([angle.cos(), angle.sin()], 1),
        inks=torch.cat([torch.tanh(1.2 * knob("lines")), shine, torch.sigmoid(1.5 * knob("shade"))], 1),
    )


def widths() -> dict[str, int]:
    """How many features each part of a recipe has."""
    recipe = read(torch.zeros(1, Z_DIM) + 1)
    return {name: getattr(recipe, name).shape[1] for name in Recipe.__slots__}


HEIGHT_FEATURES = len(NAMES) * HEIGHTS

# ruff: noqa: N806 - G is what the paper and its users call a generator
"""The convolutions of a network, counted by running it."""

import pytest
import torch
from torch.nn import functional

from daemon.bench import floor
from stylegan3 import Generator, StyleGAN2Config, StyleGAN3Config

SMALL = {"channel_base": 512, "channel_max": 24}
CONFIGS = {
    "t": StyleGAN3Config(32, num_layers=5, **SMALL),
    "r": StyleGAN3Config(32, num_layers=5, conv_kernel=1, use_radial_filters=True, **SMALL),
    "skip": StyleGAN2Config(32, **SMALL),
    "resnet": StyleGAN2Config(32, architecture="resnet", **SMALL),
}


class Counted:
    """Shapes of every dense convolution while a network paints."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[tuple[int, ...]] = []
        self._monkeypatch = monkeypatch
        for name in ("conv2d", "conv_transpose2d"):
            monkeypatch.setattr(functional, name, self._watch(getattr(functional, name), name == "conv_transpose2d"))

    def _watch(self, of, up):
        def watched(x, weight, *args, groups=1, **kwargs):
            if groups == 1:
                cin, cout = weight.shape[:2] if up else weight.shape[1::-1]
                self.seen.append((cin, cout, x.shape[2], weight.shape[2], up))
            return of(x, weight, *args, groups=groups, **kwargs)

        return watched


@pytest.mark.parametrize("kind", CONFIGS)
def test_the_floor_has_the_convolutions_of_the_network_and_no_others(kind, monkeypatch) -> None:
    G = Generator(CONFIGS[kind]).eval()
    counted = Counted(monkeypatch)
    with torch.inference_mode():
        G.synthesis(torch.randn(1, G.num_ws, G.w_dim, generator=torch.Generator().manual_seed(0)))
    found = [(c.in_channels, c.out_channels, c.size, c.kernel, c.up) for c in floor.convolutions(G.config)]
    assert sorted(counted.seen) == sorted(found)


@pytest.mark.parametrize("layout", floor.LAYOUTS)
@pytest.mark.parametrize("kind", CONFIGS)
def test_what_is_timed_is_that_convolution_in_that_layout(kind, layout, monkeypatch) -> None:
    done = []

    def watched(of):
        return lambda x, *args, **kwargs: done.append((x, of(x, *args, **kwargs)))

    for call in ("conv2d", "conv_transpose2d"):
        monkeypatch.setattr(functional, call, watched(getattr(functional, call)))
    convs = floor.convolutions(CONFIGS[kind])
    for conv in convs:
        floor.ready(conv, layout)(0)
    memory = torch.contiguous_format if layout == "channels first" else torch.channels_last
    for conv, (x, y) in zip(convs, done, strict=True):
        assert (x.shape[1], x.shape[2], y.shape[1]) == (conv.in_channels, conv.size, conv.out_channels)
        side = conv.size if conv.up else y.shape[2]
        assert conv.gmac == pytest.approx(side**2 * conv.kernel**2 * conv.in_channels * conv.out_channels / 1e9)
        assert x.is_contiguous(memory_format=memory)

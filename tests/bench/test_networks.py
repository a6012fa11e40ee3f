"""Networks by name."""

import pytest
import torch
from goldens import HERE

from daemon.bench.networks import open_network, parse
from daemon.errors import BadInput, RenderError
from stylegan3 import StyleGAN2Config, StyleGAN3Config


def test_a_name_gives_the_official_sizes() -> None:
    assert parse("random:t256") == StyleGAN3Config(256)
    assert parse("random:r512") == StyleGAN3Config(
        512, channel_base=65536, channel_max=1024, conv_kernel=1, use_radial_filters=True
    )
    assert parse("random:sg2-256") == StyleGAN2Config(256)
    assert parse("random:r512").variant == "StyleGAN3-R"


def test_a_name_may_say_channels_and_layers() -> None:
    assert parse("random:t128:2048:32:10") == StyleGAN3Config(128, channel_base=2048, channel_max=32, num_layers=10)
    assert parse("random:t256:16384") == StyleGAN3Config(256, channel_base=16384)
    assert parse("random:sg2-64:1024:32") == StyleGAN2Config(64, channel_base=1024, channel_max=32)


@pytest.mark.parametrize(
    "name",
    [
        "random:", "random:t", "random:256", "random:x256", "random:t256:", "random:t256:1:2:3:4", "random:t-256",
        "random:t256:4k", "random: t256", "random:t256\n", "random:T256", "random:t\u0662\u0665\u0666", "random:sg2256",
        "random:t100", "random:t4", "random:t99999", "random:t256:1:1:99", "random:t256:0", "random:t256:99999999",
        "random:sg2-64:1024:32:10", "random:sg2-64:1", "random:t64:2048:32:2", "random:t1024:32768:512:3",
        "random:" + "t" * 5000,
    ],
)  # fmt: skip
def test_a_name_that_stands_for_none_is_refused_in_one_sentence(name: str) -> None:
    with pytest.raises(BadInput) as caught:
        open_network(name)
    said = str(caught.value)
    assert said.startswith("model: ")
    assert "random:t256:4096:64:10" in said
    assert len(said) < 400
    assert len(said.splitlines()) == 1


def test_a_random_network_is_the_same_each_time_and_leaves_the_global_generator_alone() -> None:
    before = torch.random.get_rng_state()
    a, b = (open_network("random:t16:256:16:4").G.state_dict() for _ in range(2))
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(x, y) for x, y in zip(a.values(), b.values(), strict=True))
    weights = [x for name, x in a.items() if name.endswith("weight") and "input.affine" not in name]
    assert len(weights) > 8
    assert all(float(x.std()) > 0.1 for x in weights)


def test_a_file_is_opened_by_name_or_path() -> None:
    found = open_network(str(HERE / "sg3r_64.pkl"))
    assert (found.path, found.G.variant) == (HERE / "sg3r_64.pkl", "StyleGAN3-R")
    assert not any(p.requires_grad for p in found.G.parameters())
    assert open_network("lumen-128").G.img_resolution == 128
    with pytest.raises(RenderError, match="nowhere"):
        open_network("nowhere.pkl")
    with pytest.raises(BadInput, match="there is none named 'nobody'"):
        open_network("nobody")

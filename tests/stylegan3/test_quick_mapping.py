"""The mapping network of a live show, held against the plain one."""

import pytest
import torch

from stylegan3.mapping import MappingNetwork
from stylegan3.quick_mapping import QuickMapping

CPU = torch.device("cpu")


def network(c_dim: int, layers: int) -> MappingNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = MappingNetwork(24, c_dim, 17, 5, layers, layer_features=30, embed_features=9).eval()
        for name, parameter in made.named_parameters():
            if name.endswith("bias"):
                parameter.data.normal_()
        made.w_avg.normal_()
    return made.requires_grad_(requires_grad=False)


@pytest.mark.parametrize("psi", [0.0, 0.7, 1.0, 1.5])
@pytest.mark.parametrize(("c_dim", "layers"), [(0, 2), (0, 8), (3, 2), (3, 1)])
def test_it_maps_as_the_plain_network_does(c_dim: int, layers: int, psi: float) -> None:
    plain = network(c_dim, layers)
    z = torch.randn(2, 24, generator=torch.Generator().manual_seed(1))
    c = torch.tensor([[0.0, 1.0, 0.0], [0.2, 0.0, 0.7]]) if c_dim else None
    want = plain(z, c, psi)
    got = QuickMapping(plain, CPU)(z, c, psi)
    assert got.shape == want.shape
    assert got.is_contiguous()
    assert (got - want).abs().max() < 1e-5 * want.abs().max()


def test_what_it_gave_is_the_callers() -> None:
    quick, z = QuickMapping(network(0, 2), CPU), torch.ones(1, 24)
    first = quick(z, None, 1.0)
    kept = first.clone()
    quick(-z, None, 1.0)
    assert torch.equal(first, kept)


def test_a_conditional_network_asks_for_its_classes() -> None:
    with pytest.raises(ValueError, match="conditional"):
        QuickMapping(network(3, 2), CPU)(torch.ones(1, 24), None, 1.0)

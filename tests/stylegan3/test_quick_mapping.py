"""The mapping network of a live show, held against the plain one."""

import numpy as np
import pytest
import torch

from stylegan3.mapping import MappingNetwork
from stylegan3.quick_mapping import QuickMapping


def network(c_dim: int, layers: int) -> MappingNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = MappingNetwork(24, c_dim, 17, 5, layers, layer_features=30, embed_features=9).eval()
        for name, parameter in made.named_parameters():
            if name.endswith("bias"):
                parameter.data.normal_()
        made.w_avg.normal_()
    return made.requires_grad_(requires_grad=False)


@pytest.mark.parametrize("count", [1, 2, 20])
@pytest.mark.parametrize("psi", [0.0, 0.7, 1.0, 1.5])
@pytest.mark.parametrize(("c_dim", "layers"), [(0, 2), (0, 8), (3, 2), (3, 1)])
def test_it_maps_as_the_plain_network_does(c_dim: int, layers: int, psi: float, count: int) -> None:
    plain = network(c_dim, layers)
    z = np.random.default_rng(1).standard_normal((count, 24), np.float32)
    c = np.resize(np.array([[0.0, 1.0, 0.0], [0.2, 0.0, 0.7]], np.float32), (count, 3)) if c_dim else None
    want = plain(torch.from_numpy(z), None if c is None else torch.from_numpy(c), psi).numpy()
    got = QuickMapping(plain)(z, c, psi)
    assert got.shape == want.shape
    assert got.dtype == np.float32
    assert got.flags.c_contiguous
    assert np.abs(got - want).max() < 1e-5 * np.abs(want).max()


@pytest.mark.parametrize("c_dim", [0, 3])
def test_what_a_latent_gives_does_not_depend_on_the_few_beside_it(c_dim: int) -> None:
    quick = QuickMapping(network(c_dim, 3))
    z = np.random.default_rng(2).standard_normal((5, 24), np.float32)
    c = np.random.default_rng(3).random((5, 3), np.float32) if c_dim else None
    whole = quick(z, c, 0.7)
    for i in range(5):
        one = slice(i, i + 1)
        assert np.array_equal(quick(z[one], None if c is None else c[one], 0.7), whole[one])


def test_what_it_gave_is_the_callers() -> None:
    quick, z = QuickMapping(network(0, 2)), np.ones((1, 24), np.float32)
    first = quick(z, None, 1.0)
    kept = first.copy()
    quick(-z, None, 1.0)
    assert np.array_equal(first, kept)
    assert np.array_equal(z, np.ones((1, 24), np.float32))


def test_a_conditional_network_asks_for_its_classes() -> None:
    with pytest.raises(ValueError, match="conditional"):
        QuickMapping(network(3, 2))(np.ones((1, 24), np.float32), None, 1.0)

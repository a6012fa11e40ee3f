import numpy as np
import pytest

from daemon.studio.learning import crossed, squared, train

RNG = np.random.default_rng(0)
X = RNG.standard_normal((17, 23))
Y = RNG.standard_normal((17, 64))
HOW = {"hidden": 40, "epochs": 500, "rate": 0.01, "decay": 0.0, "seed": 0}


def test_the_papers_net_learns_seventeen_pairs_by_heart():
    net = train(X, 64, squared(Y), **HOW)
    assert net.after < 1e-5 * net.before
    assert np.abs(net.give(X) - Y).max() < 0.02


def test_training_twice_gives_the_same_bits_and_another_seed_others():
    a, b, c = (train(X, 64, squared(Y), **{**HOW, "epochs": 20, "seed": seed}) for seed in (3, 3, 4))
    assert all(np.array_equal(a.weights[name], b.weights[name]) for name in a.weights)
    assert not np.array_equal(a.weights["in.weight"], c.weights["in.weight"])


def test_epochs_are_adams_as_pytorch_makes_them():
    torch = pytest.importorskip("torch")
    net = train(X, 64, squared(Y), **{**HOW, "epochs": 30})
    begin = train(X, 64, squared(Y), **{**HOW, "epochs": 0})
    w = {name: torch.tensor(value, requires_grad=True) for name, value in begin.weights.items()}
    adam = torch.optim.Adam(w.values(), lr=0.01)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(adam, 30)
    for _ in range(30):
        adam.zero_grad()
        hidden = torch.relu(torch.tensor(X) @ w["in.weight"].T + w["in.bias"])
        torch.nn.functional.mse_loss(hidden @ w["out.weight"].T + w["out.bias"], torch.tensor(Y)).backward()
        adam.step()
        falling.step()
    for name, value in w.items():
        np.testing.assert_allclose(net.weights[name], value.detach().numpy(), atol=1e-6)


@pytest.mark.parametrize("loss", [squared(Y[:, :3]), crossed(np.full((17, 3), 1 / 3), np.full(17, 1 / 17))])
def test_a_losss_gradient_is_its_slope(loss):
    given = RNG.standard_normal((17, 3))
    slope, tiny = loss(given)[1], 1e-6
    for at in [(0, 0), (5, 1), (16, 2)]:
        moved = given.copy()
        moved[at] += tiny
        assert (loss(moved)[0] - loss(given)[0]) / tiny == pytest.approx(slope[at], abs=1e-6)

import numpy as np
from spaces import LAYERS, W, Z, curved

from daemon.flow import Hand
from daemon.mapping.outside import FRESH, Outside
from daemon.mapping.space import survey
from daemon.mapping.sphere import gaussian, shell
from daemon.params import Params

SPACE = survey(*curved())
PARAMS = Params(smoothing=0.0)


def z_of(seed):
    return gaussian(seed, Z).astype(np.float32)


def ws_of(value):
    return np.full((LAYERS, W), value, np.float32)


def test_the_newest_of_z_and_ws_counts_while_it_is_fresh():
    outside, z = Outside(SPACE), z_of(5)
    hand = Hand(z=(z, 1.0), ws=(ws_of(2), 1.5))
    assert outside.place(1.6, hand, PARAMS)[1] is hand.ws[0]
    kind, ws = outside.place(1.6, Hand(z=(z, 1.55), ws=(ws_of(2), 1.5)), PARAMS)
    assert kind == "z"
    np.testing.assert_allclose(ws, SPACE.to_w(z[None], 1.0, None)[0])
    assert outside.place(1.0 + FRESH - 0.01, Hand(z=(z, 1.0)), PARAMS)[0] == "z"
    assert outside.place(1.0 + FRESH, Hand(z=(z, 1.0)), PARAMS) == ("", None)
    assert outside.place(0.99, Hand(z=(z, 1.0)), PARAMS)[0] == "z"  # it came while the tick was late
    assert outside.place(2.2, Hand(z=(z, 2.0), ws=(ws_of(2), 1.0)), PARAMS)[0] == "z"


def test_latents_for_another_model_are_left_alone():
    wrong = Hand(z=(np.ones(Z + 1, np.float32), 0.0), ws=(np.ones((LAYERS - 1, W), np.float32), 0.0))
    wrong = Hand(wrong.z, wrong.ws, (np.ones(Z + 1, np.float32), 0.0))
    assert Outside(SPACE).place(0.1, wrong, PARAMS) == ("", None)
    assert Outside(SPACE).shift(0.1, 0.1, wrong, PARAMS) is None


def test_an_offset_is_added_to_the_seeds_z():
    offset, rest = 2 * z_of(8), gaussian(3, Z)
    moved = Outside(SPACE).shift(0.1, 0.1, Hand(offset=(offset, 0.0)), Params(smoothing=0.0, seed=3, psi=0.7))
    z = np.stack([rest, shell(rest + offset)]).astype(np.float32)
    there, here = SPACE.to_w(z, 0.7, None)[::-1]
    np.testing.assert_allclose(moved, there - here, atol=1e-5)


def test_an_offset_comes_and_goes_in_the_seconds_of_all_motion():
    def path(fps):
        outside, hand, params = Outside(SPACE), Hand(offset=(z_of(8), 0.0)), Params(smoothing=0.3)
        moved = [outside.shift(1 / fps, n / fps, hand, params) for n in range(1, fps * 5)]
        return [0.0 if one is None else float(np.linalg.norm(one)) for one in moved]

    slow, fast = path(15), path(60)
    np.testing.assert_allclose(slow[:14], fast[3 : 4 * 14 : 4], rtol=1e-4)
    assert slow[0] < 0.7 * max(slow)
    assert slow[14] < slow[13]  # a second without another has gone by
    assert slow[-1] == fast[-1] == 0.0
    assert max(np.abs(np.diff(fast))) < 0.25 * max(fast)

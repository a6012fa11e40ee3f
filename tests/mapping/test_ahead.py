"""What a seed stands for is there before the render thread asks for it, and is the same whoever draws it."""

import threading

import numpy as np
import pytest

from daemon.mailbox import Mailbox
from daemon.mapping import motion, sphere, walk
from daemon.mapping.ahead import SeedsAhead
from daemon.mapping.mel import MelMapper
from daemon.params import Fade, Params

BANDS, DIMS = 8, 48
DRAWN = (sphere.gaussian, motion.projection, walk.waves)


@pytest.fixture
def forgotten():
    for one in DRAWN:
        one.cache_clear()


def to_w(z, psi, classes):
    return np.repeat(z[:, None], 4, 1)


def missed():
    return [one.cache_info().misses for one in DRAWN]


def test_a_mapper_of_a_seed_drawn_ahead_draws_nothing(forgotten):
    SeedsAhead(Mailbox(Fade.still(Params())), BANDS, lambda: DIMS).draw(7, DIMS)
    before = missed()
    MelMapper(7, BANDS, DIMS, to_w)
    assert missed() == before == [1, 1, 1]


def test_each_seed_that_is_asked_for_is_drawn_and_the_model_in_force_says_how_large(forgotten):
    params, dims, stop = Mailbox(Fade.still(Params())), [DIMS], threading.Event()
    ahead = SeedsAhead(params, BANDS, lambda: dims[0])
    thread = threading.Thread(target=ahead.loop, args=(stop,))
    thread.start()
    try:
        for seed, size in ((3, DIMS), (4, DIMS), (4, 24)):
            dims[0] = size
            count = missed()[-1]
            params.put(Fade.still(Params(seed=seed)))
            for _ in range(1000):
                if missed()[-1] > count:
                    break
                stop.wait(0.01)
            before = missed()
            MelMapper(seed, BANDS, size, to_w)
            assert missed() == before
    finally:
        stop.set()
        thread.join()


def test_what_is_drawn_once_can_be_changed_by_nobody(forgotten):
    for array in (sphere.gaussian(1, DIMS), motion.projection(1, BANDS, DIMS), *walk.waves(1, DIMS)):
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 1.0

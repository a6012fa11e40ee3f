import random

import numpy as np
import pytest

from daemon.flow import Beat, Latents, ModelFacts
from daemon.params import NOISES
from daemon.sync.body import Body, fingerprint, pack, unpack

LAYERS, W = 16, 512


def ws(distinct=1, seed=0):
    rows = np.random.default_rng(seed).standard_normal((distinct, W)).astype(np.float32)
    return rows[np.arange(LAYERS) * distinct // LAYERS]


def same(a, b):
    assert (a is None) == (b is None)
    assert a is None or (a.dtype == b.dtype and np.array_equal(a, b))


@pytest.mark.parametrize("distinct", [1, 3, 16])
@pytest.mark.parametrize("noise", NOISES)
def test_latents_come_back_bit_for_bit(distinct, noise):
    transform = np.array([[0.5, -0.2, 0.1], [0.2, 0.5, -0.3], [0, 0, 1]], np.float32)
    for placed in (None, transform):
        body = Body(Latents(ws(distinct), placed, noise), Beat(120.0, 0.25, 0.5), 12.5)
        back = unpack(pack(body), LAYERS, W)
        same(back.latents.ws, body.latents.ws)
        same(back.latents.transform, placed)
        assert (back.latents.noise, back.beat, back.heard) == (noise, body.beat, 12.5)
    assert not back.latents.ws.flags.writeable


def test_black_is_a_picture_too():
    back = unpack(pack(Body(Latents(None, None, "off"), Beat(), None)), LAYERS, W)
    assert back.latents.ws is None
    assert back.heard is None


def test_rows_that_are_alike_are_sent_once():
    sizes = [len(pack(Body(Latents(ws(n)), Beat(), None))) for n in (1, 3, 16)]
    assert [size // (4 * W) for size in sizes] == [1, 3, 16]


def test_a_body_for_another_model_is_none():
    data = pack(Body(Latents(ws(3)), Beat(), None))
    assert unpack(data, LAYERS, W) is not None
    assert unpack(data, LAYERS - 2, W) is None
    assert unpack(data, LAYERS, W // 2) is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e30])
def test_numbers_no_network_can_take_are_refused(value):
    bad = ws(1).copy()
    bad[:, 3] = value
    assert unpack(pack(Body(Latents(bad), Beat(), None)), LAYERS, W) is None
    transform = np.eye(3, dtype=np.float32)
    transform[0, 1] = value
    assert unpack(pack(Body(Latents(ws(1), transform), Beat(), None)), LAYERS, W) is None
    assert unpack(pack(Body(Latents(ws(1)), Beat(value, 0.0, 0.0), None)), LAYERS, W) is None


def test_a_transform_that_shows_one_point_is_refused():
    assert unpack(pack(Body(Latents(ws(1), np.zeros((3, 3), np.float32)), Beat(), None)), LAYERS, W) is None


def test_a_transform_that_cannot_be_crossed_from_is_refused():
    tilted = np.eye(3, dtype=np.float32)
    tilted[2, 0] = 0.1
    for matrix in (np.eye(3, dtype=np.float32)[::-1], tilted, np.diag(np.array([1, 0, 1], np.float32))):
        assert unpack(pack(Body(Latents(ws(1), matrix), Beat(), None)), LAYERS, W) is None


def test_mutated_bytes_are_a_body_or_none():
    rng = random.Random(2)
    data = pack(Body(Latents(ws(3)[:, :8], np.eye(3, dtype=np.float32)), Beat(120.0, 0.5, 1.0), 1.0))
    with np.errstate(all="ignore"):
        for _ in range(3_000):
            broken = bytearray(data)
            for _ in range(rng.randrange(1, 5)):
                broken[rng.randrange(len(broken) if rng.random() < 0.5 else 40)] = rng.randrange(256)
            back = unpack(bytes(broken[: rng.choice((len(data), rng.randrange(len(data) + 1)))]), LAYERS, 8)
            assert back is None or back.latents.ws is None or back.latents.ws.shape == (LAYERS, 8)


def test_models_are_told_apart_by_dimensions_and_mean():
    def facts(w_avg=0.0, layers=16, name="a"):
        return ModelFacts(name, 256, 512, 512, layers, np.full(512, w_avg, np.float32))

    assert fingerprint(facts()) == fingerprint(facts(name="the same file, called b"))
    assert len({fingerprint(f) for f in (facts(), facts(0.1), facts(layers=14))}) == 3

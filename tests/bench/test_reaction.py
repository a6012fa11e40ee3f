import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from daemon import offline, parts
from daemon.bench.reaction import FPS, Rig, measure, onsets, play, report
from daemon.bench.rig import hear, rig_of
from daemon.cli.bench_reaction import HEADS, react, rows
from daemon.config import Analysis, Encodec
from daemon.engine import Engine
from daemon.errors import BadInput
from daemon.features.extractor import Extractor
from daemon.flow import Block, Features, FrameFormat
from daemon.params import Fade, Params
from daemon.render.swatch import SwatchRenderer
from daemon.sinks.null import NullSink

SR = 48_000


def clap(seconds=5.0, period=1.2):
    """Bursts of noise that grow louder and die away, with a hum beneath; samples [2, T]."""
    rng = np.random.default_rng(1)
    t = np.arange(int(seconds * SR)) / SR
    burst = np.exp(-(t % period) / 0.15) * (0.2 + 0.8 * t / seconds)
    mono = 0.3 * burst * rng.standard_normal(len(t)) + 0.01 * np.sin(2 * np.pi * 110 * t)
    return np.tile(mono, (2, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def rig():
    made = rig_of("swatch", SwatchRenderer(32), Analysis(), Encodec())
    return Rig(made.space, made.make_mapper, lambda _: Extractor(SR, 960))  # no beat, fewer hops: quicker


def with_mapper(rig, kind):
    return Rig(rig.space, lambda _: kind(rig.space.facts), rig.ears)


class Samples:
    """A sound in memory, as a source."""

    sr, device, overruns = SR, None, 0

    def __init__(self, samples):
        self.samples, self.at = samples, 0

    def read(self, n):
        block = self.samples[:, self.at : self.at + n]
        self.at += block.shape[1]
        return Block(block, self.at - block.shape[1], self.at / SR) if block.shape[1] else None


class Deaf:
    """Stands where the model's average is, whatever is heard."""

    def __init__(self, facts):
        self.ws = np.tile(facts.w_avg, (facts.num_ws, 1))

    def advance(self, dt, features, params):
        return self.ws


class Late(Deaf):
    """Moves 300 ms after what is heard, by ten deviations at once."""

    def __init__(self, facts):
        super().__init__(facts)
        self.heard = [0.0] * 15

    def advance(self, dt, features, params):
        if dt > 0.03:  # only where ticks come with hops
            return self.ws
        self.heard = [*self.heard[1:], float(features.gate)]
        return self.ws + np.float32(10 * self.heard[0])


def test_a_mapper_that_hears_is_told_from_one_that_does_not(rig):
    found = report("clap", clap(), "swatch", rig, ("mel",))
    (mel,) = found.results
    assert mel.onsets >= 3
    assert mel.first_ms is not None
    assert mel.first_ms <= mel.allowed_ms == 190.0
    assert mel.first_ms <= mel.half_ms
    assert mel.reach > 0.2
    assert 0 < mel.silence.p50 < mel.sound.p95
    assert mel.limit / 2 < mel.changes.max <= mel.limit * 1.001
    assert [len(row) for row in rows(found)] == [len(HEADS)]


def test_a_deaf_mapper_and_a_late_one_are_found_out(rig):
    deaf = measure("mel", clap(), with_mapper(rig, Deaf), ())
    assert (deaf.first_ms, deaf.half_ms, deaf.reach, deaf.motion) == (None, None, None, None)
    assert deaf.sound.max == deaf.silence.max == 0.0
    late = measure("mel", clap(), with_mapper(rig, Late), ())
    assert late.first_ms == pytest.approx(320, abs=25)
    assert late.first_ms > late.allowed_ms


def test_a_mapper_that_cannot_be_had_is_left_out_with_its_reason(rig):
    def refuse(params):
        raise BadInput("mapper", ["no weights here"])

    made = report("clap", clap(4.5), "swatch", Rig(rig.space, refuse, rig.ears), ("encodec",))
    assert made.results == ()
    assert [(left.mapper, left.why) for left in made.left_out] == [("encodec", "mapper: no weights here")]


def test_onsets_are_where_the_level_jumps(rig):
    found = np.array(onsets(clap(6.0), rig.ears("mel"))) / SR
    assert len(found) >= 3
    assert np.abs((found + 0.6) % 1.2 - 0.6).max() <= 0.02


def test_the_same_latents_as_a_film(rig):

    seen = []

    class Watched(Engine):
        def tick(self, *args):
            seen.append(super().tick(*args))
            return seen[-1]

    sound, score = clap(1.0), [(0.0, Fade.still(Params())), (0.5, Fade.still(replace(Params(), seed=4)))]
    renderer = SwatchRenderer(32)
    offline.render(
        Samples(sound), rig.ears("mel"), Watched(rig.make_mapper, rig.space), renderer, NullSink(), FrameFormat(32, 32),
        FPS, Features.silence(Analysis().bands), score,
    )  # fmt: skip
    run = play(rig, sound, score, FPS)
    np.testing.assert_array_equal(run.ws, np.stack([latents.ws for latents in seen][: len(run.ws)]))


def test_a_sound_that_is_too_short_is_refused(tmp_path):
    import soundfile

    soundfile.write(tmp_path / "tick.wav", np.zeros((480, 2)), SR)
    with pytest.raises(BadInput, match="shorter than 4 s"):
        hear(tmp_path / "tick.wav", Analysis())
    assert hear(parts.DEMO_SOUND, Analysis()).shape[1] > 20 * SR


def test_the_command_listens_as_the_users_own_config_says(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("LATENTD_HOME", str(tmp_path))
    (tmp_path / "config.yaml").write_text("version: 1\nanalysis: {hop: 2400}\nencodec: {weights: /no/such/place}\n")
    monkeypatch.setattr("daemon.bench.reaction.FPS", 10.0)
    soundfile.write(tmp_path / "s.wav", clap(4.1).T, SR)
    react("swatch", tmp_path / "s.wav", json=True)
    made = json.loads(capsys.readouterr().out)
    assert made["hop_ms"] == 50
    assert any("/no/such/place" in left["why"] or "transformers" in left["why"] for left in made["left_out"])

"""The trained files that come with the package, on the sound that comes with it."""

from pathlib import Path

import numpy as np
import pytest

from daemon import document
from daemon.config import ASSETS, Analysis
from daemon.flow import Features
from daemon.mapping.clusters import softmax
from daemon.mapping.mlp import read
from daemon.parts import DEMO_SOUND, shelves
from daemon.studio.clusters import ClustersFile
from daemon.studio.hearing import hear
from daemon.studio.latents import Places, open_network
from daemon.studio.pairs import PairsFile

PAIRS, CLUSTERS = ASSETS / "pairs" / "lumen", ASSETS / "clusters" / "lumen"
SECTIONS = {"pulse": (3, 9), "melody": (9.3, 15.8), "noise": (17, 20.8), "rise": (21.3, 24), "peak": (26, 29)}  # s


@pytest.fixture(scope="module")
def heard():
    return hear(DEMO_SOUND, Analysis())


@pytest.fixture(scope="module")
def weights(heard):
    """The weights heard in each hop of sound, [N, clusters], of those with sound in them."""
    learned = read(CLUSTERS.with_suffix(".safetensors"))
    made = np.stack([softmax(row) for row in learned.infer(learned.standard(heard.smooth))])
    return lambda name, section: made[
        (heard.t >= SECTIONS[section][0]) & (heard.t < SECTIONS[section][1]) & heard.loud,
        learned.about.clusters.index(name),
    ]


def test_the_bundled_pairs_are_learnt_from_the_extractor_as_it_is(heard):
    learned = read(PAIRS.with_suffix(".safetensors"))
    file = document.read(PAIRS.with_suffix(".yaml"), PairsFile, "training file")
    places = Places(open_network("lumen"), None)
    size = np.std([places.ws("", pair.latent)[0] for pair in file.pairs], axis=0).mean()
    assert len(file.pairs) == 17
    for pair in file.pairs:
        within = (heard.t >= pair.at) & (heard.t <= pair.until) & heard.loud
        given = learned.infer(learned.standard(heard.raw[within].mean(axis=0)))
        assert np.abs(given - places.ws("", pair.latent)[0]).mean() < 0.2 * size, pair


@pytest.mark.parametrize("model", ["lumen", "lumen-128"])
def test_the_bundled_files_fit_both_bundled_models(model, tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTD_HOME", str(tmp_path))
    facts, trained = open_network(model).facts, shelves(Analysis())
    assert [learned.name for learned in trained.pairs.fitting(facts)] == ["lumen"]
    assert [learned.name for learned in trained.clusters.fitting(facts)] == ["lumen"]
    assert trained.known(facts).clusters == ("aggressive", "calm", "vibrant")


def test_clusters_lie_close_to_the_models_own_anchors():
    learned = read(CLUSTERS.with_suffix(".safetensors"))
    for anchor in open_network("lumen").facts.anchors:
        place = learned.tensors["anchors"][learned.about.clusters.index(anchor.name)]
        assert place @ anchor.z / 64 > 0.9


def test_kicks_and_noise_are_aggressive_a_melody_vibrant_and_a_chord_that_begins_calm(weights):
    mean = {s: {c: weights(c, s).mean() for c in ("aggressive", "calm", "vibrant")} for s in SECTIONS}
    assert max(mean["melody"], key=mean["melody"].get) == "vibrant"
    assert max(mean["noise"], key=mean["noise"].get) == "aggressive"
    assert max(mean["rise"], key=mean["rise"].get) == "calm"
    assert max(mean["peak"], key=mean["peak"].get) == "aggressive"
    assert mean["pulse"]["aggressive"] > 2 * mean["rise"]["aggressive"]
    assert mean["pulse"]["vibrant"] < 0.2


def test_the_picture_breathes_with_the_pulse(weights):
    heard = weights("aggressive", "pulse")
    assert np.quantile(heard, 0.9) - np.quantile(heard, 0.1) > 0.4


def test_the_training_file_names_every_cluster_of_the_model():
    file = document.read(CLUSTERS.with_suffix(".yaml"), ClustersFile, "training file")
    assert [cluster.name for cluster in file.clusters] == ["aggressive", "calm", "vibrant"]


@pytest.mark.parametrize("mapper", ["pairs", "clusters"])
def test_blocks_of_any_size_show_the_same_pictures(mapper, tmp_path, monkeypatch):
    import soundfile

    from daemon import parts
    from daemon.engine import Engine
    from daemon.mapping.space import survey
    from daemon.params import Fade, Params

    monkeypatch.setenv("LATENTD_HOME", str(tmp_path))
    sound, sr = soundfile.read(DEMO_SOUND, start=round(2.8 * 48_000), frames=48_000, dtype="float32")
    path = tmp_path / "part.wav"
    soundfile.write(path, sound, sr, "FLOAT")
    network, trained = open_network("lumen"), shelves(Analysis())
    space = survey(trained.known(network.facts), network.to_w)
    params = Params(mapper=mapper, clusters=(("aggressive", 1.0), ("calm", 1.0), ("vibrant", 1.0)))

    def play(block):
        source, extractor, heard = parts.open_file(Path(path), 48_000, loop=False), parts.extractor(Analysis()), []
        while (sound := source.read(block)) is not None:
            heard += extractor.push(sound, params)
        source.close()
        engine = Engine(parts.mapper_maker(space, 8, trained), space)
        shown = [Features.silence(8), *heard[3::4]]
        return np.stack([engine.tick(i / 25, f, Fade.still(params)).ws for i, f in enumerate(shown)])

    want = play(480)
    for block in (100, 4096):
        np.testing.assert_allclose(play(block), want, atol=1e-4 * np.ptp(want))
    assert np.abs(np.diff(want, axis=0)).max() > 0.01

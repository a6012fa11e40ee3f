import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from studio.sounds import CLUSTERS, PAIRS, write

from daemon import document
from daemon.cli import invoke
from daemon.config import Analysis
from daemon.descriptors import NAMES
from daemon.errors import BadInput
from daemon.mapping.mlp import pack, read
from daemon.mapping.sphere import gaussian, slerp
from daemon.render.swatch import SwatchRenderer
from daemon.studio.clusters import ClustersFile, train_clusters
from daemon.studio.hearing import Ears, hear
from daemon.studio.pairs import PairsFile, train_pairs

SWATCH = SwatchRenderer(16)
FACTS = SWATCH.facts


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("bench")
    write(made)
    return made


def put(folder, text, name="mine.yaml"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_pairs_are_learnt_by_heart(folder):
    report = train_pairs(put(folder, PAIRS), Analysis())
    assert report.after < 1e-5 * report.before
    assert max(fit.error for fit in report.fits) < 0.01
    assert [fit.latent for fit in report.fits] == ["seed 1", "seed 2", "calm"]
    learned, heard = report.learned, hear(folder / "sounds.wav", Analysis())
    moment = heard.raw[np.abs(heard.t - 1.5).argmin()]
    want = SWATCH.to_w(gaussian(2, 16)[None].astype(np.float32), 1.0)[0, 0]
    np.testing.assert_allclose(learned.infer(learned.standard(moment)), want, atol=0.01)
    assert learned.misfit(FACTS) == ""


def test_silence_is_not_learnt_from(folder):
    heard = hear(folder / "sounds.wav", Analysis())
    report = train_pairs(put(folder, PAIRS), Analysis())
    assert report.hops == heard.loud.sum() < 0.8 * len(heard.t)
    rows = heard.raw[heard.loud][:, [NAMES.index(name) for name in report.learned.about.descriptors]]
    np.testing.assert_allclose(report.learned.tensors["mean"], rows.mean(axis=0), rtol=1e-5, atol=1e-5)


def test_training_twice_gives_the_same_bits(folder):
    for train, text in ((train_pairs, PAIRS), (train_clusters, CLUSTERS)):
        a, b = (train(put(folder, text), Analysis()).learned for _ in range(2))
        assert pack(a) == pack(b)


def test_latents_may_be_tensors_of_a_file_beside(folder):
    rng = np.random.default_rng(1)
    tensors = {"a": rng.standard_normal(16), "b": rng.standard_normal(16), "c": rng.standard_normal((4, 16))}
    (folder / "latents.safetensors").write_bytes(
        safetensors.numpy.save({name: t.astype(np.float32) for name, t in tensors.items()})
    )
    head = "version: 1\nmodel: swatch\nlatents: latents.safetensors\npairs:\n"
    pair = "  - {{sound: sounds.wav, at: {}, latent: {{{}}}}}\n"
    given = [pair.format(0.5, "z: a"), pair.format(1.5, "w: b"), pair.format(2.5, "ws: c")]
    learned = train_pairs(put(folder, head + "".join(given)), Analysis()).learned
    assert learned.about.gives == "ws"
    heard = hear(folder / "sounds.wav", Analysis())
    for at, want in ((1.5, np.tile(tensors["b"], (4, 1))), (2.5, tensors["c"])):
        moment = heard.raw[np.abs(heard.t - at).argmin()]
        np.testing.assert_allclose(learned.infer(learned.standard(moment)).reshape(4, 16), want, atol=0.05)
    assert train_pairs(put(folder, head + "".join(given[:2])), Analysis()).learned.about.gives == "w"


def test_z_is_learnt_where_it_is_asked_for(folder):
    learned = train_pairs(put(folder, PAIRS.replace("model: swatch", "model: swatch\ngives: z")), Analysis()).learned
    heard = hear(folder / "sounds.wav", Analysis())
    moment = heard.raw[np.abs(heard.t - 1.5).argmin()]
    np.testing.assert_allclose(learned.infer(learned.standard(moment)), gaussian(2, 16), atol=0.05)


def test_the_rest_is_the_mean_of_all_pairs_or_what_the_artist_names(folder):
    mean = train_pairs(put(folder, PAIRS), Analysis()).learned.tensors["rest"]
    zs = [gaussian(1, 16), gaussian(2, 16), FACTS.anchors[1].z]
    ws = [SWATCH.to_w(np.asarray(z, np.float32)[None], 1.0)[0, 0] for z in zs]
    np.testing.assert_allclose(mean, np.mean(ws, axis=0), atol=1e-5)
    named = PAIRS.replace("model: swatch", "model: swatch\nrest: {seed: 2, psi: 0.0}")
    np.testing.assert_allclose(
        train_pairs(put(folder, named), Analysis()).learned.tensors["rest"], FACTS.w_avg, atol=1e-6
    )


def test_clusters_are_told_apart_and_lie_where_their_latents_are(folder):
    report = train_clusters(put(folder, CLUSTERS), Analysis())
    assert all(fit.right > 0.95 and fit.margin > 0.5 for fit in report.fits)
    assert report.after < 0.6 * report.before
    learned = report.learned
    assert learned.about.clusters == ("dark", "bright", "harsh")
    np.testing.assert_allclose(learned.tensors["anchors"][2], gaussian(7, 16), atol=1e-5)
    dark = learned.tensors["anchors"][0]
    want = slerp(gaussian(5, 16), slerp(gaussian(5, 16), gaussian(9, 16), 0.2), 1 / 3)  # scored 2 to 1
    np.testing.assert_allclose(dark, want, atol=1e-4)
    assert np.linalg.norm(dark) == pytest.approx(4.0, rel=1e-5)


def test_a_cluster_with_few_sounds_counts_as_much_as_one_with_many(folder):
    values = "{values: {contrast: 25, flatness: 0, onset: 0.5, zcr: 0.08, chroma_variance: 0.07}}"
    head = "version: 1\nmodel: swatch\nhidden: 2\nepochs: 150\nclusters:\n"  # too small to learn it by heart
    cluster = "  - {{name: {}, latents: [{{latent: {{seed: 1}}}}], sounds: [{}]}}\n"
    text = head + cluster.format("few", values) + cluster.format("many", ", ".join([values] * 8))
    learned = train_clusters(put(folder, text), Analysis()).learned
    few, many = learned.infer(np.random.default_rng(0).standard_normal((500, 5))).mean(axis=0)
    assert abs(few - many) < 0.7  # 0.1 as it is, 1.5 if every hop counted the same


@pytest.mark.parametrize("kind", [PairsFile, ClustersFile])
def test_the_docs_own_examples_are_training_files(kind):
    page = (Path(__file__).parents[2] / "docs" / "TRAINING.md").read_text(encoding="utf-8")
    blocks = [block.partition("```")[0] for block in page.split("```yaml\n")[1:]]
    (mine,) = [block for block in blocks if ("clusters:" in block) == (kind is ClustersFile)]
    assert document.parse(mine, kind, "docs").version == 1


PAIR_FAULTS = {
    "no such sound": (PAIRS.replace("sounds.wav, at: 1.5", "gone.wav, at: 1.5"), ["pairs.1.sound", "gone.wav"]),
    "silence": (PAIRS.replace("at: 1.5", "at: 3.6"), ["pairs.1.at", "silence"]),
    "past its end": (PAIRS.replace("at: 1.5", "at: 99"), ["pairs.1.sound", "ends at"]),
    "two latents": (PAIRS.replace("{seed: 2}", "{seed: 2, z: a}"), ["pairs.1.latent", "one of seed"]),
    "no latent": (PAIRS.replace("{seed: 2}", "{}"), ["pairs.1.latent", "one of seed"]),
    "no file of latents": (PAIRS.replace("{seed: 2}", "{z: a}"), ["pairs.1.latent", "'a'", "none"]),
    "no such anchor": (PAIRS.replace("anchor: calm", "anchor: stormy"), ["pairs.2.latent", "stormy", "vibrant"]),
    "no such class": (PAIRS.replace("{seed: 2}", "{seed: 2, class: 3}"), ["pairs.1.latent", "classes"]),
    "a psi of z": (
        PAIRS.replace("model: swatch", "model: swatch\ngives: z").replace("{seed: 2}", "{seed: 2, psi: 0.5}"),
        ["pairs.1.latent", "z alone"],
    ),
    "backwards": (PAIRS.replace("until: 0.8", "until: 0.1"), ["pairs.0", "until is not after at"]),
    "one pair": (PAIRS[: PAIRS.index("  - {sound: sounds.wav, at: 1.5")], ["pairs"]),
    "unknown key": (PAIRS + "colour: red\n", ["colour is not a known key"]),
    "another version": (PAIRS.replace("version: 1", "version: 2"), ["version"]),
    "no such model": (PAIRS.replace("model: swatch", "model: nowhere"), ["nowhere"]),
    "a latents file that is none": (
        PAIRS.replace("model: swatch", "model: swatch\nlatents: mine.yaml"), ["latents", "mine.yaml", "damaged"]
    ),
    "no such latents file": (
        PAIRS.replace("model: swatch", "model: swatch\nlatents: gone.safetensors"), ["latents", "cannot be read"]
    ),
    "not finite": (PAIRS.replace("at: 1.5", "at: .nan"), ["pairs.1.at"]),
    "an alias": (PAIRS.replace("{seed: 2}", "*a"), ["aliases"]),
}  # fmt: skip
CLUSTER_FAULTS = {
    "one cluster": (CLUSTERS[: CLUSTERS.index("  - name: bright")], ["clusters"]),
    "a name twice": (CLUSTERS.replace("name: bright", "name: dark"), ["same name"]),
    "a name no address can have": (CLUSTERS.replace("name: dark", "name: a/b"), ["clusters.0.name"]),
    "values of other descriptors": (CLUSTERS.replace("zcr: 0.08", "zing: 0.08"), ["clusters.1.sounds.1", "contrast"]),
    "no sound": (CLUSTERS.replace("[{sound: sounds.wav, at: 2.1, until: 2.9}]", "[]"), ["clusters.2.sounds"]),
    "neither sound nor values": (CLUSTERS.replace("{sound: sounds.wav, at: 2.1, until: 2.9}", "{at: 1}"), ["either"]),
    "silence": (CLUSTERS.replace("at: 2.1, until: 2.9", "at: 3.5"), ["clusters.2.sounds.0", "silence"]),
    "w": (CLUSTERS.replace("{latent: {seed: 7}}", "{latent: {w: a}}"), ["clusters.2.latents.0", "z is wanted"]),
    "a class": (CLUSTERS.replace("{latent: {seed: 7}}", "{latent: {seed: 7, class: 1}}"), ["clusters.2.latents.0"]),
}
FAULTS = [pytest.param(train_pairs, *case, id=f"pairs: {name}") for name, case in PAIR_FAULTS.items()]
FAULTS += [pytest.param(train_clusters, *case, id=f"clusters: {name}") for name, case in CLUSTER_FAULTS.items()]


@pytest.mark.parametrize(("train", "text", "words"), FAULTS)
def test_a_bad_training_file_is_refused_and_the_place_named(folder, train, text, words):
    with pytest.raises(BadInput) as refusal:
        train(put(folder, text), Analysis())
    assert all(word in str(refusal.value) for word in words), str(refusal.value)


def test_every_fault_is_named_at_once(folder):
    text = PAIRS.replace("sounds.wav, at: 1.5", "gone.wav, at: 1.5").replace("calm", "stormy").replace("0.2", "3.5")
    with pytest.raises(BadInput) as refusal:
        train_pairs(put(folder, text.replace("until: 0.8", "until: 3.9")), Analysis())
    assert len(refusal.value.faults) == 3


def test_each_sound_is_heard_once_and_another_grid_is_another_hearing(folder):
    ears = Ears(folder, Analysis(sr=44_100, hop=512))
    assert ears.hear("a", "sounds.wav") is ears.hear("b", "sounds.wav")
    assert len(ears.heard["sounds.wav"].t) == 4 * 44_100 // 512
    learned = train_pairs(put(folder, PAIRS), Analysis(sr=44_100, hop=512)).learned
    assert (learned.about.grid.sr, learned.about.grid.hop) == (44_100, 512)


@pytest.mark.parametrize(("what", "text"), [("pairs", PAIRS), ("clusters", CLUSTERS)])
def test_the_command_writes_where_live_looks_and_says_what_was_learnt(
    folder, tmp_path, monkeypatch, capsys, what, text
):
    monkeypatch.setenv("LATENTD_HOME", str(tmp_path))
    path = put(folder, text)
    assert invoke(["train", what, str(path)]) == 0
    assert "mine" in capsys.readouterr().out
    assert read(tmp_path / what / "mine.safetensors").name == "mine"
    out = tmp_path / "else" / "other.safetensors"
    assert invoke(["train", what, str(path), "--out", str(out), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["path"] == str(out)
    assert len(said[what]) == 3
    assert read(out).about.model == "swatch"
    assert [p.name for p in out.parent.iterdir()] == ["other.safetensors"]


def test_a_file_that_is_written_anew_is_another_file_so_nobody_reads_half_of_it(folder, tmp_path):
    out, held = tmp_path / "mine.safetensors", tmp_path / "held"
    out.write_bytes(b"as it was")
    held.hardlink_to(out)
    assert invoke(["train", "pairs", str(put(folder, PAIRS)), "--out", str(out)]) == 0
    assert held.read_bytes() == b"as it was"
    assert read(out).name == "mine"


def test_the_command_fails_in_one_sentence_and_leaves_what_was_there(folder, tmp_path, capfd):
    out = tmp_path / "mine.safetensors"
    out.write_bytes(b"as it was")
    assert invoke(["train", "pairs", str(put(folder, PAIRS.replace("swatch", "nowhere"))), "--out", str(out)]) == 1
    assert out.read_bytes() == b"as it was"
    assert invoke(["train", "pairs", str(put(folder, PAIRS)), "--out", str(tmp_path / "mine.pkl")]) == 1
    said = capfd.readouterr().err
    assert "must end in .safetensors" in said
    assert "Traceback" not in said

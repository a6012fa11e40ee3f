"""EnCodec's real architecture at small random weights, against what transformers makes of the whole sound at once."""

import itertools
import json
import os
import pickle
import shutil
import sys

import numpy as np
import pytest
import soxr
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from daemon.errors import BadInput
from daemon.features.encodec.embedder import DIMS, FRAME, PUBLISHED, SR, EncodecEmbedder, load, many_sounds, why_not

pytest.importorskip("transformers", reason="the extra 'encodec' is not installed: pip install 'latentd[encodec]'")

import huggingface_hub
import torch
from safetensors.torch import load_file, save_file
from transformers import EncodecConfig, EncodecModel
from transformers.utils.logging import disable_progress_bar

from daemon.features.encodec import stream, weights

SMALL = {"num_filters": 2}


def a_model(**config):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return EncodecModel(EncodecConfig(**{**SMALL, **config})).eval()


def whole(model, samples):
    """What transformers' own encoder makes of a whole sound, [frames, DIMS]."""
    with torch.inference_mode():
        return model.encoder(torch.from_numpy(samples)[None, None])[0].T.numpy()


def a_sound(seconds, sr=SR, seed=0):
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * sr)) / sr
    return (0.3 * np.sin(2 * np.pi * 220 * t * (1 + t)) + 0.1 * rng.standard_normal(len(t))).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    return a_model()


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    """The small model as transformers itself writes it."""
    path = tmp_path_factory.mktemp("encodec")
    disable_progress_bar()  # it would leave a thread behind
    model.save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def embedder_of(folder):
    """Embedders at their beginning, all of the same weights."""

    def make(sr):
        return EncodecEmbedder(weights.read(folder), sr)

    return make


CONFIGS = {
    "small": {},
    "as published": {"num_filters": 32},
    "deeper blocks": {"num_residual_layers": 3},
    "straight past": {"use_conv_shortcut": False},
    "zeros before": {"pad_mode": "constant"},
    "one lstm": {"num_lstm_layers": 1, "kernel_size": 5, "last_kernel_size": 3},
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_streamed_embeddings_are_those_of_the_whole_sound_from_the_first_on(config):
    model = a_model(**config)
    streamed = stream.Stream(model.encoder, model.config.pad_mode)
    sound = a_sound(0.6)
    expected, at, got = whole(model, sound), 0, []
    for frames in (streamed.first, 1, 1, 3, 2, 1, 7, 5, 1, 17):
        got.append(streamed.push(sound[at * FRAME : (at + frames) * FRAME]))
        at += frames
    got = np.concatenate(got)
    np.testing.assert_allclose(got, expected[: len(got)], atol=2e-5 * expected.std() + 1e-6)
    assert got.std() > 1e-3


@settings(deadline=None, max_examples=8, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(hops=st.lists(st.integers(32, 2500), min_size=1, max_size=5), sr=st.sampled_from([24_000, 44_100, 48_000]))
def test_embeddings_do_not_depend_on_the_hop(embedder_of, model, hops, sr):
    sound = a_sound(0.3, sr)
    at_sr = soxr.ResampleStream(sr, SR, 1, dtype="float32", quality="HQ", vr=True).resample_chunk(sound)
    frames = len(at_sr) // FRAME
    embedder = embedder_of(sr)
    expected = (whole(model, at_sr[: frames * FRAME]) - embedder._mean) / embedder._std
    sums = np.cumsum(np.concatenate((expected, expected**2), axis=1), axis=0)
    at, count = 0, 0
    for hop in itertools.cycle(hops):
        if at >= len(sound):
            break
        tally = embedder.push(sound[at : at + hop].astype(np.float64))
        at, count = at + hop, tally.count
        if count:
            np.testing.assert_allclose(tally.total, sums[count - 1], rtol=5e-3, atol=5e-3 * count)
    assert count in (frames - 1, frames)  # resampled in pieces, a sample or two may come later


def test_a_frame_hears_nothing_after_its_own_end(embedder_of):
    sound = a_sound(0.5, 48_000)
    other = sound.copy()
    other[12_000:] *= -0.3
    totals = []
    for heard in (sound, other):
        embedder = embedder_of(48_000)
        totals.append([embedder.push(heard[i : i + 480].astype(np.float64)).total for i in range(0, 12_000, 480)])
    for a, b in zip(*totals, strict=True):
        assert np.array_equal(a, b)


def test_an_embedding_is_there_two_hops_after_its_sound_at_most(embedder_of):
    embedder, hop, sr = embedder_of(48_000), 480, 48_000
    counts = [embedder.push(np.zeros(hop)).count for _ in range(100)]
    behind = [(n + 1) * hop / sr - count * FRAME / SR for n, count in enumerate(counts)]
    assert counts[0] == 0
    assert max(behind[12:]) < 0.020  # s: 5 ms of resampling, the rest of a frame
    assert counts[12] >= embedder._stream.first  # what was held back at the beginning is there


def test_numbers_are_of_mean_0_and_variance_1_over_many_sounds(embedder_of):
    embedder = embedder_of(SR)
    sound = many_sounds(6.0)
    tally = embedder.push(sound.astype(np.float64))
    late = soxr.ResampleStream(SR, SR, 1, dtype="float32", quality="HQ", vr=True).resample_chunk(sound)
    assert tally.count == len(late) // FRAME
    mean, square = np.split(tally.total / tally.count, 2)
    np.testing.assert_allclose(mean, 0, atol=0.05)
    np.testing.assert_allclose(square, 1, atol=0.1)


def test_what_is_handed_on_cannot_be_changed(embedder_of):
    tally = embedder_of(48_000).push(np.zeros(20_000))
    assert not tally.total.flags.writeable
    assert tally.total.shape == (2 * DIMS,)


def test_a_model_is_read_by_its_folder_or_its_file_and_by_the_names_of_2023(folder, model, tmp_path):
    old = {
        name.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        ): tensor
        for name, tensor in load_file(folder / "model.safetensors").items()
    }
    assert any(name.endswith("weight_g") for name in old)
    save_file(old, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    sound = a_sound(0.2)
    for path in (folder, folder / "model.safetensors", tmp_path):
        np.testing.assert_allclose(weights.read(path).push(sound), whole(model, sound), atol=1e-5)


def test_reading_leaves_the_worlds_random_numbers_alone(folder):
    before = torch.get_rng_state()
    load(str(folder), 48_000)
    assert torch.equal(before, torch.get_rng_state())


def _spoil(folder, name):
    """Break a good folder in one way."""
    file, config = folder / "model.safetensors", folder / "config.json"
    tensors = load_file(file)
    if name == "a pickle alone":
        (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"encoder": os.system}))
        file.unlink()
    elif name == "truncated":
        file.write_bytes(file.read_bytes()[:-1000])
    elif name == "no safetensors":
        file.write_bytes(b"\x80\x04" * 500)
    elif name == "an endless header":
        file.write_bytes(b"\xff" * 64)
    elif name == "a wrong shape":
        save_file({**tensors, "encoder.layers.0.conv.bias": torch.zeros(3)}, file)
    elif name == "a tensor short":
        del tensors["encoder.layers.13.lstm.weight_hh_l1"]
        save_file(tensors, file)
    elif name == "of another kind":
        save_file({"weight": torch.zeros(3)}, file)
    elif name == "not finite":
        save_file({**tensors, "encoder.layers.0.conv.bias": torch.full((2,), torch.nan)}, file)
    elif name == "no config at all":
        config.write_text("[" * 100_000)
    elif name == "a nested config":
        config.write_text("[" * 10_000)
    else:
        config.write_text(json.dumps({**json.loads(config.read_text()), **FOREIGN[name]}))


FOREIGN = {
    "48 kHz": {"sampling_rate": 48_000, "audio_channels": 2, "use_causal_conv": False, "norm_type": "time_group_norm"},
    "MusicGen's": {"sampling_rate": 32_000, "upsampling_ratios": [8, 5, 4, 4], "use_causal_conv": False},
    "not causal": {"use_causal_conv": False},
    "made equally loud": {"normalize": True},
    "another hop": {"upsampling_ratios": [8, 8, 4, 2]},
    "round and round": {"pad_mode": "circular"},
    "too large": {"num_filters": 1_000_000},
    "of text": {"num_filters": "many"},
    "another network": {"model_type": "bert"},
    "not to be halved": {"num_filters": 3},
}
FAULTS = {
    "a pickle alone": "pickle",
    "truncated": "half",
    "no safetensors": "no .safetensors",
    "an endless header": "no .safetensors",
    "a wrong shape": "layers.0.conv.bias is (3,), not (2,)",
    "a tensor short": "weight_hh_l1 is missing",
    "of another kind": "more",
    "not finite": "finite",
    "no config at all": "larger than 64 kB",
    "a nested config": "recursion",
    "48 kHz": "48000 Hz",
    "MusicGen's": "32000 Hz",
    "not causal": "ahead of its time",
    "made equally loud": "equally loud",
    "another hop": "512 samples",
    "round and round": "circular",
    "too large": "num_filters",
    "of text": "num_filters",
    "another network": "model_type",
    "not to be halved": "multiple",
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_cannot_be_used_is_refused_in_one_sentence(folder, tmp_path, name):
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    _spoil(tmp_path, name)
    with pytest.raises(BadInput) as fault:
        load(str(tmp_path), 48_000)
    said = str(fault.value)
    assert FAULTS[name] in said
    assert "\n" not in said
    assert len(said) < 700


def test_a_pickle_by_name_is_refused_and_not_opened(tmp_path):
    file = tmp_path / "pytorch_model.bin"
    file.write_bytes(pickle.dumps(os.getcwd))
    with pytest.raises(BadInput, match="pickle"):
        load(str(file), 48_000)
    with pytest.raises(BadInput, match="there is no "):
        load(str(tmp_path / "nowhere"), 48_000)


def test_without_the_extra_it_says_how_to_get_it(monkeypatch, folder):
    assert why_not(str(folder)) is None
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert "pip install 'latentd[encodec]'" in why_not(str(folder))
    with pytest.raises(BadInput, match="latentd\\[encodec\\]"):
        load(str(folder), 48_000)


def test_the_librarys_own_download_is_asked_for_and_found_in_its_cache(folder, tmp_path, monkeypatch):
    """Without a network: first nothing is there, then what a download would have left."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(BadInput, match=r"^EnCodec: facebook/encodec_24khz cannot be had \([^\n]+\); give a folder"):
        load(PUBLISHED, 48_000)
    kept, revision = tmp_path / "models--facebook--encodec_24khz", "0" * 40
    (kept / "refs").mkdir(parents=True)
    (kept / "refs" / "main").write_text(revision)
    shutil.copytree(folder, kept / "snapshots" / revision)
    assert isinstance(load(PUBLISHED, 48_000), EncodecEmbedder)

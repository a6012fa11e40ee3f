import runpy
import warnings
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from safetensors.numpy import load_file

from daemon.config import ASSETS, Analysis
from daemon.errors import BadInput
from daemon.features.bank import FilterBank, chroma_bank, hann, mel_bank, sine_power

TOOL = Path(__file__).parents[2] / "tools" / "make_filter_banks.py"


def librosa_filters():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(
            "librosa.filters", reason="librosa, of the dev extra, is the oracle here", exc_type=ImportError
        )


@pytest.mark.timeout(300)  # the first import of librosa compiles
@pytest.mark.parametrize("sr", [22_050, 44_100, 48_000, 96_000])
def test_the_mel_bank_is_librosas(sr):
    filters = librosa_filters()
    for bands in (1, 2, 8, 40, 64):
        theirs = filters.mel(sr=sr, n_fft=2048, n_mels=bands, fmin=20, fmax=min(16_000, sr / 2), norm=None, dtype=float)
        np.testing.assert_allclose(mel_bank(sr, 2048, bands), theirs, rtol=0, atol=1e-12)
    theirs = filters.mel(sr=sr, n_fft=1024, n_mels=40, fmin=20, fmax=10_000, dtype=float)
    np.testing.assert_allclose(mel_bank(sr, 1024, 40, 20, 10_000, unit=True), theirs, rtol=0, atol=1e-14)


@pytest.mark.timeout(300)
def test_the_stored_banks_are_what_the_tool_makes_of_librosa():
    librosa_filters()
    made, stored = runpy.run_path(str(TOOL))["banks"](), load_file(ASSETS / "banks.safetensors")
    assert made.keys() == stored.keys()
    for name, bank in made.items():
        np.testing.assert_allclose(stored[name], bank, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(("sr", "window"), [(22_050, 1024), (48_000, 1000)])
def test_a_grid_without_banks_is_refused_in_one_sentence(sr, window):
    rest = "cannot be heard; use 44100, 48000, 96000 Hz and windows of 512, 1024, 2048, 4096"
    with pytest.raises(BadInput, match=f"{sr} Hz in windows of {window} {rest}"):
        chroma_bank(sr, 2 * window)


def test_there_are_banks_for_every_grid_that_a_config_may_ask_for():
    choices = {name: get_args(field.annotation) for name, field in Analysis.model_fields.items()}
    for sr in choices["sr"]:
        for window in choices["window"]:
            assert chroma_bank(sr, 2 * window).shape == (12, window + 1)


@pytest.mark.parametrize("sr", [44_100, 48_000, 96_000])
@pytest.mark.parametrize("bands", [1, 8, 64])
def test_a_filter_bank_weighs_as_the_whole_matrix_does(sr, bands):
    weights = mel_bank(sr, 2048, bands)
    power = np.random.default_rng(bands).uniform(size=(2, 1025))
    np.testing.assert_allclose(FilterBank(weights).of(power), power @ weights.T, rtol=1e-13)
    assert FilterBank(weights).of(power[0]).shape == (bands,)


def test_a_filter_between_two_bins_hears_nothing():
    found = FilterBank(np.array([[0.0, 1.0, 2.0], [0.0, 0.0, 0.0], [3.0, 0.0, 0.0]])).of(np.array([5.0, 7.0, 11.0]))
    assert found.tolist() == [29.0, 0.0, 15.0]


def test_the_window_is_the_periodic_hann_window():
    scipy_signal = pytest.importorskip("scipy.signal")
    np.testing.assert_allclose(hann(1024), scipy_signal.windows.hann(1024, sym=False), atol=1e-15)


def test_sine_power_is_what_a_full_scale_sine_brings():
    n = np.arange(1024)
    x = np.sin(2 * np.pi * 1234.5 / 48_000 * n + 0.3) * hann(1024)
    power = np.sum(np.abs(np.fft.rfft(x, 2048)) ** 2)
    assert power == pytest.approx(sine_power(hann(1024), 2048), rel=1e-3)

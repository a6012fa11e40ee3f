import warnings

import numpy as np
import pytest

from daemon.features.bank import hann, mel_bank, sine_power


@pytest.mark.timeout(300)  # the first import of librosa compiles
@pytest.mark.parametrize("sr", [22_050, 44_100, 48_000, 96_000])
def test_the_mel_bank_is_librosas(sr):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        filters = pytest.importorskip(
            "librosa.filters", reason="librosa, of the dev extra, is the oracle here", exc_type=ImportError
        )
    theirs = filters.mel(sr=sr, n_fft=2048, n_mels=8, fmin=40, fmax=min(16_000, sr / 2), norm=None, dtype=np.float64)
    np.testing.assert_allclose(mel_bank(sr, 2048, 8), theirs, rtol=0, atol=1e-12)


def test_the_window_is_the_periodic_hann_window():
    scipy_signal = pytest.importorskip("scipy.signal")
    np.testing.assert_allclose(hann(1024), scipy_signal.windows.hann(1024, sym=False), atol=1e-15)


def test_sine_power_is_what_a_full_scale_sine_brings():
    n = np.arange(1024)
    x = np.sin(2 * np.pi * 1234.5 / 48_000 * n + 0.3) * hann(1024)
    power = np.sum(np.abs(np.fft.rfft(x, 2048)) ** 2)
    assert power == pytest.approx(sine_power(hann(1024), 2048), rel=1e-3)

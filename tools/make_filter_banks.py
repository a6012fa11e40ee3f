"""Write librosa's filter banks into the package, so that the daemon need not import it.

    python tools/make_filter_banks.py

`daemon/assets/banks.safetensors` holds `chroma/SR/N_FFT` [12, N_FFT // 2 + 1] for every rate and window that a config
may ask for, and `cosines` [13, 40]. Mel banks, of which there may be any number, are made at start by a formula
(daemon/features/bank.py), which a test holds against librosa's.
"""

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATES = (44_100, 48_000, 96_000)  # Hz
WINDOWS = (512, 1024, 2048, 4096)  # samples; each is zero-padded to twice that
MELS, MFCCS = 40, 13
OUT = Path(__file__).parents[1] / "daemon" / "assets" / "banks.safetensors"


def banks() -> dict[str, NDArray[np.floating]]:
    """Every bank by name, as librosa makes it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from librosa import filters
        from scipy.fft import dct
    grids = [(sr, 2 * window) for sr in RATES for window in WINDOWS]
    chroma = {f"chroma/{sr}/{n_fft}": filters.chroma(sr=sr, n_fft=n_fft, tuning=0.0) for sr, n_fft in grids}
    cosines = dct(np.eye(MELS), axis=0, type=2, norm="ortho")[1 : MFCCS + 1]  # as librosa.feature.mfcc does
    return {**chroma, "cosines": np.ascontiguousarray(cosines)}


def main() -> None:
    """Write them."""
    from safetensors.numpy import save_file

    save_file(banks(), OUT)
    print(f"{OUT.name}: {OUT.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()

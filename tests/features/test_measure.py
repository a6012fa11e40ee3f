"""Every descriptor against librosa 0.11 on the same frame."""

import math
import warnings

import numpy as np
import pytest

from daemon.descriptors import NAMES
from daemon.features.bank import hann, mel_bank, sine_power
from daemon.features.cepstrum import ONSET_FLOOR_DB, Onset
from daemon.features.loudness import k_weights
from daemon.features.measure import Measure, zero_crossings
from daemon.features.pitch import HIGHEST_HZ, LOWEST_HZ, UNHEARD_HZ, VOICED, Pitch
from daemon.features.spectrum import Spectrum

WINDOW = 1024
RATES = (44_100, 48_000, 96_000)
SINE = sine_power(hann(WINDOW), 2 * WINDOW)

pytestmark = pytest.mark.timeout(300)  # the first import of librosa compiles


@pytest.fixture(scope="module")
def librosa():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = pytest.importorskip("librosa", reason="librosa, of the dev extra, is the oracle here")
        found.feature.spectral_centroid(S=np.ones((3, 1)), freq=np.arange(3.0))
        found.onset.onset_strength(S=np.ones((3, 3)))
        found.yin(np.ones(2048), fmin=100, fmax=200)
    return found


def sounds(sr):
    """Names and seconds of sound of many kinds, longer than any frame."""
    t, rng = np.arange(8192) / sr, np.random.default_rng(sr)
    saw = sum(np.sin(2 * np.pi * 110 * k * t) / k for k in range(1, 40))
    return {
        "noise": 0.1 * rng.standard_normal(len(t)),
        "sine": 0.5 * np.sin(2 * np.pi * 440 * t),
        "chord": sum(0.2 * np.sin(2 * np.pi * hz * t) for hz in (261.6, 329.6, 392.0)),
        "saw": 0.2 * saw,
        "saw in noise": 0.1 * saw + 0.03 * rng.standard_normal(len(t)),
        "quiet": 1e-4 * rng.standard_normal(len(t)),
        "high": 0.3 * np.sin(2 * np.pi * 9000 * t) + 0.01 * rng.standard_normal(len(t)),
        "burst": np.where(t * sr % 4096 < 100, rng.uniform(-1, 1, len(t)), 1e-5 * saw),
    }


def measured(sr, x, before=None):
    """The descriptors of the end of a sound, by name, and what they were made from."""
    measure, spectrum, bank = Measure(sr, WINDOW, SINE), Spectrum(WINDOW), mel_bank(sr, 2 * WINDOW, 40) / SINE
    for sound in (x,) if before is None else (before, x):
        power = spectrum.mono(sound[-WINDOW:])
        log_mel = 10 * np.log10(np.maximum(bank @ power, 1e-10))
        raw = measure.step(sound[-WINDOW:], sound[-measure.pitch.frame :], power, log_mel, True)
    return dict(zip(NAMES, raw.tolist(), strict=True))


def framed(librosa, x, n_fft):
    """librosa's own magnitudes [bins, 1] of the end of a sound."""
    padded = np.pad(x[-WINDOW:], (n_fft - WINDOW) // 2)  # librosa puts a short window in the middle
    return np.abs(librosa.stft(padded, n_fft=n_fft, win_length=WINDOW, hop_length=n_fft, center=False))


@pytest.mark.parametrize("sr", RATES)
def test_the_shape_of_the_spectrum_is_librosas(librosa, sr):
    hz = librosa.fft_frequencies(sr=sr, n_fft=WINDOW)
    inside = (hz >= 20) & (hz <= 10_000)
    for name, x in sounds(sr).items():
        got, s = measured(sr, x), framed(librosa, x, WINDOW)[inside]
        at = {"S": s, "freq": hz[inside]}
        feature = librosa.feature
        expected = {
            "centroid": feature.spectral_centroid(**at),
            "spread": feature.spectral_bandwidth(**at),
            "rolloff": feature.spectral_rolloff(**at, roll_percent=0.95),
            "flatness": feature.spectral_flatness(S=s),
            "contrast": np.mean(feature.spectral_contrast(**at), axis=0, keepdims=True),
        }
        for what, value in expected.items():
            assert got[what] == pytest.approx(value.item(), rel=1e-9), (name, what)


@pytest.mark.parametrize("sr", RATES)
def test_the_shape_of_the_spectrum_is_as_published(sr):
    hz = np.arange(WINDOW // 2 + 1) * sr / WINDOW
    inside = (hz >= 20) & (hz <= 10_000)
    for name, x in sounds(sr).items():
        got = measured(sr, x)
        magnitude = np.abs(np.fft.rfft(x[-WINDOW:] * hann(WINDOW)))[inside]
        mean = np.average(hz[inside], weights=magnitude)
        second, third, fourth = (np.average((hz[inside] - mean) ** n, weights=magnitude) for n in (2, 3, 4))
        assert got["skewness"] == pytest.approx(third / second**1.5, rel=1e-9, abs=1e-9), name
        assert got["kurtosis"] == pytest.approx(fourth / second**2, rel=1e-9), name
        crest = 20 * math.log10(magnitude.max() / np.sqrt(np.mean(magnitude**2)))
        kept = np.maximum(magnitude, 1e-5)
        flatness_db = 20 * math.log10(np.exp(np.mean(np.log(kept))) / np.mean(kept))
        assert got["crest_db"] == pytest.approx(crest, abs=1e-9), name
        assert got["flatness_db"] == pytest.approx(flatness_db, abs=1e-9), name


@pytest.mark.parametrize("sr", RATES)
def test_cepstral_coefficients_are_librosas(librosa, sr):
    for name, x in sounds(sr).items():
        theirs = librosa.feature.mfcc(
            y=x[-WINDOW:], sr=sr, n_mfcc=14, n_mels=40, fmin=20, fmax=10_000, n_fft=WINDOW, hop_length=512, center=False
        )[1:, 0]
        got = measured(sr, x)
        np.testing.assert_allclose([got[f"mfcc/{i}"] for i in range(1, 14)], theirs, atol=2e-6, err_msg=name)


@pytest.mark.parametrize("sr", RATES)
def test_pitch_classes_and_their_variance_are_librosas(librosa, sr):
    for name, x in sounds(sr).items():
        s = framed(librosa, x, 2 * WINDOW) ** 2
        theirs = librosa.feature.chroma_stft(S=s, sr=sr, n_fft=2 * WINDOW, tuning=0)[:, 0]
        got = measured(sr, x)
        np.testing.assert_allclose([got[f"chroma/{i}"] for i in range(12)], theirs, atol=2e-6, err_msg=name)
        assert got["chroma_variance"] == pytest.approx(np.var(theirs), abs=2e-6), name


@pytest.mark.parametrize("sr", RATES)
def test_onset_strength_is_librosas_on_the_same_two_frames(librosa, sr):
    kinds = sounds(sr)
    for name, before in kinds.items():
        for x in kinds.values():
            mels = [
                librosa.feature.melspectrogram(
                    S=framed(librosa, y, 2 * WINDOW) ** 2, sr=sr, n_mels=40, fmin=20, fmax=16_000, norm=None
                )
                for y in (before, x)
            ]
            floor = SINE * 10 ** (ONSET_FLOOR_DB / 10)
            log_mel = librosa.power_to_db(np.hstack(mels).astype(float), ref=SINE, amin=floor, top_db=None)
            theirs = librosa.onset.onset_strength(S=log_mel, sr=sr, center=False)[-1]
            assert measured(sr, x, before)["onset"] == pytest.approx(theirs, abs=2e-5), name


@pytest.mark.parametrize("sr", RATES)
def test_zero_crossings_are_librosas(librosa, sr):
    for x in (
        *sounds(sr).values(),
        np.zeros(2000),
        np.full(2000, -1e-11),
        np.tile([1e-11, -1e-11], 1000),
        np.tile([0.0, -0.1, 0.0, 0.1], 500),
    ):
        theirs = librosa.feature.zero_crossing_rate(x[-WINDOW:], frame_length=WINDOW, hop_length=1, center=False)
        assert zero_crossings(x[-WINDOW:]) == theirs[0, 0]


@pytest.mark.parametrize("sr", RATES)
def test_pitch_is_librosas_yin(librosa, sr):
    pitch = Pitch(sr)
    tones = {hz: 0.3 * np.sin(2 * np.pi * hz * np.arange(8192) / sr) for hz in (55.0, 82.4, 196.0, 440.0, 1234.5)}
    for name, x in {**sounds(sr), **tones}.items():
        frame = x[-pitch.frame :]
        theirs = librosa.yin(frame, fmin=LOWEST_HZ, fmax=HIGHEST_HZ, sr=sr, frame_length=pitch.frame, center=False)[0]
        assert pitch.of(frame)[0] == pytest.approx(theirs, rel=1e-6), name
        if name in tones:
            assert theirs == pytest.approx(name, rel=0.03)


def test_the_last_pitch_stays_while_there_is_none():
    pitch, n = Pitch(48_000), np.arange(2048)
    noise = np.random.default_rng(2).standard_normal(2048)
    tone = np.sin(2 * np.pi * 440 / 48_000 * n)
    assert pitch.step(noise, True)[0] == UNHEARD_HZ
    hz, confidence = pitch.step(tone, True)
    assert hz == pytest.approx(440, rel=0.005)
    assert confidence > 0.9
    assert pitch.step(noise, True)[0] == hz
    assert pitch.step(noise, True)[1] < VOICED
    assert pitch.step(np.sin(2 * np.pi * 220 / 48_000 * n), False) == (hz, 0.0)
    assert pitch.step(np.zeros(2048), True)[0] == hz


def test_a_first_onset_is_measured_from_silence_and_a_steady_sound_has_none():
    onset = Onset()
    steps = [onset.step(np.full(40, level)) for level in (-30.0, -30.0, -40.0, -20.0, -95.0, -85.0)]
    assert steps == [-30.0 - ONSET_FLOOR_DB, 0.0, 0.0, 20.0, 0.0, 0.0]


def test_half_the_bands_growing_is_half_an_onset():
    onset, before = Onset(), np.full(40, -30.0)
    onset.step(before)
    assert onset.step(np.where(np.arange(40) < 20, -20.0, -50.0)) == 5.0


@pytest.mark.parametrize("sr", RATES)
def test_loudness_is_k_weighted_as_the_standard_says(sr):
    """ITU-R BS.1770: a 997 Hz sine at 0 dBFS in one channel reads -3.01 LKFS."""
    sine = {hz: np.sin(2 * np.pi * hz * np.arange(8192) / sr) for hz in (997, 10_000, 500)}
    assert measured(sr, sine[997])["loudness"] == pytest.approx(-3.01, abs=0.05)
    assert measured(sr, 0.1 * sine[997])["loudness"] == pytest.approx(-23.01, abs=0.05)
    assert measured(sr, sine[10_000])["loudness"] == pytest.approx(-3.01 + 3.3, abs=0.2)
    assert measured(sr, sine[500])["loudness"] == pytest.approx(-3.01 - 0.65, abs=0.2)


def test_k_weights_are_those_of_the_published_filters():
    from scipy.signal import freqz

    hz = np.array([20.0, 38.0, 100.0, 1000.0, 2000.0, 10_000.0, 20_000.0])
    shelf = freqz(
        [1.53512485958697, -2.69169618940638, 1.19839281085285], [1, -1.69065929318241, 0.73248077421585], hz, fs=48_000
    )
    high_pass = freqz([1, -2, 1], [1, -1.99004745483398, 0.99007225036621], hz, fs=48_000)
    np.testing.assert_allclose(k_weights(hz), np.abs(shelf[1] * high_pass[1]) ** 2, rtol=1e-9)
    assert k_weights(np.array([30_000.0])) == k_weights(np.array([24_000.0]))


def test_descriptors_say_what_they_are_named_for():
    kinds = {name: measured(48_000, x) for name, x in sounds(48_000).items()}
    assert kinds["sine"]["centroid"] == pytest.approx(440, rel=0.02)
    assert kinds["high"]["centroid"] > kinds["saw"]["centroid"] > kinds["chord"]["centroid"]
    for what in ("flatness", "flatness_db", "spread"):
        assert kinds["noise"][what] > kinds["saw"][what] > kinds["sine"][what], what
    for what in ("crest_db", "kurtosis", "pitch_confidence", "chroma_variance"):
        assert kinds["noise"][what] < kinds["sine"][what], what
    assert kinds["noise"]["zcr"] > kinds["high"]["zcr"] - 0.1 > kinds["sine"]["zcr"]
    assert kinds["saw"]["contrast"] > kinds["noise"]["contrast"]
    assert kinds["saw"]["pitch"] == pytest.approx(110, rel=0.01)
    chord = [kinds["chord"][f"chroma/{i}"] for i in range(12)]
    assert kinds["sine"]["chroma/9"] == 1.0
    assert min(chord[i] for i in (4, 7)) > max(chord[i] for i in (9, 10))


@pytest.mark.parametrize("sr", RATES)
@pytest.mark.parametrize(
    "x",
    [
        np.zeros(8192),
        np.full(8192, 1e-12),
        np.full(8192, 0.5),
        np.sign(np.sin(np.arange(8192) * 0.1)),
        np.sign(np.sin(np.arange(8192) * 0.001)) * 8.0,
        np.eye(1, 8192, 8000)[0],
        np.eye(1, 8192, 8191)[0] * 1e-7,
        np.cos(np.pi * np.arange(8192)),
        np.full(8192, 5e-324),
        np.arange(8192) / 8192,
    ],
    ids=[
        "zeros",
        "almost zeros",
        "constant",
        "square",
        "loud square",
        "click",
        "faint click",
        "nyquist",
        "denormal",
        "ramp",
    ],
)
def test_every_descriptor_of_any_sound_is_a_number(sr, x):
    with np.errstate(all="raise", under="ignore"):
        got = measured(sr, x, before=np.zeros(8192))
    assert all(map(math.isfinite, got.values()))
    assert abs(got["kurtosis"]) < 1e6
    assert 0 <= got["flatness"] <= 1 + 1e-12
    assert 0 <= got["pitch_confidence"] <= 1
    assert LOWEST_HZ * 0.95 <= got["pitch"] <= HIGHEST_HZ * 1.05

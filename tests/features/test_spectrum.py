import numpy as np
import pytest

from daemon.features.bank import hann, sine_power
from daemon.features.spectrum import Spectrum

X, Y = np.random.default_rng(5).standard_normal((2, 1024))


def plain(x):
    return np.abs(np.fft.rfft(x * hann(1024), 2048)) ** 2


def test_one_channel_gives_the_power_of_its_padded_window():
    np.testing.assert_allclose(Spectrum(1024).mono(X), plain(X), rtol=1e-9, atol=1e-9)


def test_every_other_bin_is_that_of_the_window_without_padding():
    bare = np.abs(np.fft.rfft(X * hann(1024))) ** 2
    np.testing.assert_allclose(Spectrum(1024).mono(X)[::2], bare, rtol=1e-9, atol=1e-9)


def test_one_complex_transform_gives_both_sides_and_their_mean():
    mean, sides = Spectrum(1024).stereo(X, Y)
    np.testing.assert_allclose(sides, [plain(X), plain(Y)], rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(mean, plain((X + Y) / 2), rtol=1e-8, atol=1e-8)


def test_a_silent_side_stays_silent_beside_a_loud_one():
    _, sides = Spectrum(1024).stereo(X, np.zeros(1024))
    assert sides[1].max() < sides[0].max() * 1e-28


def test_it_remembers_nothing():
    spectrum = Spectrum(1024)
    first = spectrum.mono(X)
    spectrum.mono(Y)
    spectrum.stereo(Y, Y)
    np.testing.assert_array_equal(spectrum.mono(X), first)


def test_a_full_scale_sine_has_the_power_it_says():
    sine = np.sin(2 * np.pi * 1000 / 48_000 * np.arange(1024))
    spectrum = Spectrum(1024)
    assert spectrum.mono(sine).sum() == pytest.approx(spectrum.sine, rel=1e-3)
    assert spectrum.sine == sine_power(hann(1024), 2048)

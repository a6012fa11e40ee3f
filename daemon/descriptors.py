"""What can be heard: the name, unit and usual span of every descriptor, in the order in which they are kept."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Descriptor:
    """One number about a window of sound; `low` to `high` is where music usually has it."""

    name: str
    unit: str  # "" for a ratio
    low: float
    high: float
    text: str


NOTES: Final = ("c", "c#", "d", "d#", "e", "f", "f#", "g", "g#", "a", "a#", "b")

_CEPSTRUM: Final = ((-40, 140), (-30, 80), (-10, 60), (-30, 45), (-20, 35), (-20, 30), *(((-15, 25),) * 7))  # mfcc/1..

DESCRIPTORS: Final = (
    Descriptor("loudness", "LKFS", -50, -6, "K-weighted level of the window (ITU-R BS.1770)"),
    Descriptor(
        "onset", "dB", 0.5, 6, "how much louder the spectrum became since the last hop (mean growth of 40 mel bands)"
    ),
    Descriptor("centroid", "Hz", 80, 6000, "centre of gravity of the spectrum"),
    Descriptor("spread", "Hz", 60, 3500, "its standard deviation about the centroid"),
    Descriptor("skewness", "", -1, 20, "its third standardised moment"),
    Descriptor("kurtosis", "", 1.5, 1000, "its fourth standardised moment"),
    Descriptor("rolloff", "Hz", 150, 9500, "frequency under which 95 % of the magnitude lies"),
    Descriptor("flatness", "", 0, 0.6, "geometric over arithmetic mean of the power: 0 a tone, 0.6 noise"),
    Descriptor("flatness_db", "dB", -75, -1, "the same of the magnitudes, in dB"),
    Descriptor("crest_db", "dB", 6, 23, "largest magnitude over the root mean square of the spectrum"),
    Descriptor("contrast", "dB", 8, 28, "mean over octaves of peaks against valleys"),
    Descriptor("zcr", "", 0, 0.5, "share of neighbouring samples that change sign"),
    Descriptor("pitch", "Hz", 50, 2000, "fundamental frequency (YIN); the last one while there is none"),
    Descriptor("pitch_confidence", "", 0, 1, "how periodic the sound is"),
    Descriptor("chroma_variance", "", 0, 0.1, "variance over the twelve pitch classes: harmonic against diffuse"),
    *(
        Descriptor(f"mfcc/{i}", "", *ends, f"mel-frequency cepstral coefficient {i}")
        for i, ends in enumerate(_CEPSTRUM, 1)
    ),
    *(
        Descriptor(f"chroma/{i}", "", 0.2, 1, f"power of the pitch class {n}, against the strongest")
        for i, n in enumerate(NOTES)
    ),
)
NAMES: Final = tuple(d.name for d in DESCRIPTORS)
INDEX: Final = {name: i for i, name in enumerate(NAMES)}

SETS: Final = {
    # T. Moore, "Learned Navigation of StyleGAN3 Latent Space from Audio Descriptors" (2025), section 3
    "moore23": (
        *("centroid", "spread", "skewness", "kurtosis", "rolloff", "flatness_db", "crest_db"),
        *(f"mfcc/{i}" for i in range(1, len(_CEPSTRUM) + 1)),
        *("pitch", "pitch_confidence", "loudness"),
    ),
    # N. Ragazzi, L. Botrugno, the real-time StyleGAN3 visualiser (2025), "Solution's Architecture Details"
    "ragazzi5": ("contrast", "flatness", "onset", "zcr", "chroma_variance"),
}
"""Sets of descriptors by name."""

MOST_BANDS: Final = 64
RHYTHM: Final = ("beat", "beat/phase", "beat/confidence")
LEVELS: Final = ("rms", "gate", *RHYTHM, *NAMES)
"""Every number 0..1 about the sound that a route may begin at, beside `band/0` and on."""


def is_level(name: str) -> bool:
    """Whether this names a number 0..1 about the sound."""
    head, _, tail = name.partition("/")
    is_band = head == "band" and tail.isascii() and tail.isdecimal() and len(tail) <= 2 and int(tail) < MOST_BANDS
    return name in LEVELS or is_band


def places(names: tuple[str, ...]) -> list[int]:
    """Where these descriptors are kept."""
    return [INDEX[name] for name in names]


_RHYTHM = {
    "rms": "loudness of the window, -60 dBFS to 0",
    "gate": "1 while there is sound to react to",
    "beat": "1 on the beat, falling to 0 before the next; nothing while no beat is sure",
    "beat/phase": "how far the way to the next beat is gone",
    "beat/confidence": "how sure the beat is",
}


def explained() -> tuple[tuple[str, str, str], ...]:
    """Every level by name, with the unit it is measured in and what it says."""
    plain = tuple((name, "", text) for name, text in _RHYTHM.items())
    bands = (("band/0 and on", "dB", "what is in each mel band, 20 Hz to 16 kHz, from the lowest"),)
    return (*plain, *bands, *((d.name, d.unit, d.text) for d in DESCRIPTORS))


def markdown() -> str:
    """The same as a table of documentation, and the sets by name."""
    rows = "".join(f"| `{name}` | {unit} | {text} |\n" for name, unit, text in explained())
    sets = "".join(f"| `{name}` | {', '.join(f'`{one}`' for one in names)} |\n" for name, names in SETS.items())
    head = "| level | measured in | says |\n|---|---|---|\n"
    return f"{head}{rows}\n| set | descriptors |\n|---|---|\n{sets}"

"""What somebody at the terminal sees."""

from rich.console import Console
from sinks.test_monitor import status

from daemon import screen

HEARD = {
    "rms_db": -20.0,
    "band/0": 0.0,
    "band/1": 1.0,
    "beat/bpm": 120.4,
    "beat/phase": 0.1,
    "beat/confidence": 0.8,
    "onset": 0.25,
    "centroid": 0.5,
}


def drawn(width=120, **changes):
    console = Console(width=width, color_system=None, force_terminal=False)
    with console.capture() as caught:
        console.print(screen.panel(status().model_copy(update=changes), "http://127.0.0.1:7780/"))
    return caught.get()


def test_the_facts_of_the_page_are_there_in_short():
    text = drawn(features=HEARD, params={"/latentd/show/playlist": "night"})
    for fact in ("29.9 a second", "mel", "hearth", "-20.0 dBFS", "open", "  ██", "120.4 a minute ●", "night"):
        assert fact in text, fact
    assert "onset ▂ 0.25" in text
    assert "centroid ▄ 0.50" in text
    assert "http://127.0.0.1:7780/" in text


def test_a_beat_that_is_not_sure_is_not_told():
    assert "a minute" not in drawn(features={**HEARD, "beat/confidence": 0.05})
    assert "a minute ·" in drawn(features={**HEARD, "beat/phase": 0.7})


def test_it_says_what_there_is_before_anything_was_heard_and_fits_a_narrow_terminal():
    text = drawn(width=60, features={}, params={})
    assert all(len(line) <= 60 for line in text.splitlines())
    assert "beat -" in text

"""The self-test: what comes back of the card is judged, in words; the command shows it and reads it back."""

import json
import sys
from importlib.util import find_spec
from types import SimpleNamespace
from uuid import uuid4

import numpy as np
import pytest

from daemon.cli import invoke
from daemon.cli.watching import Seen, Watch, verdict
from daemon.flow import Order
from daemon.render.card import draw
from daemon.sinks.frames import FramesSink
from daemon.status import SinkStatus

SIZE = (160, 90)


def card(count, order=Order.RGBA):
    return draw(*SIZE, count, order)


def seen(*pictures, order=Order.RGBA, lossless=True):
    made = Seen(lossless)
    for picture in pictures:
        made.look(picture, order, SIZE)
    return made


def flipped(count):
    return card(count)[::-1]


def nudged(count):
    picture = card(count)
    picture[40, 40, 0] ^= 1
    return picture


def transparent(count):
    picture = card(count)
    picture[10, 10, 3] = 254
    return picture


@pytest.mark.parametrize("order", Order)
def test_cards_that_come_back_as_they_were_are_right(order):
    made = seen(card(3, order), card(3, order), card(9, order), order=order)
    assert made.said() == ("read back 3 pictures, the same to the bit", "")


@pytest.mark.parametrize(
    ("pictures", "words"),
    [
        ([flipped(3), flipped(4)], "upside down (2 pictures)"),
        ([card(3), card(4)[..., [2, 1, 0, 3]]], "red and blue are swapped (1 picture)"),
        ([transparent(3), card(4)], "it is transparent in places (1 picture)"),
        ([nudged(3), card(4)], "not the same to the bit (1 picture)"),
        ([card(3), card(3)], "its counter stands still"),
        ([card(3), card(5), card(4)], "its counter goes back"),
        ([draw(80, 90, 3), draw(80, 90, 4)], "80 x 90 where 160 x 90 was sent (2 pictures)"),
        ([], "nothing of it could be read back"),
        ([np.zeros((90, 160, 4), np.uint8)], "no card: its corners are black"),
    ],
)
def test_what_is_wrong_is_said(pictures, words):
    _, wrong = seen(*pictures).said()
    assert words in wrong


def test_what_a_codec_loses_is_told_and_no_fault():
    said, wrong = seen(nudged(3), nudged(4), lossless=False).said()
    assert not wrong
    assert said.endswith("of 255 off in the mean")


def test_a_counter_that_begins_again_after_65536_goes_forward():
    assert seen(card(65_534), card(65_535), card(0), card(1)).said()[1] == ""


def test_a_sink_that_is_not_well_is_wrong_whatever_was_read():
    status = SinkStatus(name="spout", state="ok", about="latentd, CPU share", published=9, latency_ms=1.25)
    well = verdict(status, None)
    assert not well.wrong
    assert str(well) == (
        "spout (latentd, CPU share): ok, 9 pictures, 1.2 ms after it was painted; not read back here: look at it"
    )
    lost = verdict(
        status.model_copy(update={"state": "retrying", "last_error": "it went away"}), seen(card(1), card(2))
    )
    assert lost.wrong == "it went away"
    assert verdict(status.model_copy(update={"published": 0}), None).wrong == "it is ok and took 0 pictures"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTD_HOME", str(tmp_path / "home"))
    before = sys.getswitchinterval()
    yield tmp_path
    sys.setswitchinterval(before)


def run(folder, *more):
    return invoke(["self-test", "--size", "160x90", "--seconds", "1", "--sink", f"frames:{folder}", *more])


def test_the_command_shows_the_card_reads_it_back_and_says_what_must_be_seen(home, capsys):
    block = f"card-{uuid4().hex[:12]}"
    (home / "pictures").mkdir()
    (home / "pictures" / "holiday.png").write_bytes(b"which is nothing to do with it")
    film = ("--sink", f"video:{home / 'card.mp4'}") if find_spec("av") else ()
    assert run(home / "pictures", "--sink", f"shm:{block}", *film) == 0
    out = capsys.readouterr().out
    assert "red top left, green top right, blue bottom left, white bottom right" in out
    frames, shared, *filmed, preview = out.strip().partition("\n\n")[2].splitlines()
    assert frames.startswith(f"frames ({home / 'pictures'}): ok, ")
    assert shared.startswith(f"shm ({block}, ")
    assert preview.startswith("preview: ok, ")
    assert all(line.endswith(" pictures, the same to the bit") for line in (frames, shared, preview))
    assert len(filmed) == bool(film)
    assert all("read back " in line and line.endswith(" of 255 off in the mean") for line in filmed)


def test_a_sink_that_turns_pictures_round_fails_the_command_with_the_word_for_it(home, capsys, monkeypatch):
    publish = FramesSink.publish

    def upside_down(self, slot):
        slot.pixels[:] = slot.pixels[::-1].copy()
        return publish(self, slot)

    monkeypatch.setattr(FramesSink, "publish", upside_down)
    assert run(home / "pictures", "--json") == 1
    said = json.loads(capsys.readouterr().out)
    assert said[0]["name"] == "frames"
    assert said[0]["wrong"].startswith("upside down (")


def test_a_file_that_cannot_be_read_is_a_fault_and_not_a_crash(tmp_path):
    watch = Watch([f"frames:{tmp_path}"], SIZE)
    frames = SinkStatus(name="frames", state="ok", published=2)
    watch.show(SimpleNamespace(sinks=(frames,)), "http://127.0.0.1:9/")
    (tmp_path / "00000001.png").write_bytes(b"no picture")
    watch.end()
    (only,) = watch.verdicts()
    assert only.wrong.startswith("what was written cannot be read (")


def test_nothing_is_judged_that_was_never_shown():
    assert Watch(["auto"], SIZE).verdicts() == ()

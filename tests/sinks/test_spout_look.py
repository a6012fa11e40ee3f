"""The tool that looks at Spout on a real Windows, against the strict fake."""

import sys
from importlib.util import module_from_spec, spec_from_file_location

import numpy as np
import pytest
from sinks.fake_spout import STUB, Desk, World

from daemon.flow import FrameFormat, Order
from daemon.render.card import Card
from daemon.sinks.spout import SpoutSink
from daemon.slots import SlotRing


@pytest.fixture
def world():
    return World()


@pytest.fixture
def look(monkeypatch, world):
    """Its `look`; nothing sleeps, and each time it would the card goes on."""
    monkeypatch.setitem(sys.modules, "SpoutGL", world)
    spec = spec_from_file_location("spout_look", STUB.parents[2] / "tools" / "spout_look.py")
    tool = module_from_spec(spec)
    spec.loader.exec_module(tool)
    now = iter(range(8))
    monkeypatch.setattr(tool.time, "monotonic", lambda: next(now))
    monkeypatch.setattr(tool.time, "sleep", lambda _: tool.step())
    tool.step = lambda: None
    return tool


@pytest.fixture
def sent(world):
    sink, slot = SpoutSink("latentd", world, Desk(world)), SlotRing(1, FrameFormat(64, 48, Order.BGRA)).acquire()
    card, counts = Card(64, 48, Order.BGRA), iter(range(100))
    sink.open(slot.format)

    def send(turned=slice(None)):
        card.paint(next(counts), slot.pixels)
        slot.pixels[:] = slot.pixels[turned].copy()
        sink.publish(slot)

    send()
    return send


def test_a_card_that_comes_as_it_was_sent_is_fine(look, sent):
    look.step = sent
    assert look.look("latentd", 7) == "64 x 48, 5 different pictures, at most 0.00 of 255 off: fine: 5 times"


def test_a_card_that_comes_upside_down_is_said_to_be(look, sent):
    look.step = lambda: sent(slice(None, None, -1))
    assert "upside down: 5 times" in look.look("latentd", 7)


def test_where_nothing_comes_it_says_who_is_there(look, sent):
    assert look.look("latented", 7) == "no picture of latented came; senders are: latentd"


def test_colours_in_another_order_are_named(look, sent, world):
    def swapped():
        sent()
        name, data, order, invert = world.images[-1]
        pixels = np.frombuffer(data, np.uint8).reshape(-1, 4)[:, [2, 1, 0, 3]]
        world.images[-1] = (name, pixels.tobytes(), order, invert)

    look.step = swapped
    assert "red and blue are swapped: 5 times" in look.look("latentd", 7)

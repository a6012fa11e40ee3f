import ast
import sys
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

from daemon.errors import SinkError, SinkUnavailable
from daemon.flow import FrameFormat, Order
from daemon.sinks.ndi import NdiSink, rate
from daemon.slots import SlotRing

FORMAT = FrameFormat(8, 4, Order.BGRA)
STUBS = Path(__file__).parents[2] / "typings" / "cyndilib"


class World:
    """What a strict cyndilib saw: the order of calls is checked as the real one checks it, or crashes."""

    def __init__(self):
        self.connections, self.taken, self.takes = 0, False, True
        self.sent, self.senders, self.frames = [], [], []


class FakeFrame:
    def __init__(self):
        self.attached, self.size, self.fourcc, self.rate = False, None, None, None

    def set_resolution(self, xres, yres):
        assert not self.attached
        self.size = (xres, yres)

    def set_fourcc(self, value):
        assert not self.attached
        self.fourcc = value

    def set_frame_rate(self, value):
        assert isinstance(value, Fraction)
        self.rate = value


class FakeAudio:
    pass


def fake(world):
    class Sender:
        def __init__(self, ndi_name, ndi_groups="", clock_video=True, clock_audio=True):
            assert not clock_video
            assert not clock_audio
            self.name, self._running, self._video, self._audio = f"BOX ({ndi_name})", False, None, None
            world.senders.append(self)

        def set_video_frame(self, vf):
            assert not self._running
            self._video = vf

        def set_audio_frame(self, af):
            assert isinstance(af, FakeAudio)
            self._audio = af

        def open(self):
            assert self._video.size is not None
            assert self._video.fourcc is not None
            if world.taken:
                sys.stdout.write("caught exc: ")  # as the real one does
                assert self._audio is not None, "the real one crashes the process here"
                raise MemoryError
            self._running = self._video.attached = True
            world.frames.append(self._video)

        def close(self):
            self._running = False

        def get_num_connections(self, timeout):
            assert self._running
            assert timeout == 0, "it would wait for somebody"
            return world.connections

        def write_video_async(self, data):
            assert self._running
            assert data.shape == (4 * self._video.size[0] * self._video.size[1],)
            assert data.flags.writeable
            world.sent.append(bytes(data))
            return world.takes

    return {
        "cyndilib": {},
        "cyndilib.sender": {"Sender": Sender},
        "cyndilib.audio_frame": {"AudioSendFrame": FakeAudio},
        "cyndilib.video_frame": {"VideoSendFrame": FakeFrame},
        "cyndilib.wrapper": {},
        "cyndilib.wrapper.ndi_structs": {
            "FourCC": {name: name for name in ("BGRA", "BGRX", "RGBA", "RGBX")},
            "get_ndi_version": lambda: "NDI SDK TEST 12:51:52 Apr 13 2026 6.3.2.0",
        },
    }


@pytest.fixture
def world(monkeypatch):
    world = World()
    for module, names in fake(world).items():
        made = ModuleType(module)
        vars(made).update(names)
        monkeypatch.setitem(sys.modules, module, made)
    return world


def absent(monkeypatch):
    """As where it is not installed."""
    for module in fake(None):
        monkeypatch.setitem(sys.modules, module, None)


@pytest.fixture
def slot():
    slot = SlotRing(1, FORMAT).acquire()
    slot.pixels[:] = range(4)
    return slot


def test_a_picture_is_sent_as_it_lies_while_somebody_is_connected(world, slot):
    sink = NdiSink("latentd", 30)
    assert sink.about == "latentd"
    sink.open(FORMAT)
    assert sink.about == "BOX (latentd), NDI 6.3.2.0, see ndi.video"
    assert sink.publish(slot)
    assert (world.sent, sink.receivers()) == ([], 0)  # NDI would compress it for nobody
    world.connections = 2
    assert sink.publish(slot)
    assert (world.sent, sink.receivers()) == ([slot.pixels.tobytes()], 2)


@pytest.mark.parametrize(
    ("order", "alpha", "fourcc"),
    [
        (Order.BGRA, "opaque", "BGRX"),
        (Order.BGRA, "straight", "BGRA"),
        (Order.RGBA, "opaque", "RGBX"),
        (Order.RGBA, "straight", "RGBA"),
    ],
)
def test_alpha_is_sent_only_where_it_says_something(world, order, alpha, fourcc):
    sink = NdiSink("latentd", 60)
    assert (order, FORMAT.memory) in sink.accepts()
    sink.open(FrameFormat(12, 6, order, alpha=alpha))
    assert (world.frames[0].size, world.frames[0].fourcc, world.frames[0].rate) == ((12, 6), fourcc, 60)


@pytest.mark.parametrize(
    ("fps", "said"),
    [
        (30, Fraction(30)),
        (29.97, Fraction(30_000, 1001)),
        (30_000 / 1001, Fraction(30_000, 1001)),
        (23.976, Fraction(24_000, 1001)),
        (59.94, Fraction(60_000, 1001)),
        (60.0, Fraction(60)),
        (12.5, Fraction(25, 2)),
        (15.2, Fraction(76, 5)),
        (0.5, Fraction(1, 2)),
        (1, Fraction(1)),
    ],
)
def test_the_frame_rate_is_said_as_broadcasters_write_it(fps, said):
    assert rate(fps) == said


def test_it_opens_again_after_closing_which_is_safe_twice_and_before_opening(world, slot):
    sink = NdiSink("latentd", 30)
    sink.close()
    with pytest.raises(SinkError, match="not open"):
        sink.publish(slot)
    sink.open(FORMAT)
    sink.close()
    sink.close()
    assert sink.receivers() is None
    sink.open(FrameFormat(16, 8))
    assert [sender._running for sender in world.senders] == [False, True]


def test_a_picture_it_does_not_take_has_it_opened_again(world, slot):
    sink = NdiSink("latentd", 30)
    sink.open(FORMAT)
    world.connections, world.takes = 1, False
    with pytest.raises(SinkError, match="opening it again"):
        sink.publish(slot)


def test_a_name_that_is_taken_is_an_error_that_may_pass_and_nothing_is_printed(world, capsys):
    sink = NdiSink("latentd", 30)
    world.taken = True
    with pytest.raises(SinkError, match="one of that name") as error:
        sink.open(FORMAT)
    assert not isinstance(error.value, SinkUnavailable)
    assert capsys.readouterr().out == ""
    world.taken = False
    sink.open(FORMAT)


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "a\nb",
        "a\0b",
        "a/b",
        "a:b",
        'a"b',
        "a*b",
        "a?b",
        "a|b",
        "a<b>",
        "x" * 65,
        "\u6f22" * 61,
        " a",
        "a ",
    ],
)
def test_a_name_that_ndi_would_change_or_choke_on_is_refused_before_anything_is_loaded(monkeypatch, name):
    absent(monkeypatch)
    with pytest.raises(SinkUnavailable, match="NDI name"):
        NdiSink(name, 30).open(FORMAT)


def test_without_the_package_it_says_what_to_install(monkeypatch):
    absent(monkeypatch)
    with pytest.raises(SinkUnavailable, match=r"pip install 'latentd\[ndi\]'"):
        NdiSink("latentd", 30).open(FORMAT)


def test_a_package_that_does_not_load_is_named(world, monkeypatch):
    monkeypatch.setitem(sys.modules, "cyndilib.sender", ModuleType("cyndilib.sender"))  # half a package
    with pytest.raises(SinkUnavailable, match="does not load"):
        NdiSink("latentd", 30).open(FORMAT)


@pytest.mark.skipif(find_spec("cyndilib") is None, reason="NDI is an extra: pip install 'latentd[ndi]'")
@pytest.mark.parametrize("stub", sorted(path.relative_to(STUBS).as_posix() for path in STUBS.rglob("*.pyi")))
def test_the_stub_is_part_of_what_the_package_itself_says(stub):
    theirs = Path(find_spec("cyndilib").origin).parent / stub
    if not theirs.exists():
        assert theirs.with_suffix(".py").exists()
        assert not signatures(STUBS / stub)
        return
    said = signatures(theirs)
    for name, parameters in signatures(STUBS / stub).items():
        assert said[name] == parameters, name


def signatures(path):
    """The classes, functions, methods and class variables of a stub, with their parameters' names."""
    found = {}
    for node in ast.parse(path.read_text()).body:
        inside = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
        for item in inside:
            if isinstance(item, ast.FunctionDef):
                found[prefix + item.name] = [argument.arg for argument in item.args.args]
            elif isinstance(item, ast.Assign):
                found[prefix + item.targets[0].id] = None
    return found

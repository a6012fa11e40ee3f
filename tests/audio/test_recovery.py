"""The whole way back: a Listener on real sound servers that die, and inputs that go and come. Never restarted."""

import signal
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest
import soundfile
from audio.listening import PATIENT

from daemon.audio.device import DeviceSource
from daemon.backoff import Backoff
from daemon.clock import WallClock
from daemon.features.extractor import Extractor
from daemon.flow import Features
from daemon.live import Listener
from daemon.mailbox import Mailbox
from daemon.params import Fade, Params

pytestmark = [pytest.mark.jack, pytest.mark.timeout(120)]

SR, HOP, BANDS = 48_000, 480, 8


class Ears:
    """A listener on a thread of its own."""

    def __init__(self, host, name, stall=PATIENT):
        self.said, self.sources, clock = [], [], WallClock()
        self.features = Mailbox(Features.silence(BANDS))

        def opened(stop):
            self.sources.append(DeviceSource(name, SR, clock, stop, stall, host))
            return self.sources[-1]

        self.listener = Listener(
            f"{host}:{name}", opened, Extractor(SR, HOP, BANDS), self.features, Mailbox(Fade.still(Params())), clock,
            on_lost=self.said.append, backoff=Backoff(first=0.1, limit=0.5),
        )  # fmt: skip

    @property
    def state(self):
        return self.listener.status().state

    def until(self, fine, seconds=60):
        """Wait for what must come; how long that takes is the machine's affair."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if fine():
                return
            time.sleep(0.01)
        raise AssertionError(f"never; {self.listener.status()}, {self.said}")


@contextmanager
def listening(host, name, stall=PATIENT):
    ears, stop = Ears(host, name, stall), threading.Event()
    thread = threading.Thread(target=ears.listener.loop, args=(stop,))
    thread.start()
    try:
        yield ears
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def hum(tmp_path):
    """A second of a tone, on both sides."""
    tone = 0.3 * np.sin(2 * np.pi * 220 * np.arange(SR) / SR)
    soundfile.write(tmp_path / "hum.wav", np.stack([tone, tone], axis=1).astype(np.float32), SR, subtype="FLOAT")
    return tmp_path / "hum.wav"


def play(server, wav, name="hum"):
    return server.player(wav, name, "for ever")


def loud(ears):
    return lambda: ears.state == "ok" and ears.features.latest().gate


@pytest.mark.parametrize("host", ["jack", "portaudio"])
def test_a_server_that_is_killed_is_heard_again_when_it_is_back(jack_server, hum, host):
    jack_server.start(waits=False)
    play(jack_server, hum)
    with listening(host, "hum", stall=PATIENT if host == "jack" else 2.0) as ears:
        ears.until(loud(ears))
        jack_server.kill()
        ears.until(lambda: ears.state == "lost")
        ears.until(lambda: not ears.features.latest().gate)  # it eases to silence meanwhile
        assert ears.features.latest().heard is None
        assert "trying again in 0.1 s" in ears.said[0]
        jack_server.start(waits=False)
        play(jack_server, hum)
        ears.until(loud(ears))
        status = ears.listener.status()
        assert status.reconnects >= 1
        assert status.device == "hum"
        if host == "jack":
            assert "the JACK server has gone away" in ears.said[0]
            assert any("no JACK server answers: start one" in said for said in ears.said)


def test_a_client_that_goes_is_silent_and_not_lost_and_is_connected_again_when_it_returns(jack_server, hum, caplog):
    jack_server.start(waits=False)
    player = play(jack_server, hum)
    with listening("jack", "hum") as ears:
        ears.until(loud(ears))
        player.kill()
        player.wait()
        play(jack_server, hum, "hum2")
        ears.until(lambda: ears.state == "silent")
        ears.until(lambda: "no JACK client or port is named 'hum' now" in caplog.text)
        play(jack_server, hum)
        ears.until(loud(ears))
        assert (ears.said, len(ears.sources)) == ([], 1)


def test_an_input_that_goes_is_taken_up_again_by_name_and_never_another(jack_server, hum):
    """PortAudio keeps a vanished JACK client's input open and silent; what it opens anew must be the same one."""
    jack_server.start(waits=False)
    player = play(jack_server, hum)
    with listening("portaudio", "hum", stall=2.0) as ears:
        ears.until(loud(ears))
        player.kill()
        player.wait()
        ears.until(lambda: not ears.features.latest().gate)
        ears.sources[-1]._child.kill()  # as it is when a card is unplugged: the input is gone, the others are there
        ears.until(lambda: any("no input named 'hum'; there are: 'system'" in said for said in ears.said))
        assert ears.state == "lost"
        play(jack_server, hum)
        ears.until(loud(ears))
        assert ears.listener.status().reconnects >= 1


def test_no_callbacks_are_stalled_and_then_lost_and_the_sound_that_was_missed_is_counted(jack_server, hum):
    jack_server.start(waits=False)
    play(jack_server, hum)
    with listening("jack", "hum") as ears:
        ears.until(loud(ears))
        source = ears.sources[-1]
        source._child._process.send_signal(signal.SIGSTOP)
        ears.until(lambda: ears.state == "stalled")
        source._child._process.send_signal(signal.SIGCONT)
        ears.until(loud(ears))
        ears.until(lambda: ears.listener.status().overruns > 0)
        assert len(ears.sources) == 1
        source._stall = 1.0
        source._child._process.send_signal(signal.SIGSTOP)
        ears.until(lambda: ears.state == "lost")
        assert "no sound has come from 'hum'" in ears.said[0]
        ears.until(loud(ears))
        assert len(ears.sources) == 2


def test_a_reader_that_stands_still_loses_the_oldest_and_counts_it(jack_server, hum):
    jack_server.start(waits=False)
    play(jack_server, hum)
    with listening("jack", "hum") as ears:
        ears.until(loud(ears))
        hear, held = ears.listener.hear, threading.Event()

        def stand_still(block):
            held.wait(PATIENT)
            hear(block)

        ears.listener.hear = stand_still
        ears.until(lambda: ears.listener.status().overruns > 0)
        assert ears.sources[0]._sound._end - ears.sources[0]._sound._first <= 2 * SR
        held.set()
        ears.until(loud(ears))
        assert len(ears.sources) == 1

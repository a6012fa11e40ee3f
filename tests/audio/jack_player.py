"""A JACK client that plays a wav file once, each time it is told to on its standard input, or with `for ever` at once
and round and round; not a test.
"""

import sys
from pathlib import Path

import jack
import soundfile


def main(wav: Path, name: str, endless: bool) -> None:
    sound, sr = soundfile.read(wav, dtype="float32", always_2d=True)
    client = jack.Client(name, no_start_server=True)
    assert client.samplerate == sr
    ports = [client.outports.register(f"out_{i + 1}") for i in range(sound.shape[1])]
    at = 0 if endless else len(sound)

    @client.set_process_callback
    def process(frames):
        nonlocal at
        part = sound.take(range(at, at + frames), 0, mode="wrap") if endless else sound[at : at + frames]
        at += len(part)
        for channel, port in enumerate(ports):
            out = port.get_array()
            out[:] = 0
            out[: len(part)] = part[:, channel]

    with client:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        for _ in sys.stdin:
            at = 0


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], endless=sys.argv[3:] == ["for ever"])

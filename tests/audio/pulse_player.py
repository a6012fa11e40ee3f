"""A PulseAudio client that plays half a second of silence, a wav file and silence for ever, from the moment it is told
to on its standard input; not a test.
"""

import sys
from pathlib import Path

import numpy as np
import soundcard
import soundfile


def main(wav: Path, sink: str) -> None:
    sound, sr = soundfile.read(wav, dtype="float32", always_2d=True)
    silence = np.zeros((sr // 2, sound.shape[1]), np.float32)
    speaker = next(s for s in soundcard.all_speakers() if s.id == sink)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    # a buffer of two seconds begins to play when it is full: by then the whole sound is in it, and cannot be cut
    with speaker.player(samplerate=sr, channels=sound.shape[1], blocksize=2 * sr) as player:
        player.play(np.concatenate([silence, sound, silence]))
        while True:
            player.play(silence)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])

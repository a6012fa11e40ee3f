"""What a source of tempo is."""

from typing import Protocol

from daemon.flow import F64, Beat

MEL_BANDS = 40  # of the log-mel spectrum it hears, 20 Hz to 16 kHz
FLOOR_DB = -100.0  # of that spectrum, re a full-scale sine


class Tempo(Protocol):
    """Finds the beat, one hop at a time."""

    def step(self, log_mel: F64, heard: float, gate: bool, ahead: float) -> Beat:
        """Where the music is in its beat after one more hop.

        Args:
            log_mel: [MEL_BANDS] dB of power in mel bands over the window that ends with this hop.
            heard: s on the clock when the hop's last sample arrived.
            gate: whether there is sound; while there is none the beat goes on by itself and its confidence falls.
            ahead: s from `heard` to the moment the beat is wanted for.
        """
        ...

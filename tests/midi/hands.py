"""A bridge from the lines of a mapping, and the messages of a controller."""

from daemon.midi import mapping
from daemon.midi.bridge import Bridge


def bridge(*controls, lights="", **head):
    """A bridge that plays these controls, each as a mapping's line has it."""
    lines = "".join(f"  - {{{line}}}\n" for line in controls)
    extra = "".join(f"{key}: {value}\n" for key, value in head.items())
    return Bridge(mapping.parse(f"version: 1\n{extra}controls:\n{lines}{lights}", "test"))


def cc(number, value, channel=1):
    return bytes((0xB0 + channel - 1, number, value))


def note(number, velocity, channel=1):
    return bytes((0x90 + channel - 1, number, velocity))

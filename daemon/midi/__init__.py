"""MIDI controllers bridged to OSC: a process of its own that knows of the daemon only what its OSC says."""

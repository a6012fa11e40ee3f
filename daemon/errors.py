"""Every exception we raise.

```
LatentdError               one sentence that says what to do; the command line prints it and exits 1
├── BadInput               a file or an option that cannot be used: every fault is named, the last good state stays
├── SourceError            sound was lost; opening again may help
│   └── SourceUnavailable  this source cannot work here, and says why
├── SinkError              a sink was lost; opening again may help
│   └── SinkUnavailable    this sink cannot work here, and says why
├── RenderError            a model or a device that cannot render
│   └── DeviceFull         a device without memory for a picture (device.py); the next one may find some
└── Fatal                  the process cannot go on (a thread that will not stop)
    └── DeviceLost         the GPU is gone for this process: exit code 75, a new process may find it again
```

`stylegan3` knows nothing of this package: its CheckpointError becomes a RenderError in render/.
"""

from collections.abc import Sequence


class LatentdError(Exception):
    """The root: its text is one sentence for the person at the keyboard."""

    exit_code = 1  # of the process


class BadInput(LatentdError):
    """Input with faults, all of them in `faults`."""

    def __init__(self, what: str, faults: Sequence[str]) -> None:
        super().__init__(f"{what}: " + "; ".join(faults))
        self.faults = tuple(faults)


class SourceError(LatentdError):
    """Sound stopped coming."""


class SourceUnavailable(SourceError):
    """This source can never work as asked."""


class SinkError(LatentdError):
    """A sink lost its receiver or its device."""


class SinkUnavailable(SinkError):
    """This sink can never work as asked."""


class RenderError(LatentdError):
    """A renderer cannot be built."""


class Fatal(LatentdError):
    """The process cannot go on; whatever started it has to start it again."""


class DeviceLost(Fatal):
    """A GPU that does nothing more for this process, whatever it is asked."""

    exit_code = 75  # EX_TEMPFAIL of sysexits.h: whoever started it may try again

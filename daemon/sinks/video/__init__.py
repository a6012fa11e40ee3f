"""Pictures, and the sound of a file that is heard, as a film."""

from daemon.sinks.video.sink import VideoSink

__all__ = ["VideoSink"]

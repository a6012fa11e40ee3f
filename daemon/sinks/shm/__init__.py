"""Pictures in memory that other programs on this machine may read; docs/SHM.md says how."""

from daemon.sinks.shm.sink import ShmSink

__all__ = ["ShmSink"]

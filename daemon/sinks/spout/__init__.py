"""Spout: pictures to TouchDesigner and others on the same Windows machine, through host memory or without it."""

from daemon.sinks.spout.sink import SpoutSink

__all__ = ["SpoutSink"]

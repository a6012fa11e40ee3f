"""A GPU measured: it works on its own, so it is timed by its own clock and never waited for inside a slice."""

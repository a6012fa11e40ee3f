"""The sound systems: each is loaded in the capture process alone."""

"""The one exception this package raises for a file it cannot use."""


class CheckpointError(Exception):
    """A checkpoint that cannot be read: its text is one sentence that says why and what to do."""

"""What this package raises for what it is given and cannot use; each text is a sentence that says why."""


class CheckpointError(Exception):
    """A checkpoint that cannot be read: its text is one sentence that says why and what to do."""


class EngineError(Exception):
    """An engine that is not there for a network on this machine, or does not paint it right."""

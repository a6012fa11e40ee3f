"""What every embedder is: sound in, a running sum of what a network hears in it out."""

from typing import Protocol

from daemon.flow import F64, Tally


class Embedder(Protocol):
    """A causal network that listens along; one stream, one thread, nothing queued."""

    def push(self, samples: F64) -> Tally:
        """One hop of mono sound [hop] at the extractor's rate; the sum of all embeddings so far, [dims]."""
        ...

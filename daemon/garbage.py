"""Python's garbage collector, kept from stopping pictures.

A full collection looks at every object there is, with the interpreter held: some 240,000 once PyTorch is imported, for
100 to 150 ms, which is four pictures at 30 a second. What is there when the show begins stays until it ends, so it is
set aside; from then on a collection sees only what was made since.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def set_aside() -> Iterator[None]:
    """What is made meanwhile, and before, is not looked at again; what nobody holds is freed all the same."""
    gc.disable()  # importing PyTorch would set it off several times
    try:
        yield
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()

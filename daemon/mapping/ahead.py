"""What a seed stands for, drawn before the render thread asks: another seed is another mapper, made within a tick."""

from collections.abc import Callable
from threading import Event

from daemon.mailbox import Mailbox
from daemon.mapping.motion import projection
from daemon.mapping.sphere import gaussian
from daemon.mapping.walk import waves
from daemon.params import Fade

_LOOK = 0.2  # s between two looks whether it is to end


class SeedsAhead:
    """Its thread: draws what is remembered by those who draw, a seed that is asked for at a time, the newest.

    Whoever comes before it draws for itself, and gets the same.
    """

    def __init__(self, params: Mailbox[Fade], bands: int, dims: Callable[[], int]) -> None:
        """`bands`: of sound. `dims`: of z, in the model in force."""
        self.name = "seeds"
        self._params, self._bands, self._dims = params, bands, dims

    def loop(self, stop: Event) -> None:
        """Until stopped."""
        seen, drawn = 0, None
        while not stop.is_set():
            if (newer := self._params.newer(seen, _LOOK)) is None:
                continue
            seen, fade = newer
            wanted = fade.end.seed, self._dims()
            if wanted != drawn:
                self.draw(*wanted)
                drawn = wanted

    def draw(self, seed: int, dims: int) -> None:
        """Everything that a mapper of this seed will ask for."""
        gaussian(seed, dims)
        projection(seed, self._bands, dims)
        waves(seed, dims)

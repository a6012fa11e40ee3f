"""When a model is judged too much for a machine, and when not."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from daemon.render.overload import CALM, RELIEF, SHARE, SUSTAINED, Overload


class Watched:
    """Frames in a row, each as long as it is told to take; a late one delays the next."""

    def __init__(self, fps):
        self.overload, self.fps, self.now = Overload(fps), fps, 100.0

    def frames(self, share):
        """A frame that takes this share of its period; whether it is time to step down."""
        self.now += max(1.0, share) / self.fps
        self.overload.frame(self.now, share / self.fps)
        return self.overload._due

    def until_due(self, share, longest):
        """Seconds of frames like this until it is time to step down; None when it never is."""
        began = self.now
        while self.now - began < longest:
            if self.frames(share):
                return self.now - began
        return None

    def calm(self):
        began = self.now
        while self.now - began < CALM:
            self.frames(0.3)


rates = st.floats(10.0, 120.0)


@settings(max_examples=30, deadline=None)
@given(rates, st.floats(0.85, 6.0))
def test_a_sustained_overload_is_seen_after_its_three_seconds(fps, share):
    watched = Watched(fps)
    watched.calm()
    took = watched.until_due(share, 30.0)
    assert took is not None
    assert SUSTAINED <= took < SUSTAINED + 3.0


@settings(max_examples=30, deadline=None)
@given(rates, st.lists(st.floats(0.0, SHARE), min_size=200, max_size=600))
def test_frames_that_leave_room_are_never_too_much(fps, shares):
    watched = Watched(fps)
    watched.calm()
    assert not any(watched.frames(share) for share in shares)


@settings(max_examples=30, deadline=None)
@given(rates, st.floats(1.0, 60.0), st.floats(0.0, 0.6), st.integers(1, 2))
def test_a_hitch_is_not_an_overload(fps, hitch, share, times):
    assume(hitch * times / fps < 2.0)
    watched = Watched(fps)
    watched.calm()
    for _ in range(times):
        assert not watched.frames(hitch)
    assert watched.until_due(share, 8.0) is None


def test_nothing_is_judged_at_the_start_during_a_load_or_soon_after_it():
    watched = Watched(30.0)
    watched.frames(1.5)
    took = watched.until_due(1.5, 60.0)
    assert took >= CALM
    watched.overload.loading = True
    assert watched.until_due(1.5, 30.0) is None
    watched.overload.loading = False
    assert watched.until_due(1.5, 60.0) >= CALM


def test_it_is_said_once_and_again_only_when_it_has_lasted_as_long_again():
    watched = Watched(30.0)
    watched.calm()
    assert not watched.overload.take()
    assert watched.until_due(1.0, 20.0)
    assert watched.overload.take()
    assert not watched.overload.take()
    assert watched.until_due(1.0, 20.0) >= SUSTAINED


def test_between_relief_and_too_much_what_was_is_kept():
    watched = Watched(30.0)
    watched.calm()
    assert watched.until_due((SHARE + RELIEF) / 2, 20.0) is None  # not enough to begin
    for _ in range(60):
        watched.frames(1.0)
    assert watched.until_due((SHARE + RELIEF) / 2, 20.0) is not None  # but enough to go on
    assert watched.until_due(0.5, 3.0) is not None  # said, not yet taken
    for _ in range(90):
        watched.frames(0.3)
    assert not watched.overload.take()  # relieved before anybody acted

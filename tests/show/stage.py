"""A stage that does what it is told, strictly, and a clock to walk through days."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from daemon import document
from daemon.show.dark import Answer
from daemon.show.section import ShowSection
from daemon.show.show import Cue, Facts, Show

TOUCH = ("10.0.0.7", 50_000)  # where a TouchDesigner sends from
NAMES = ("a", "b", "c", "d", "idle")


def plan(text):
    return document.parse(text, ShowSection, "show").plan()


@dataclass
class Stage:
    """The picture that a show drives, seen once a second or as seldom as a test likes."""

    show: Show
    begin: datetime = datetime(2026, 6, 1, 12, tzinfo=UTC)  # a Monday
    names: tuple[str, ...] = NAMES
    t: float = 0.0
    set_by: float = 0.0  # s that somebody has set the wall's clock ahead
    sound: float | None = 0.0  # since when there is sound; None is silence
    quiet: float = 0.0  # since when there is silence
    fading: bool = False
    picture: str | None = None
    black: bool = False
    cues: list[tuple[float, Cue]] = field(default_factory=list)

    def look(self):
        """One look of the show; what it says is done."""
        self.show.ripen(self.t)
        wall = datetime.fromtimestamp(self.begin.timestamp() + self.t + self.set_by, UTC)
        silence = self.t - self.quiet if self.sound is None else 0.0
        sound = self.t - self.sound if self.sound is not None else 0.0
        cue = self.show.at(wall, self.t, Facts(self.names, silence, sound, self.fading))
        if cue is None:
            return
        assert cue.preset is not None or cue.blackout is not None
        if cue.preset is not None:
            assert cue.preset in self.names
            self.picture = cue.preset
        if cue.blackout is not None:
            assert cue.blackout is not self.black, "the switch is there already"
            self.black = cue.blackout
        self.cues.append((self.t, cue))

    def go(self, seconds, step=1.0):
        """Time passes."""
        end = self.t + seconds
        while self.t < end:
            self.t = min(self.t + step, end)
            self.look()
        return self

    def be_silent(self):
        self.sound, self.quiet = None, self.t

    def be_heard(self):
        self.sound = self.t

    def recall(self, name):
        """Somebody recalls a preset by hand."""
        self.picture = name
        self.show.take_over()

    def switch(self, on, sender=None):
        """Somebody switches blackout by hand, without a sender at the page; or a stream does."""
        match self.show.darken(on, self.t, sender):
            case Answer.SWITCH:
                self.black = on
            case Answer.WAIT:
                self.show.wait(sender, "/latentd/blackout", self.t, lambda t: self.lift(t, sender))

    def lift(self, t, sender):
        """What waited was no stream."""
        if self.show.lift(t, sender):
            self.black = False

    def stream(self, seconds, *switches, sender=TOUCH, rate=60, look=0.2):
        """Time passes while a controller sends all it has, all the time."""
        end, looked = self.t + seconds, self.t
        while self.t < end - 1e-9:
            self.t += 1 / rate
            for on in switches:
                self.switch(on, sender)
            if self.t - looked >= look:
                looked = self.t
                self.look()

    def taken(self):
        """The cues since the last time this was asked."""
        cues, self.cues = self.cues, []
        return [cue for _, cue in cues]


def stage(text, **kwargs):
    made = Stage(Show(plan(text)), **kwargs)
    made.look()
    return made

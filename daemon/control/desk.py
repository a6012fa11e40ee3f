"""One message in, state changed or a named refusal out. No sockets, no clock."""

from collections.abc import Callable, Collection, Sequence
from functools import partial

from daemon.control.acts import Models, acts, missing
from daemon.control.answer import Outcome
from daemon.control.board import Bank, Board
from daemon.control.misfits import misfits
from daemon.control.osc import Message
from daemon.control.presses import Sender
from daemon.control.refusal import Code, Refusal, quoted
from daemon.control.showing import told
from daemon.control.standing import Standing
from daemon.control.table import PREFIX, Kind, Row, rows
from daemon.descriptors import LEVELS
from daemon.flow import Dims, Hand, Traits
from daemon.params import TARGETS, Curve, Fade, Params
from daemon.preset import Asked
from daemon.show.plan import Plan
from daemon.show.show import Cue, Show

_CLUSTER = PREFIX + "cluster/"
_UNKNOWN, _made = Code.UNKNOWN, tuple.__new__  # as quick as it goes: a flood asks for nothing else
STANDARD, STANDARD_DIMS = Traits(), Dims()


def _silent(text: str) -> None:
    """Nobody to tell."""


class Desk:
    """The board and the one dict from address to act. Raises `BadInput` for clusters that cannot be addressed."""

    def __init__(
        self,
        bank: Bank,
        fade: Fade,
        preset: str | None,
        clusters: Sequence[str],
        traits: Traits = STANDARD,
        model: str = "",
        models: Models = tuple,
        pairings: Models = tuple,
        dims: Dims = STANDARD_DIMS,
        bands: int = 8,
        on_misfit: Callable[[str], None] = _silent,
        show: Show | None = None,
        asked: Asked | None = None,
    ) -> None:
        """`on_misfit`: told in one sentence what a preset asks for and the model in force has not got.

        `show`: what /latentd/show/* is for, and who is told of a hand on presets and blackout. `asked`: the model that
        was asked for, where it is not the fade's.
        """
        self._show = show or Show(Plan())
        self._bands, self._on_misfit = bands, on_misfit
        self._misfit = ""  # told last
        self._board, self._models, self._pairings = Board(bank, fade, preset, asked), models, pairings
        self._wishes = self._board.wishes
        self._fit(clusters, traits, model, dims)
        self._standing = self.standing()

    def fit(self, clusters: Sequence[str], traits: Traits, model: str, dims: Dims = STANDARD_DIMS) -> None:
        """Another model of this name: its clusters are the ones addressed, and what it has not got is refused."""
        self._fit(clusters, traits, model, dims)
        self._tell_misfits()

    def _fit(self, clusters: Sequence[str], traits: Traits, model: str, dims: Dims) -> None:
        self._board.model, self._board.traits = model, traits
        self._of_model, self._dims = tuple(clusters), dims
        self._address()

    def _address(self) -> None:
        """Make the table: of the model's clusters, and those that the preset in force places itself."""
        self._places = tuple(place.name for place in self._board.fade.end.anchors)
        self.table = rows(dict.fromkeys((*self._of_model, *self._places)), self._bands)
        self._valued = tuple(row for row in self.table if row.valued)
        self._clusters = tuple(row.key for row in self.table if row.kind is Kind.WEIGHT)
        traits = self._board.traits
        self._acts = acts(self._board, self.table, traits, self._models, self._pairings, self._dims, self._show)
        self._known = tuple(self._acts)

    def reload(self, changed: Collection[str], now: float) -> None:
        """These presets are others than before: the one in force is recalled anew, with its own fade."""
        board = self._board
        if board.preset is not None and board.preset in changed and board.index() >= 0:
            board.recall(board.preset, now, None)
            self._follow()

    def misfits(self) -> str:
        """What is asked for and the model in force has not got, as one sentence; empty where it has all of it."""
        board = self._board
        found = misfits(board.fade.end, board.traits, self._dims, self._clusters)
        who, model = board.preset or "what is set", board.model or board.traits.variant
        return f"{who} asks {model} for what it has not got: {'; '.join(found)}" if found else ""

    def _follow(self) -> None:
        """A recall has changed the params: address its places, and say what the model lacks, if it stays the model."""
        self._board.recalled, end = False, self._board.fade.end
        if tuple(place.name for place in end.anchors) != self._places:
            self._address()
        if end.model in ("", self._board.model):  # else it is being made ready, and told when it is there
            self._tell_misfits()

    def _tell_misfits(self) -> None:
        text = self.misfits()
        if text and text != self._misfit:
            self._on_misfit(text)
        self._misfit = text

    def stay(self, wanted: str, current: str) -> None:
        """The model asked for cannot be had: this one goes on, unless another has been asked for meanwhile."""
        if self._board.stay(wanted, current):
            self._tell_misfits()

    def unsave(self, name: str) -> None:
        """A preset that was saved could not be kept after all."""
        self._board.unsave(name)

    def take_up(self, params: Params, preset: str | None, now: float, seconds: float, curve: Curve) -> None:
        """Fade to what another daemon has set."""
        self._board.take_up(params, preset, now, seconds, curve)
        if self._board.recalled:
            self._follow()

    def apply(self, message: Message, now: float, sender: Sender = "") -> Outcome:
        """Do what the message asks at clock time `now`; a refusal changed nothing.

        What one `sender` says again and again is done once where it matters; each word of None is a wish of its own.
        """
        self._wishes.sender = sender
        act = self._acts.get(message.address)
        outcome = self._unknown(message.address) if act is None else act(message, now)
        if self._board.recalled:
            self._follow()
        return outcome

    def cue(self, cue: Cue, now: float) -> str | None:
        """Do what the show asks for, as over OSC; the sentence that says why not, if not."""
        refusal = self._board.recall(cue.preset, now, cue.fade) if cue.preset is not None else None
        if cue.blackout is not None:
            self._board.fields["blackout"] = cue.blackout
        if self._board.recalled:
            self._follow()
        return None if refusal is None else refusal.text

    @property
    def fade(self) -> Fade:
        """The params with everything applied so far; the same object while nothing changes."""
        return self._board.fade

    @property
    def hand(self) -> Hand:
        """Latents from outside, as they came last; the same object while none comes."""
        return self._board.hand

    @property
    def asked(self) -> Asked:
        """The model that was asked for, whatever renders."""
        return self._board.asked

    @property
    def preset(self) -> str | None:
        """The preset last recalled or saved."""
        return self._board.preset

    def choices(self, row: Row) -> tuple[str, ...]:
        """The names that a row takes, now; none where it takes no names."""
        match row.kind:
            case Kind.RECALL | Kind.INDEX:
                return tuple(self._board.bank.names)
            case Kind.MODEL:
                return tuple(self._models()) if row.key == "model" else ("", *self._models())
            case Kind.PAIRING:
                return ("", *self._pairings())
            case Kind.PLAYLIST:
                return ("", *self._show.playlists) if self._show.playlists else ()
            case Kind.ROUTE_NAME if row.key == "source":
                return ("", *(f"band/{i}" for i in range(self._bands)), *LEVELS)
            case Kind.ROUTE_NAME:
                return ("", *TARGETS)
            case _:
                return row.names

    @property
    def traits(self) -> Traits:
        """What the model in force can do."""
        return self._board.traits

    def lacks(self, row: Row) -> bool:
        """Whether the model in force, or the show, is missing that this row is for: it would be refused."""
        return missing(row, self.traits) is not None or (row.of_show and not self._show.plan.used)

    def untouched(self) -> bool:
        """Whether all that is set is as the preset in force has it, on the model it asks for."""
        return self._board.untouched()

    def fading(self, now: float) -> bool:
        """Whether values change by themselves."""
        return self._board.fading(now)

    def values(self, now: float, only: Collection[str] | None = None) -> dict[str, float | int | str]:
        """Every address with a value, in full, and the value, or some of them; switches are 0 or 1."""
        if only is None:
            self._standing.look(now)
            return dict(self._standing.values)
        params = self.fade.at(now)
        show, value = self._show, self._board.value
        some = [row for row in self._valued if row.address in only]
        found = ((row.address, told(show, row) if row.of_show else value(row, params)) for row in some)
        return {address: value for address, value in found if value is not None}

    def standing(self) -> Standing:
        """All that `values` tells, for one who wants to know what is other than when they last looked."""
        return Standing(self._board, self._show, lambda: self._valued)

    def _unknown(self, address: str) -> Refusal:
        if address.startswith(_CLUSTER):
            return Refusal(Code.NAME, partial(_no_cluster, address[len(_CLUSTER) :], self._clusters), _CLUSTER)
        return _made(Refusal, (_UNKNOWN, partial(_nowhere, address), address, self._known))


def _no_cluster(name: str, clusters: tuple[str, ...]) -> str:
    have = f"it has {', '.join(clusters)}" if clusters else "it has none"
    return f"this model has no cluster {quoted(name)}: {have}"


def _nowhere(address: str) -> str:
    why = "; patterns go to /latentd/query" if set(address) & set("*?[]{}") else ""
    return f"there is no address {quoted(address)}{why}"

"""One message in, state changed or a named refusal out. No sockets, no clock."""

from collections.abc import Sequence

from daemon.control.acts import Models, acts
from daemon.control.answer import Outcome
from daemon.control.board import Bank, Board
from daemon.control.osc import Message
from daemon.control.refusal import Code, Refusal, quoted
from daemon.control.table import PREFIX, Kind, rows
from daemon.flow import Dims, Hand, Traits
from daemon.params import Fade

STANDARD, STANDARD_DIMS = Traits(), Dims()


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
    ) -> None:
        self._bands = bands
        self._board, self._models, self._pairings = Board(bank, fade, preset), models, pairings
        self.fit(clusters, traits, model, dims)

    def fit(self, clusters: Sequence[str], traits: Traits, model: str, dims: Dims = STANDARD_DIMS) -> None:
        """Another model of this name: its clusters are the ones addressed, and what it has not got is refused."""
        self._board.model, self._board.traits = model, traits
        self.table = rows(clusters, self._bands)
        self._valued = tuple(row for row in self.table if row.valued)
        self._clusters = tuple(row.key for row in self.table if row.kind is Kind.WEIGHT)
        self._acts = acts(self._board, self.table, traits, self._models, self._pairings, dims)
        self._known = tuple(self._acts)

    def stay(self, wanted: str, current: str) -> None:
        """The model asked for cannot be had: this one goes on, unless another has been asked for meanwhile."""
        if self._board.fade.end.model == wanted:
            self._board.fields["model"] = current

    def apply(self, message: Message, now: float) -> Outcome:
        """Do what the message asks at clock time `now`; a refusal changed nothing."""
        act = self._acts.get(message.address)
        return self._unknown(message.address) if act is None else act(message, now)

    @property
    def fade(self) -> Fade:
        """The params with everything applied so far; the same object while nothing changes."""
        return self._board.fade

    @property
    def hand(self) -> Hand:
        """Latents from outside, as they came last; the same object while none comes."""
        return self._board.hand

    @property
    def preset(self) -> str | None:
        """The preset last recalled or saved."""
        return self._board.preset

    def fading(self, now: float) -> bool:
        """Whether values change by themselves."""
        return self._board.fading(now)

    def values(self, now: float) -> dict[str, float | int | str]:
        """Every address with a value, in full, and the value; switches are 0 or 1."""
        params = self.fade.at(now)
        found = ((row.address, self._board.value(row, params)) for row in self._valued)
        return {address: value for address, value in found if value is not None}

    def _unknown(self, address: str) -> Refusal:
        head = PREFIX + "cluster/"
        if address.startswith(head):
            have = f"it has {', '.join(self._clusters)}" if self._clusters else "it has none"
            return Refusal(Code.NAME, f"this model has no cluster {quoted(address[len(head) :])}: {have}", head)
        why = "; patterns go to /latentd/query" if set(address) & set("*?[]{}") else ""
        return Refusal(Code.UNKNOWN, f"there is no address {quoted(address)}{why}", address, self._known)

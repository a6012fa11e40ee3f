"""Every present value, kept up with: to look again costs what has changed since, and little more."""

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any, TypeAlias

from daemon.control.board import Board
from daemon.control.showing import told
from daemon.control.table import Kind, Row
from daemon.params import Params, Route, meanings
from daemon.show.show import Show

Value: TypeAlias = float | int | str
_Ways: TypeAlias = tuple[Route, ...]

_FIELDS = tuple(meanings())
_all_of = attrgetter(*_FIELDS, "classes", "clusters", "bands")
_APART = (Kind.CLASS, Kind.WEIGHT, Kind.BAND, Kind.ROUTE_NAME, Kind.ROUTE_NUMBER, Kind.RECALL, Kind.INDEX)


class Standing:
    """The values as of the last look, for one who wants to know which have changed by the next."""

    def __init__(self, board: Board, show: Show, valued: Callable[[], Sequence[Row]]) -> None:
        """`valued`: the rows with a value, in order; another object once they are others."""
        self._board, self._show, self._valued = board, show, valued
        self._values: dict[str, Value] = {}  # in the table's order
        self._rows: Sequence[Row] = ()
        self._before: tuple[Any, ...] = ()  # the params and routes that were looked at last

    @property
    def values(self) -> dict[str, Value]:
        """All of them, by address, in the table's order: as long as nobody looks again."""
        return self._values

    def look(self, now: float) -> dict[str, Value]:
        """The values that are others than before at clock time `now`, in the table's order; at first all."""
        fade = self._board.fade
        params = fade.at(now)
        fields, routes = _all_of(params), fade.end.routes
        rows = self._valued()
        if rows is not self._rows:
            self._take_up(rows)
            places: Iterable[int] = range(len(rows))
        else:
            places = sorted({*self._loose, *self._touched(fields, routes)})
        self._before = (*fields, routes)
        return self._take(places, params)

    def _take_up(self, rows: Sequence[Row]) -> None:
        """Another table: which rows come of what."""
        self._rows = rows
        there = {row.address for row in rows}
        self._values = {address: value for address, value in self._values.items() if address in there}
        places = tuple(enumerate(rows))
        self._loose = tuple(i for i, row in places if row.of_show or row.kind in (Kind.RECALL, Kind.INDEX))
        self._of_field = {row.key: i for i, row in places if not row.of_show and row.kind not in _APART}
        self._of_class = tuple(i for i, row in places if row.kind is Kind.CLASS)
        self._of_cluster = {row.key: i for i, row in places if row.kind is Kind.WEIGHT}
        self._of_band = {row.slot: i for i, row in places if row.kind is Kind.BAND}
        self._of_route: dict[int, list[int]] = {}
        for i, row in places:
            if row.kind in (Kind.ROUTE_NAME, Kind.ROUTE_NUMBER):
                self._of_route.setdefault(row.slot, []).append(i)

    def _touched(self, fields: tuple[Any, ...], routes: _Ways) -> Iterable[int]:
        """Places of the rows whose values may be others than before."""
        if (*fields, routes) == self._before:
            return
        *old_fields, old_classes, old_clusters, old_bands, old_routes = self._before
        *new_fields, new_classes, new_clusters, new_bands = fields
        for name, old, new in zip(_FIELDS, old_fields, new_fields, strict=True):
            if old != new:
                yield self._of_field[name]
        if old_classes != new_classes:
            yield from self._of_class
        if old_clusters != new_clusters:
            other = dict(set(old_clusters) ^ set(new_clusters))
            yield from (self._of_cluster[name] for name in other if name in self._of_cluster)
        yield from (self._of_band[i] for i in _others(old_bands, new_bands) if i in self._of_band)
        for slot in _others(old_routes, routes):
            yield from self._of_route.get(slot, ())

    def _take(self, places: Iterable[int], params: Params) -> dict[str, Value]:
        """Look at these rows; what is other than before."""
        changed: dict[str, Value] = {}
        grown = False
        for i in places:
            row = self._rows[i]
            value = told(self._show, row) if row.of_show else self._board.value(row, params)
            old = self._values.get(row.address)
            if value is None:
                self._values.pop(row.address, None)
            elif old != value:
                grown = grown or old is None
                changed[row.address] = self._values[row.address] = value
        if grown:
            have = self._values
            self._values = {row.address: have[row.address] for row in self._rows if row.address in have}
        return changed


def _others(old: Sequence[object], new: Sequence[object]) -> Iterable[int]:
    """Places at which two rows of things differ, to the end of the longer one."""
    if old == new:
        return ()
    longer = max(len(old), len(new))
    return [i for i in range(longer) if old[i : i + 1] != new[i : i + 1]]

"""The one table of OSC addresses: the desk, the docs and TouchDesigner's parameters are made from it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import get_args, get_type_hints

from daemon.control.refusal import MEANING, plain
from daemon.errors import BadInput
from daemon.params import MOST_ROUTES, Choice, Name, Range, Route, Toggle, kind, meanings

PREFIX = "/latentd/"
STATE = "/latentd/state/"
SHOW = "/latentd/show/"
NORM = "/norm"
VALUE = "/value"
LONGEST_FADE = 600.0  # s
SUBSCRIPTION = 60.0  # s
MAX_SUBSCRIBERS = 16  # besides the default one


class Kind(StrEnum):
    """What an address does with its arguments."""

    NUMBER = "number"
    INTEGER = "integer"
    TOGGLE = "toggle"
    NAME = "name"
    MODEL = "model"
    PAIRING = "pairing"
    CLASS = "class"
    WEIGHT = "weight"  # of one cluster
    WEIGHTS = "weights"  # of all clusters, in order
    BAND = "band"  # what one band pushes
    ROUTE_NAME = "route name"
    ROUTE_NUMBER = "route number"
    LATENT_Z = "latent z"
    LATENT_WS = "latent ws"
    RECALL = "recall"
    INDEX = "index"
    NEXT = "next"
    PREV = "prev"
    SAVE = "save"
    PLAYLIST = "playlist"
    ENTRY = "entry"
    BUTTON = "button"  # of the show
    QUERY = "query"
    SUBSCRIBE = "subscribe"
    PING = "ping"


NUMERIC = (Kind.NUMBER, Kind.INTEGER, Kind.TOGGLE, Kind.WEIGHT, Kind.BAND, Kind.INDEX, Kind.ROUTE_NUMBER)
_TEXT = (Kind.NAME, Kind.MODEL, Kind.PAIRING, Kind.RECALL, Kind.ROUTE_NAME, Kind.PLAYLIST)
VALUED = (*NUMERIC, Kind.CLASS, Kind.ENTRY, *_TEXT)


@dataclass(frozen=True, slots=True)
class Row:
    """One address."""

    address: str
    kind: Kind
    takes: str
    unit: str
    text: str
    low: float | None = None
    high: float | None = None
    names: tuple[str, ...] = ()  # what a NAME may be
    key: str = ""  # the field of Params or Route, or the cluster
    slot: int = 0  # the route, or the band

    @property
    def valued(self) -> bool:
        """Whether it has a present value, echoed under /latentd/state/."""
        return self.kind in VALUED

    @property
    def of_show(self) -> bool:
        """Whether it is the show's, and not the picture's."""
        return self.address.startswith(SHOW)

    @property
    def norm(self) -> bool:
        """Whether ADDRESS/norm takes 0..1 over its range."""
        return self.kind in NUMERIC


def address_of(field: str) -> str:
    """layers_mid_smoothing -> /latentd/layers/mid/smoothing."""
    return PREFIX + field.replace("_", "/")


def rows(clusters: Iterable[str], bands: int = 8) -> tuple[Row, ...]:
    """The whole table for a model with these clusters and so many bands of sound.

    Raises `BadInput` when a cluster cannot be part of an address.
    """
    names = tuple(clusters)
    faults = [f"'{name}' cannot be part of an OSC address" for name in names if not addressable(name)]
    if faults or len(set(names)) < len(names):
        raise BadInput("cluster names", faults or ["two have the same name"])
    weights = tuple(
        Row(f"{PREFIX}cluster/{name}", Kind.WEIGHT, "0..1", "", f"weight of the cluster {name}", 0, 1, key=name)
        for name in names
    )
    pushes = (
        Row(f"{PREFIX}band/{i}", Kind.BAND, "0..2", "", f"mel: how far band {i} pushes", 0, 2, slot=i)
        for i in range(bands)
    )
    fields = (_field(name) for name in meanings())
    return (*_PRESETS, *fields, *_SHOW, _CLASS, *weights, *pushes, *_routes(), *_REST)


def leaves(table: Iterable[Row]) -> dict[str, Row]:
    """ADDRESS/value for every address with a value that stands over others, and whose value that is.

    Many programs take an address for a folder where others are under it, and show no value of a folder.
    """
    table = tuple(table)
    over = {row.address.rpartition("/")[0] for row in table}
    return {row.address + VALUE: row for row in table if row.valued and row.address in over}


def addressable(name: str) -> bool:
    """Whether a name can stand between two slashes of an address."""
    return 0 < len(name) <= 64 and name.isascii() and name.isprintable() and not set(name) & set(" #*,/?[]{}")


_NUMBERED = (Kind.BAND, Kind.ROUTE_NAME, Kind.ROUTE_NUMBER)


def _any(row: Row) -> Row:
    return replace(row, address=row.address.replace("/0", "/N"), text=row.text.replace(" 0", " N", 1))


def _field(name: str) -> Row:
    match meanings()[name]:
        case Range(low, high, unit, text):
            what = Kind.INTEGER if kind(name) is int else Kind.NUMBER
            return Row(address_of(name), what, f"{plain(low)}..{plain(high)}", unit, text, low, high, key=name)
        case Toggle(text):
            return Row(address_of(name), Kind.TOGGLE, "0 or 1", "", text, 0, 1, key=name)
        case Name(text, of):
            what = Kind.PAIRING if of == "pairings" else Kind.MODEL
            return Row(address_of(name), what, "name", "", text, key=name)
        case Choice(names, text):
            return Row(address_of(name), Kind.NAME, " or ".join(names), "", text, names=names, key=name)


def _routes() -> Iterable[Row]:
    """Seven addresses for each slot of the table of routes."""
    for slot in range(MOST_ROUTES):
        for name, hint in get_type_hints(Route, include_extras=True).items():
            address, meaning = f"{PREFIX}route/{slot}/{name}", get_args(hint)[1]
            text = f"route {slot}: {meaning.text}"
            if isinstance(meaning, Name):
                yield Row(address, Kind.ROUTE_NAME, "name, or nothing", "", text, key=name, slot=slot)
            else:
                low, high, unit = meaning.low, meaning.high, meaning.unit
                takes = f"{plain(low)}..{plain(high)}"
                yield Row(address, Kind.ROUTE_NUMBER, takes, unit, text, low, high, key=name, slot=slot)


_PRESETS = (
    Row(
        PREFIX + "preset",
        Kind.RECALL,
        "name or index, [fade s]",
        "",
        "recall a preset, fading over its own time unless one is given; the index counts from 0",
    ),
    Row(PREFIX + "preset/index", Kind.INDEX, "index", "", "recall a preset by number alone", 0),
    Row(PREFIX + "preset/next", Kind.NEXT, "1", "", "recall the next preset; after the last comes the first"),
    Row(PREFIX + "preset/prev", Kind.PREV, "1", "", "recall the one before"),
    Row(PREFIX + "preset/save", Kind.SAVE, "name, [fade s]", "", "keep the present values as a preset of this name"),
)
_SHOW = (
    Row(
        SHOW + "enable",
        Kind.TOGGLE,
        "0 or 1",
        "",
        "whether the show of the config runs; 0 leaves the picture to others",
        0,
        1,
        key="show_enable",
    ),
    Row(
        SHOW + "playlist",
        Kind.PLAYLIST,
        "name or index, or nothing",
        "",
        "play a playlist from its beginning until the schedule moves on; nothing, or -1, gives back to the schedule",
        key="show_playlist",
    ),
    Row(
        SHOW + "entry", Kind.ENTRY, "index", "", "go to an entry of the playlist; from 0, -1 is none", key="show_entry"
    ),
    Row(SHOW + "next", Kind.BUTTON, "1", "", "go to the next entry", key="show_next"),
    Row(
        SHOW + "hold",
        Kind.TOGGLE,
        "0 or 1",
        "",
        "the show keeps what is on; it sleeps at its hours all the same",
        0,
        1,
        key="show_hold",
    ),
    Row(
        SHOW + "resume",
        Kind.BUTTON,
        "1",
        "",
        "the show goes on, after a recall by hand or a hold",
        key="show_resume",
    ),
)
_CLASS = Row(
    PREFIX + "class",
    Kind.CLASS,
    "index, or a weight 0..1 for each",
    "",
    "which class a conditional model shows, or the blend of several, of which state tells the strongest; from 0",
    key="classes",
)
_REST = (
    Row(
        PREFIX + "latent/z",
        Kind.LATENT_Z,
        "a blob of float32, or z_dim numbers",
        "",
        "drive the latent from outside; falls back 1 s after the last one",
        key="z",
    ),
    Row(
        PREFIX + "latent/ws",
        Kind.LATENT_WS,
        "a blob of float32, or num_ws x w_dim numbers",
        "",
        "the same, for each layer",
        key="ws",
    ),
    Row(PREFIX + "cluster", Kind.WEIGHTS, "one 0..1 for each", "", "the weights of all clusters, in order"),
    Row(
        PREFIX + "query",
        Kind.QUERY,
        "address or pattern",
        "",
        "tell present values as /latentd/state/...; * stands for any run of characters, ? for one; "
        "1 or nothing asks for all",
    ),
    Row(
        PREFIX + "subscribe",
        Kind.SUBSCRIBE,
        "port, [host]",
        "",
        f"all state now and every change, for {SUBSCRIPTION:.0f} s unless renewed, {MAX_SUBSCRIBERS} at most; "
        "ports from 1024 up, by default the sender's; hosts: this machine or the sender's",
    ),
    Row(PREFIX + "ping", Kind.PING, "anything", "", "/latentd/pong with the same arguments"),
)

_HEAD = """\
# OSC addresses

<!-- made by `latentd addresses --markdown`; a test keeps it fresh -->

UDP 127.0.0.1:7770 in; state and replies to each subscriber, by default 127.0.0.1:7771. Floats are taken for ints, text
like "0.5" for numbers, T, F, 0 and 1 for switches. Time tags are ignored. Every address marked `/norm` also takes
ADDRESS/norm, 0..1 mapped linearly onto its range. Where others stand under an address with a value, as under
`/latentd/gate`, ADDRESS/value is the same, for programs that take it for a folder. What is out of range is refused, not
clipped, and so is a recall or a save of what cannot be: the last good state stays. The last value of an address wins
within a tick.

A button fires on 1 and ignores 0, and who sends all they have thirty or sixty times a second means it once: a 1 that
the same sender sends again within 45 ms, with no 0 between, is the same press, from the third on within 0.25 s, since a
stream may falter. So are the same words to `/latentd/preset/save` with nothing set between. The same recall said again
in that time is the same wish, however long that goes on: the fade is not begun anew, what is set meanwhile stays set,
and who recalls another preset has it. A button without arguments is a press each time. A sender is a host and a port.

Routes belong to the preset: one that is edited in mid-fade comes in with the fade, and is told at once as it will be.

With `osc: {host: 0.0.0.0, allow: [192.168.1.0/24]}` in the config it listens to the network, and obeys this machine
and who is listed. Programs can look all this up: [OSCQUERY.md](OSCQUERY.md). What traffic costs:
[OSC-LOAD.md](OSC-LOAD.md).

| address | takes | unit | /norm | meaning |
|---|---|---|---|---|
"""
_OUT = (
    ("/latentd/state/...", "the present value of an address above, on change and when asked; switches are 0 or 1"),
    ("/latentd/state/preset", "text, empty before the first recall; `/latentd/state/preset/index` is then -1"),
    ("/latentd/heartbeat/frame", "pictures since start; the heartbeat comes once a second, all floats"),
    ("/latentd/heartbeat/fps", "pictures a second"),
    ("/latentd/heartbeat/frame_ms", "median time of a picture, ms; -1 while not known"),
    ("/latentd/heartbeat/latency_ms", "median time from sound to picture, ms; -1 while not known"),
    ("/latentd/heartbeat/gate", "1 while there is sound to react to"),
    ("/latentd/heartbeat/audio_ok", "1 while the source works, silent or not"),
    (
        "/latentd/audio/FEATURE",
        "what is heard: rms_db, gate, band/0 and on, beat/bpm, beat/phase, beat/confidence, and every descriptor's "
        "level (docs/HEARING.md); 20 times a second unless set otherwise",
    ),
    ("/latentd/pong", "the arguments of the ping"),
    ("/latentd/error", "a code and a sentence, at most once a second for each cause"),
)
_TAIL = """
A reply goes to every subscriber and to the sender's own port. After a value that was refused, subscribers are told the
one that is in force, within 0.3 s and four times a second at most: a fader that shows what it sent goes back.
"""


def markdown(table: Iterable[Row]) -> str:
    """The table as a page of documentation; of what there is a number of, the first stands for all."""
    shown = (_any(row) if row.kind in _NUMBERED else row for row in table if row.slot == 0)
    lines = (f"| `{r.address}` | {r.takes} | {r.unit} | {'/norm' if r.norm else ''} | {r.text} |\n" for r in shown)
    out = (f"| `{address}` | {text} |\n" for address, text in _OUT)
    codes = "".join(f"| `{code}` | {why} |\n" for code, why in MEANING.items())
    return (
        f"{_HEAD}{''.join(lines)}\n## What comes back\n\n| address | carries |\n|---|---|\n{''.join(out)}"
        f"{_TAIL}\n| error | means |\n|---|---|\n{codes}"
    )

"""What stands together: the cards of the monitor page, and TAGS for programs that lay out a page of their own."""

from daemon.control.misfits import TRANSFORM
from daemon.control.table import PREFIX, Kind, Row
from daemon.params import MAPPERS

_PRESETS = (Kind.RECALL, Kind.INDEX, Kind.NEXT, Kind.PREV, Kind.SAVE)
_ASKED = (Kind.QUERY, Kind.SUBSCRIBE, Kind.PING)
_HAND, _HEARING = ("freeze", "blackout"), ("attack", "release", "memory", "auto", "beat_ahead")
_MODEL = ("model", "smaller", "classes", "noise")


def group(row: Row) -> str:
    """The one group of an address, as a word."""
    of = row.text.partition(":")[0]
    match row.kind:
        case Kind.WEIGHT | Kind.WEIGHTS:
            return "clusters"
        case Kind.BAND:
            return "bands"
        case Kind.ROUTE_NAME | Kind.ROUTE_NUMBER:
            return "routes"
        case Kind.LATENT_Z | Kind.LATENT_WS:
            return "latent"
        case _ if row.kind in _PRESETS:
            return "presets"
        case _ if row.kind in _ASKED:
            return "asking"
        case _ if of in MAPPERS:
            return of
        case _ if row.key in _HAND:
            return "hand"
        case _ if row.key in _HEARING:
            return "hearing"
        case _ if row.key in _MODEL:
            return "model"
        case _ if row.key in TRANSFORM:
            return "transform"
    head = row.address.removeprefix(PREFIX).partition("/")[0]
    return head if row.of_show or head in ("gate", "layers") else "play"

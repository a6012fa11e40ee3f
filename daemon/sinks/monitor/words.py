"""What the page and the terminal say of a status in the same words."""

from daemon.backoff import span
from daemon.status import ShowStatus, Status


def standing(status: Status) -> tuple[str, ...]:
    """What somebody has to know who wonders at the picture: black, frozen, and who has the show; each a few words."""
    black, frozen = (bool(status.params.get(f"/latentd/{name}")) for name in ("blackout", "freeze"))
    show = status.show
    night = show is not None and show.on == "blackout"
    said = []
    if black:
        said.append("black: the show's night" if night else "black: blackout is on")
    elif night:
        said.append("lit by hand in the show's night")
    if frozen:
        said.append("frozen: freeze is on")
    if show is not None and not night:
        said.append(_show(show))
    return tuple(said)


def up(seconds: float) -> str:
    """How long it runs: 45 s, 12 min, 6 h 12 min, 31 days 6 h 12 min."""
    if seconds < 60:
        return f"{int(seconds)} s"
    minutes = int(seconds // 60)
    days, hours = minutes // 1440, minutes // 60 % 24
    parts = (f"{days} day{'' if days == 1 else 's'}" if days else "", f"{hours} h" if minutes >= 60 else "")
    return " ".join((*filter(None, parts), f"{minutes % 60} min"))


def _show(show: ShowStatus) -> str:
    if not show.enabled:
        return "the show is off"
    which = show.preset or "nothing"
    entry = f"entry {show.entry} of {show.playlist}" if show.playlist is not None and show.entry is not None else ""
    match show.on:
        case "hand":
            return f"a hand has the show{_until(show, 'it goes on', ', until the schedule moves on')}"
        case "attract":
            what = f"attract, {entry}: {which}" if entry else f"attract: {which}"
            return what + _until(show, "next", "") + ("" if show.held else ", until there is sound")
        case "entry":
            return f"{entry or 'the show'}: {which}{_until(show, 'next', '')}"
        case _:
            return f"the show: {which}{_until(show, 'next', '')}"


def _until(show: ShowStatus, what: str, otherwise: str) -> str:
    if show.held:
        return ", held"
    if show.next_in_s is None:
        return otherwise
    return f", {what} in {span(show.next_in_s)}" if show.next_in_s >= 1 else f", {what} now"

"""Commands about MIDI controllers: ports, learn, run."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter, validators

from daemon.cli.out import print_json, print_table
from daemon.errors import BadInput, LatentdError

if TYPE_CHECKING:
    from daemon.midi.plan import Plan
    from daemon.midi.playing import Playing

midi = App(name="midi", help="A MIDI controller bridged to OSC: what is plugged in, what it does, the bridge itself.")

_Through = Literal["auto", "alsa", "jack", "core", "winmm"]
_Seconds = Annotated[float | None, Parameter(validator=validators.Number(gt=0))]
_Many = Annotated[tuple[str, ...], Parameter(negative=())]


@midi.command
def ports(*, json: bool = False) -> None:
    """Every MIDI port of this machine, which mapping knows it, and in words what is missing.

    Parameters
    ----------
    json
        Print data only.
    """
    import asyncio

    from daemon.midi.ports import look

    found = asyncio.run(look())
    plans = _plans()
    if json:
        sides = {"inputs": found.inputs, "outputs": found.outputs}
        listed = {
            side: [{"system": one.system, "name": one.name, "mapping": _fits(plans, one.name)} for one in these]
            for side, these in sides.items()
        }
        print_json({**listed, "missing": [{"system": name, "text": text} for name, text in found.missing]})
        return
    for name, text in found.missing:
        print(f"{name}: {text}", file=sys.stderr)  # noqa: T201
    rows = [
        (side, one.name, one.system, _fits(plans, one.name) or "")
        for side, these in (("in", found.inputs), ("out", found.outputs))
        for one in these
    ]
    print_table(("", "port", "through", "mapping"), rows, "there is no MIDI port: plug a controller in")


@midi.command
def learn(
    file: Path,
    /,
    *to: str,
    port: str | None = None,
    add: bool = False,
    through: _Through = "auto",
    seconds: _Seconds = None,
) -> None:
    """Move a control, name an address, and the file says so; it is made if it is not there.

    Parameters
    ----------
    file
        The mapping, a .yaml file.
    to
        Addresses, such as /latentd/gain; each is given to the next control that is moved. Asked for if not given.
    port
        Part of the name of the controller's port; the only one there is if not given.
    add
        Keep what a control did before, too.
    through
        The MIDI system.
    seconds
        Give up after so many seconds.
    """
    import asyncio

    from daemon.midi.lesson import lesson

    asyncio.run(lesson(file, to, port, through, add=add, seconds=seconds))


@midi.command
def run(
    *mappings: str,
    port: str | None = None,
    virtual: bool = False,
    through: _Through = "auto",
    osc: str | None = None,
    config: Path | None = None,
    seconds: _Seconds = None,
) -> None:
    """The bridge: plays controllers on a running daemon until it is told to stop, whether they are there yet or not.

    Parameters
    ----------
    mappings
        Names or .yaml files; those of the controllers that are plugged in if not given.
    port
        Part of the name of the controller's port, in place of the mapping's.
    virtual
        Make ports of its own for others to join, in place of joining the controller's (not on Windows).
    through
        The MIDI system.
    osc
        HOST:PORT of the daemon; as the config says if not given.
    config
        The installation's YAML file; the user's own config.yaml if not given.
    seconds
        End by itself after so many seconds.
    """
    import asyncio

    from daemon.clock import WallClock
    from daemon.midi.playing import Playing

    if port is not None and virtual:
        raise BadInput("midi", ["--port joins a port and --virtual makes one: give one of them"])
    where = _daemon(osc, config)
    plans = [_plan(name) for name in mappings] or _plugged()
    if len(plans) > 1 and (port is not None or virtual):
        raise BadInput("midi", ["--port and --virtual are for one mapping: name it"])
    for plan in plans:
        if not (plan.ports or port or virtual):
            raise BadInput(f"mapping {plan.name}", ["it names no ports: give --port NAME or --virtual"])

    async def playing() -> None:
        clock = WallClock()
        names = [() if virtual else (port,) if port else plan.ports for plan in plans]
        await _until_stopped(
            [Playing(plan, where, name, through, clock) for plan, name in zip(plans, names, strict=True)], seconds
        )

    asyncio.run(playing())


async def _until_stopped(playings: "list[Playing]", seconds: float | None) -> None:
    """Until Ctrl-C, SIGTERM or the time is up."""
    import asyncio

    from daemon.midi.playing import play
    from daemon.stopping import StopSign

    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def end() -> None:
        loop.call_soon_threadsafe(stop.set)

    with StopSign() as sign:
        sign.tell(end)
        if seconds is not None:
            loop.call_later(seconds, stop.set)
        await play(playings, stop)


def _daemon(osc: str | None, config: Path | None) -> tuple[str, int]:
    """Where the daemon listens."""
    from daemon import config as installation

    if osc is not None:
        host, _, port = osc.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 1 << 16:
            raise BadInput("--osc", [f"{osc!r} is not HOST:PORT, as in 127.0.0.1:7770"])
        return host, int(port)
    there = installation.load(config).osc
    if there.port == 0:
        raise BadInput("midi", ["the config lets the daemon take any port: give --osc HOST:PORT"])
    return ("127.0.0.1" if there.host == "0.0.0.0" else there.host), there.port


def _plan(name: str) -> "Plan":
    from daemon.midi import mapping

    return mapping.load(mapping.find(name))


def _plans() -> "list[Plan]":
    """Every mapping that can be read."""
    from daemon.midi import mapping

    found = []
    for path in mapping.available().values():
        try:
            found.append(mapping.load(path))
        except BadInput as fault:
            print(fault, file=sys.stderr)  # noqa: T201
    return found


def _plugged() -> "list[Plan]":
    """The mappings of the controllers that are plugged in."""
    import asyncio

    from daemon.midi.ports import look

    found = asyncio.run(look())
    names = {_fits([plan], port.name): plan for plan in _plans() for port in found.inputs}
    plans = [plan for name, plan in names.items() if name is not None]
    if plans:
        return plans
    ports = ", ".join(repr(port.name) for port in found.inputs)
    if ports:
        why = f"no mapping knows {ports}: 'latentd midi learn my.yaml' makes one, or name one and --port"
    else:
        missing = "; ".join(f"{name}: {text}" for name, text in found.missing)
        why = "there is no MIDI input: plug a controller in, or name a mapping that shall wait for it"
        why += f" ({missing})" if missing else ""
    raise LatentdError(why)


def _fits(plans: "list[Plan]", port: str) -> str | None:
    """The name of the first mapping for this port."""
    return next((plan.name for plan in plans if any(part.casefold() in port.casefold() for part in plan.ports)), None)

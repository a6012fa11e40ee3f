"""The commands. Each imports what it needs when it runs, so that `--help` is quick and torch loads only to render."""

import json as json_module
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Parameter, validators
from pydantic import ValidationError

from daemon import __version__
from daemon.config import Config, home, shipped_presets
from daemon.errors import BadInput, LatentdError
from daemon.preset import Bank

app = App(
    name="latentd", version=__version__, help="Listens to sound and draws it: a headless StyleGAN3 render daemon."
)
presets = App(name="presets", help="List, check and describe presets.")
app.command(presets)

_Seconds = Annotated[float | None, Parameter(validator=validators.Number(gt=0))]
_Fps = Annotated[float | None, Parameter(validator=validators.Number(gte=1, lte=240))]
_Size = Annotated[int | None, Parameter(validator=validators.Number(gte=16, lte=4096))]
_Port = Annotated[int | None, Parameter(validator=validators.Number(gte=0, lte=65535))]
_Seed = Annotated[int | None, Parameter(validator=validators.Number(gte=0, lte=16777215))]
_Device = Literal["auto", "cpu", "cuda"]
_Many = Annotated[tuple[str, ...], Parameter(negative=())]


def main() -> None:
    """Run a command: 0 done, 1 failed (one sentence on stderr), 2 bad usage."""
    sys.exit(invoke(sys.argv[1:]))


def invoke(arguments: list[str]) -> int:
    """The exit code of one command line."""
    from daemon import log

    log.configure()
    try:
        app(arguments or ["--help"], exit_on_error=False, print_error=True, result_action="return_value")
    except CycloptsError:
        return 2
    except LatentdError as e:
        log.console.print(f"latentd: {e}", style="bold red", markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


@app.command
def demo(
    *,
    seconds: _Seconds = None,
    report: Path | None = None,
    fps: _Fps = None,
    size: _Size = None,
    preset: str | None = None,
    http_port: _Port = None,
    osc_port: _Port = None,
) -> None:
    """The whole chain at once: the bundled sound in real time, the bundled model, the page at http://127.0.0.1:7780/.

    Needs no sound card, no GPU, no download. Ctrl-C ends it.

    Parameters
    ----------
    seconds
        End by itself after so many seconds, counted from the first frame.
    report
        Write what happened to this file as JSON at the end.
    fps
        Frames a second.
    size
        Pixels of the square picture; the model's own if not given.
    preset
        Begin with this preset.
    http_port
        Port of the page; 0 takes a free one.
    osc_port
        Port that OSC comes in by; 0 takes a free one.
    """
    from daemon import parts

    base = Config(source=f"file:{parts.DEMO_SOUND}", sinks=("preview",), preset=preset or "hearth")
    config = _flags_over(base, fps=fps, size=size)
    _live(_ports_over(config, http_port, osc_port), seconds, report, remember=False)


@app.command
def run(
    *,
    config: Path | None = None,
    preset: str | None = None,
    model: str | None = None,
    source: str | None = None,
    sink: _Many = (),
    fps: _Fps = None,
    size: _Size = None,
    device: _Device | None = None,
    seconds: _Seconds = None,
    report: Path | None = None,
    http_port: _Port = None,
    osc_port: _Port = None,
) -> None:
    """The daemon: headless, until it is told to stop. Flags go over the config file.

    Parameters
    ----------
    config
        The installation's YAML file; the user's own config.yaml if not given.
    preset
        Begin with this preset; otherwise with the last state.
    model
        A bundled name, a .safetensors file or an official .pkl (read, never executed).
    source
        device, device:NAME, file:PATH (real time, looped), tone or none.
    sink
        auto, spout[:NAME], frames:DIR, preview or null; may be given several times.
    fps
        Frames a second.
    size
        Pixels of the square handed to sinks; the model's own if not given.
    device
        What renders.
    seconds
        End by itself after so many seconds, counted from the first frame.
    report
        Write what happened to this file as JSON at the end.
    http_port
        Port of the page; 0 takes a free one.
    osc_port
        Port that OSC comes in by; 0 takes a free one.
    """
    from daemon import config as config_file

    made = _flags_over(
        config_file.load(config),
        preset=preset,
        model=model,
        source=source,
        sinks=sink or None,
        fps=fps,
        size=size,
        device=device,
    )
    _live(_ports_over(made, http_port, osc_port), seconds, report, remember=True)


@app.command
def render(
    audio: Path,
    out: str,
    /,
    *,
    preset: str = "hearth",
    model: str | None = None,
    fps: Annotated[float, Parameter(validator=validators.Number(gte=1, lte=240))] = 30.0,
    size: _Size = None,
    device: _Device = "auto",
    seed: _Seed = None,
) -> None:
    """Offline: the whole sound, every frame, the same to the bit each time.

    Parameters
    ----------
    audio
        A wav, flac, ogg or mp3 file.
    out
        frames:DIR for PNG pictures, or null to render and keep nothing.
    preset
        The look.
    model
        A bundled name, a .safetensors file or an official .pkl.
    fps
        Frames a second.
    size
        Pixels of the square picture; the model's own if not given.
    device
        What renders.
    seed
        In place of the preset's.
    """
    from daemon.render.warm import warm_process

    warm_process()
    from daemon import offline

    made = Config(source=f"file:{audio}", sinks=(out,), preset=preset, model=model, fps=fps, size=size, device=device)
    frames = offline.film(made, audio, seed)
    print(f"{frames} frames")  # noqa: T201 - the command's answer


@app.command
def devices(*, json: bool = False) -> None:
    """The sound inputs of this machine, by the names `--source device:NAME` takes.

    Parameters
    ----------
    json
        Print data only.
    """
    from daemon.audio.device import devices as inputs

    found = inputs()
    if json:
        _print_json(
            [
                {"name": d.name, "api": d.api, "channels": d.channels, "rate": d.rate, "default": d.default}
                for d in found
            ]
        )
        return
    _print_table(
        ("name", "through", "channels", "Hz", ""),
        [(d.name, d.api, str(d.channels), f"{d.rate:g}", "default" if d.default else "") for d in found],
        "no sound input was found; plug one in, or start the sound server",
    )


@app.command
def addresses(*, markdown: bool = False, json: bool = False) -> None:
    """Every OSC address, what it takes and what it does.

    Parameters
    ----------
    markdown
        As the table of docs/osc.md.
    json
        Print data only.
    """
    from daemon.control import table

    if markdown:
        print(table.markdown(table.rows(["NAME"])))  # noqa: T201
        return
    rows = table.rows(["aggressive", "calm", "vibrant"])  # of the bundled model
    if json:
        told = ("address", "takes", "unit", "low", "high", "text")
        _print_json([{name: getattr(row, name) for name in told} for row in rows])
    else:
        _print_table(("address", "takes", "meaning"), [(row.address, row.takes, row.text) for row in rows], "")


@presets.command(name="list")
def list_presets(*, json: bool = False) -> None:
    """Every preset, in the order of its index.

    Parameters
    ----------
    json
        Print data only.
    """
    bank = _bank()
    found = [(i, bank.get(name)) for i, name in enumerate(bank.names)]
    if json:
        _print_json(
            [
                {"index": i, "name": p.name, "title": p.title, "fade": p.fade, "mapper": p.params.mapper}
                for i, p in found
            ]
        )
    else:
        rows = [(str(i), p.name, f"{p.fade:g} s", p.params.mapper, p.title) for i, p in found]
        _print_table(("index", "name", "fade", "mapper", "title"), rows, "there are none")
    for fault in bank.faults:
        print(fault, file=sys.stderr)  # noqa: T201


@presets.command
def check(*paths: Path) -> None:
    """Check preset files, or with none given every preset there is; every fault is named.

    Parameters
    ----------
    paths
        YAML files.
    """
    from daemon import preset

    faults: list[str] = []
    for path in paths:
        try:
            preset.load(path)
        except BadInput as fault:
            faults.extend(f"{path}: {text}" for text in fault.faults)
    if not paths:
        faults = [str(fault) for fault in _bank().faults]
    if faults:
        raise LatentdError("\n".join(faults))
    print("all well")  # noqa: T201


@presets.command
def schema() -> None:
    """The JSON schema of a preset file, for editors."""
    from daemon import preset

    sys.stdout.write(preset.schema())


def _bank() -> Bank:
    return Bank(shipped_presets(), home() / "presets")


def _flags_over(config: Config, **flags: object) -> Config:
    """The config with the flags that were given; `BadInput` names what is wrong."""
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return Config.model_validate({**config.model_dump(), **given})
    except ValidationError as e:
        raise BadInput("options", [f"{'.'.join(map(str, err['loc']))}: {err['msg']}" for err in e.errors()]) from None


def _ports_over(config: Config, http_port: int | None, osc_port: int | None) -> Config:
    http = config.http if http_port is None else config.http.model_copy(update={"port": http_port})
    osc = config.osc if osc_port is None else config.osc.model_copy(update={"port": osc_port})
    return config.model_copy(update={"http": http, "osc": osc})


def _live(config: Config, seconds: float | None, report: Path | None, *, remember: bool) -> None:
    """One live run, with its status on the terminal if somebody is there to see it."""
    from rich.live import Live

    from daemon.render.warm import warm_process

    warm_process()
    from daemon import app as live
    from daemon import log, screen

    if not log.console.is_terminal:
        live.run(config, live.Wishes(seconds=seconds, remember=remember, report=report))
        return
    page = f"http://{config.http.host}:{config.http.port}/"
    with Live(console=log.console, auto_refresh=False) as shown:
        wishes = live.Wishes(
            seconds, remember, report, lambda said: shown.update(screen.panel(said, page), refresh=True)
        )
        live.run(config, wishes)


def _print_json(data: object) -> None:
    sys.stdout.write(json_module.dumps(data, indent=2) + "\n")


def _print_table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]], nothing: str) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not rows:
        raise LatentdError(nothing)
    table = Table(*heads, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)

"""Commands that make pictures: demo, run, render."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter, validators

from daemon import document
from daemon.config import Config, frame_size
from daemon.flow import Fit

_Seconds = Annotated[float | None, Parameter(validator=validators.Number(gt=0))]
_Fps = Annotated[float | None, Parameter(validator=validators.Number(gte=1, lte=240))]
Size = Annotated[str | None, Parameter(validator=lambda _, written: frame_size(written))]
_Port = Annotated[int | None, Parameter(validator=validators.Number(gte=0, lte=65535))]
_Seed = Annotated[int | None, Parameter(validator=validators.Number(gte=0, lte=16777215))]
_Threads = Annotated[int | None, Parameter(validator=validators.Number(gte=1, lte=64))]
_Alpha = Literal["opaque", "luma", "own"] | None
_Device = Literal["auto", "cpu", "cuda"]
Many = Annotated[tuple[str, ...], Parameter(negative=())]


def demo(
    *,
    seconds: _Seconds = None,
    report: Path | None = None,
    fps: _Fps = None,
    size: Size = None,
    preset: str | None = None,
    engine: str | None = None,
    threads: _Threads = None,
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
        Pixels of the frames: 512 for a square, or 1920x1080; the model's own if not given.
    preset
        Begin with this preset.
    engine
        How the network is computed, such as "fused avx2" or torch; auto takes the fastest that is right.
    threads
        Threads it is computed with; as many as serve best if not given.
    http_port
        Port of the page; 0 takes a free one.
    osc_port
        Port that OSC comes in by; 0 takes a free one.
    """
    from daemon import parts

    base = Config(version=1, source=f"file:{parts.DEMO_SOUND}", sinks=("preview",), preset=preset or "hearth")
    config = _flags_over(base, fps=fps, size=size, engine=engine, threads=threads)
    _live(_ports_over(config, http_port, osc_port), seconds, report, remember=False)


def run(
    *,
    config: Path | None = None,
    preset: str | None = None,
    model: str | None = None,
    source: str | None = None,
    sink: Many = (),
    fps: _Fps = None,
    size: Size = None,
    fit: Fit | None = None,
    alpha: _Alpha = None,
    device: _Device | None = None,
    engine: str | None = None,
    threads: _Threads = None,
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
        device, jack or loopback (what this machine plays), each alone or with :NAME as `latentd devices` tells them;
        file:PATH (real time, looped), tone or none.
    sink
        auto, spout, syphon or ndi (each alone or with :NAME), shm:NAME, video:PATH, frames:DIR, preview or null; may be
        given several times. The page is always there.
    fps
        Frames a second.
    size
        Pixels of the frames handed to sinks: 512 for a square, or 1920x1080; the model's own if not given.
    fit
        How the picture is put into a frame of another shape: letterbox shows all of it, cover fills all of the frame,
        stretch does both.
    alpha
        opaque, or luma: dark is transparent, as output.key of the config has it; own: as a network of four channels
        paints it.
    device
        What renders.
    engine
        How the network is computed, such as "fused avx2" or torch; auto takes the fastest that is right.
    threads
        Threads it is computed with; as many as serve best if not given.
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
        fit=fit,
        alpha=alpha,
        device=device,
        engine=engine,
        threads=threads,
    )
    _live(_ports_over(made, http_port, osc_port), seconds, report, remember=True)


def render(
    audio: Path,
    out: str,
    /,
    *,
    preset: str = "hearth",
    model: str | None = None,
    fps: Annotated[float, Parameter(validator=validators.Number(gte=1, lte=240))] = 30.0,
    size: Size = None,
    fit: Fit | None = None,
    alpha: _Alpha = None,
    device: _Device = "auto",
    engine: str = "auto",
    threads: _Threads = None,
    seed: _Seed = None,
) -> None:
    """Offline: the whole sound, every frame, the same to the bit each time.

    Parameters
    ----------
    audio
        A wav, flac, ogg or mp3 file.
    out
        A film with the sound in it, with a name that ends in .mp4, .mov or .mkv (one of that name is replaced when it
        is done); frames:DIR for PNG pictures; or null to render and keep nothing.
    preset
        The look.
    model
        A bundled name, a .safetensors file or an official .pkl.
    fps
        Frames a second.
    size
        Pixels of the frames: 512 for a square, or 1920x1080; the model's own if not given.
    fit
        How the picture is put into a frame of another shape: letterbox, cover or stretch.
    alpha
        What the alpha of PNG pictures and .mov films is: opaque, luma (dark is transparent) or own.
    device
        What renders.
    engine
        How the network is computed; auto takes the first of a fixed order that is right on this machine.
    threads
        Threads it is computed with; every core if not given.
    seed
        In place of the preset's.
    """
    from daemon.render.warm import warm_process

    warm_process()
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from daemon import log, offline
    from daemon.stopping import StopSign

    made = _flags_over(
        Config(version=1, source=f"file:{audio}", sinks=(offline.target(out),)),
        preset=preset,
        model=model,
        fps=fps,
        size=size,
        fit=fit,
        alpha=alpha,
        device=device,
        engine=engine,
        threads=threads,
    )
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    quiet = not log.console.is_terminal
    with StopSign() as stop, Progress(*columns, console=log.console, disable=quiet) as shown:
        task = shown.add_task("rendering", total=None)

        def on_frame(n: int, expected: int) -> None:
            shown.update(task, completed=n, total=max(n, expected))
            if stop.asked:
                raise KeyboardInterrupt

        frames = offline.film(made, audio, seed, on_frame)
    print(f"{frames} frames")  # noqa: T201 - the command's answer


def _flags_over(config: Config, *, fit: Fit | None = None, alpha: _Alpha = None, **flags: object) -> Config:
    """The config with the flags that were given; `BadInput` names what is wrong."""
    given = {name: value for name, value in flags.items() if value is not None}
    given["output"] = config.output.model_dump() | {k: v for k, v in (("fit", fit), ("alpha", alpha)) if v is not None}
    return document.check(config.model_dump() | given, Config, "options")


def _ports_over(config: Config, http_port: int | None, osc_port: int | None) -> Config:
    http = config.http if http_port is None else config.http.model_copy(update={"port": http_port})
    osc = config.osc if osc_port is None else config.osc.model_copy(update={"port": osc_port})
    return config.model_copy(update={"http": http, "osc": osc})


def _live(config: Config, seconds: float | None, report: Path | None, *, remember: bool) -> None:
    """One live run, with its status on the terminal if somebody is there to see it."""
    from daemon.stopping import StopSign

    with StopSign() as stop:
        from daemon.render.warm import warm_process

        warm_process()
        from daemon import app as live
        from daemon import log, screen

        if not log.console.is_terminal:
            live.run(config, live.Wishes(seconds=seconds, remember=remember, report=report), stop)
            return
        with screen.Screen(log.console) as drawn:
            live.run(config, live.Wishes(seconds, remember, report, drawn.show), stop)

"""Commands about checkpoints: info, convert, verify."""

from dataclasses import asdict
from pathlib import Path

from cyclopts import App

from daemon.cli.out import print_json, print_table
from daemon.errors import LatentdError

model = App(name="model", help="What a checkpoint is, into our own format, and whether this machine computes it right.")


@model.command(name="info")
def info(path: str, /, *, json: bool = False) -> None:
    """What a checkpoint holds: variant, resolution, parameters, classes, training set.

    Parameters
    ----------
    path
        A bundled name, a .safetensors or an official .pkl; nothing in it is executed.
    json
        Print data only.
    """
    from daemon import models as files
    from daemon import parts

    found = files.info(parts.find_model(path))
    said = {**asdict(found), "path": str(found.path), "anchors": list(found.anchors)}
    if json:
        print_json(said)
        return
    trained = found.training_set
    print_table(
        (found.name, found.variant),
        [
            ("file", f"{found.path}, {found.size / 1e6:.1f} MB"),
            ("picture", f"{found.resolution} px, {found.channels} channels"),
            ("parameters", f"{found.parameters:,}"),
            ("latents", f"z {found.z_dim}, w {found.w_dim}, {found.num_ws} ws"),
            ("classes", str(found.classes) if found.classes else "none, not conditional"),
            ("clusters", ", ".join(found.anchors) or "none"),
            ("training set", trained.name if trained else "the file does not say"),
        ],
        "",
    )


@model.command(name="convert")
def convert(path: str, target: Path, /, *, name: str | None = None, overwrite: bool = False) -> None:
    """Write an official .pkl as .safetensors, which needs no trust and loads faster.

    Parameters
    ----------
    path
        A .pkl or a .safetensors.
    target
        Where to; its name ends in .safetensors.
    name
        What the model is called; the file's name if not given.
    overwrite
        Replace a file that is there.
    """
    from daemon import models as files
    from daemon import parts

    files.convert(parts.find_model(path), target.expanduser(), name, overwrite=overwrite)
    print(target)  # noqa: T201


@model.command(name="verify")
def verify(path: str, /, *, json: bool = False) -> None:
    """Two pictures by every engine of this machine, held against plain PyTorch in 64 bits; exits 1 when one is off.

    Parameters
    ----------
    path
        A bundled name, a .safetensors or an official .pkl.
    json
        Print data only.
    """
    from daemon.render.warm import warm_process

    warm_process()
    from daemon import models as files
    from daemon import parts
    from daemon.clock import WallClock

    found = files.verify(parts.find_model(path), WallClock())
    if json:
        checks = [{**asdict(check), "passed": check.passed} for check in found.checks]
        print_json({"path": str(found.path), "passed": found.passed, "tolerance": files.TOLERANCE, "checks": checks})
    else:
        rows = [
            (check.engine, check.precision, f"{check.error:.1e}", f"{check.frame_ms:.1f} ms") for check in found.checks
        ]
        print_table(("engine", "precision", "largest error, of the std", "a picture"), rows, "")
    if not found.passed:
        raise LatentdError(found.verdict)
    if not json:
        print(found.verdict)  # noqa: T201

"""Commands that train what live plays: clusters, pairs."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cyclopts import App

from daemon.cli.out import print_json, print_table

if TYPE_CHECKING:  # training is imported when something is trained
    from daemon.studio.clusters import ClustersReport
    from daemon.studio.pairs import PairsReport

_Report = TypeVar("_Report", bound="PairsReport | ClustersReport")

train = App(name="train", help="Teach the mappers `pairs` and `clusters` from a file you write; see docs/TRAINING.md.")


def _taught(
    kind: str, learn: Callable[..., _Report], file: Path, out: Path | None, config: Path | None
) -> tuple[Path, _Report]:
    """Learn a training file and keep what was learnt; where, and how well."""
    from daemon import config as installation
    from daemon.studio.keeping import SUFFIX, check, keep

    target = out or installation.home() / kind / f"{file.stem}{SUFFIX}"
    check(target)
    report = learn(file, installation.load(config).analysis, target.stem)
    keep(target, report.learned)
    return target, report


def _data(kind: str, target: Path, report: "PairsReport | ClustersReport") -> dict[str, Any]:
    """What was learnt, for programs."""
    losses = {"loss_before": report.before, "loss_after": report.after}
    fits = [asdict(fit) for fit in report.fits]
    return {"path": str(target), "model": report.learned.about.model, **losses, kind: fits}


@train.command(name="pairs")
def pairs(file: Path, /, *, out: Path | None = None, config: Path | None = None, json: bool = False) -> None:
    """Learn which latents belong to which moments of sound; a running daemon takes the result up at once.

    Parameters
    ----------
    file
        The training file, YAML.
    out
        Where the trained file goes; pairs/NAME.safetensors among the user's files if not given.
    config
        Config file of the installation that will play it; the user's own if not given.
    json
        Print data only.
    """
    from daemon.studio.pairs import train_pairs

    target, report = _taught("pairs", train_pairs, file, out, config)
    if json:
        print_json({**_data("pairs", target, report), "gives": report.learned.about.gives, "hops": report.hops})
        return
    rows = [(f.sound, f"{f.at:.2f} s", f.latent, f"{f.error:.4f}") for f in report.fits]
    print_table(("sound", "at", "latent", "error, of the latents' deviation"), rows, "")
    print(  # noqa: T201
        f"loss {report.before:.3g} to {report.after:.1e} of the latents' variance, over {report.hops} hops of sound\n"
        f"{target}: play it with /latentd/mapper pairs and /latentd/pairing {target.stem}"
    )


@train.command(name="clusters")
def clusters(file: Path, /, *, out: Path | None = None, config: Path | None = None, json: bool = False) -> None:
    """Learn how named places of a model sound; a running daemon takes the result up at once.

    Parameters
    ----------
    file
        The training file, YAML.
    out
        Where the trained file goes; clusters/NAME.safetensors among the user's files if not given.
    config
        Config file of the installation that will play it; the user's own if not given.
    json
        Print data only.
    """
    from daemon.studio.clusters import train_clusters

    target, report = _taught("clusters", train_clusters, file, out, config)
    if json:
        print_json(_data("clusters", target, report))
        return
    rows = [
        (f.name, f"{f.hops}", f"{100 * f.right:.1f} %", f"{f.margin:+.2f}", f"{f.latents}", f"{f.closeness:.2f}")
        for f in report.fits
    ]
    print_table(("cluster", "hops", "heard right", "margin", "latents", "cosine with its place"), rows, "")
    print(  # noqa: T201
        f"cross-entropy {report.before:.3g} to {report.after:.3g}\n"
        f"{target}: play it with /latentd/mapper clusters; new names of clusters need a restart"
    )

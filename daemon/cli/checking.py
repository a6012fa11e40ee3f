"""What `latentd presets check` knows beside the file itself: the models, trained files and clusters there are."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from daemon import parts
from daemon.config import Analysis
from daemon.control.misfits import misfits
from daemon.errors import BadInput, LatentdError
from daemon.flow import ModelFacts
from daemon.preset import Preset
from daemon.preset.folder import SUFFIXES


def files(path: Path) -> list[Path]:
    """A file, or all preset files of a folder. `BadInput` for a folder that has none."""
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES and not file.name.startswith("."))
    if not found:
        raise BadInput(f"folder {path}", ["holds no presets: they are files that end in .yaml"])
    return found


class Knowledge:
    """What there is on this machine; a model is opened when a preset names it, once."""

    def __init__(self) -> None:
        self._shelves = parts.shelves(Analysis())
        self._facts = cache(self._open)

    def faults(self, preset: Preset) -> Iterator[str]:
        """What a preset asks for and cannot have here, each in one sentence."""
        params = preset.params
        if params.smaller and (why := _unknown(params.smaller)):
            yield f"smaller: {why}"
        facts = None
        if params.model:
            found = self._facts(params.model)
            if isinstance(found, str):
                yield f"model: {found}"
            else:
                facts = found
                yield from self._lacks(preset, facts)
        if params.pairing or params.mapper == "pairs":
            yield from self._pairing(preset, facts)

    def hints(self, preset: Preset) -> Iterator[str]:
        """What may be a slip of the pen: clusters of a preset that names no model, since any may have them."""
        params = preset.params
        if params.model:
            return
        known = {name for learned in self._shelves.clusters.files for name in learned.about.clusters}
        known |= {place.name for place in params.anchors}
        for name, _ in params.clusters:
            if name not in known:
                there = ", ".join(sorted(known)) or "none"
                yield f"clusters.{name}: known here are {there}; name the model that has it (model: NAME)"

    def _open(self, model: str) -> ModelFacts | str:
        """What a model is; the sentence that says why not for one that cannot be had."""
        if why := _unknown(model):
            return why
        try:
            if model in parts.DRAWN:
                return parts.open_renderer(model, "cpu").facts
            from daemon.studio.latents import open_network

            return self._shelves.known(open_network(model).facts)
        except LatentdError as e:
            return str(e).removeprefix("model: ")

    def _lacks(self, preset: Preset, facts: ModelFacts) -> Iterator[str]:
        params = preset.params
        known = dict.fromkeys((*facts.clusters, *(place.name for place in params.anchors)))
        for name, _ in params.clusters:
            if name not in known:
                yield f"clusters.{name}: {params.model} has {', '.join(known) or 'none'}"
        named = (*known, *(name for name, _ in params.clusters))  # said already
        for what in misfits(params, facts.traits, facts.dims, named):
            yield f"model: {params.model} has not got {what}"

    def _pairing(self, preset: Preset, facts: ModelFacts | None) -> Iterator[str]:
        wanted, shelf = preset.params.pairing, self._shelves.pairs
        fitting = shelf.files if facts is None else shelf.fitting(facts)
        names, whose = ", ".join(dict.fromkeys(one.name for one in fitting)), preset.params.model or "any model"
        if not names:
            yield f"mapper: nothing was paired for {whose} yet; see `latentd train pairs`"
        elif wanted and wanted not in names.split(", "):
            yield f"pairing: none named {wanted!r} was paired for {whose}; there are {names}, or leave it out"


def _unknown(model: str) -> str:
    """Why a model is none that is here; empty for one that is."""
    if model in parts.DRAWN:
        return ""
    try:
        path = parts.find_model(model)
    except BadInput as e:
        return e.faults[0]
    return "" if path.is_file() else f"there is no file {path}; give the path of one, or a name of `models/`"

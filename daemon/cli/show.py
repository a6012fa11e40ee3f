"""Commands that list and check: devices, addresses, presets."""

import sys
from pathlib import Path

from cyclopts import App

from daemon.cli.out import print_json, print_table
from daemon.config import home, shipped_presets
from daemon.errors import BadInput, LatentdError
from daemon.preset import Bank

presets = App(name="presets", help="List, check and describe presets.")


def devices(*, json: bool = False) -> None:
    """What this machine can listen to, each with the SOURCE to type: inputs, JACK clients, and what it plays itself.

    Parameters
    ----------
    json
        Print data only.
    """
    from daemon.audio.search import search

    told = search()
    if json:
        print_json(
            {
                "devices": [
                    {
                        "source": f.source,
                        "name": f.device.name,
                        "api": f.device.api,
                        "channels": f.device.channels,
                        "rate": f.device.rate or None,
                        "default": f.device.default,
                    }
                    for f in told.found
                ],
                "missing": [{"source": kind, "text": text} for kind, text in told.missing],
            }
        )
        return
    for kind, text in told.missing:
        print(f"{kind}: {text}", file=sys.stderr)  # noqa: T201
    print_table(
        ("source", "through", "channels", "Hz", ""),
        [
            (
                f.source or f"({f.device.name}: another has the same name)",
                f.device.api,
                str(f.device.channels),
                f"{f.device.rate:g}" if f.device.rate else "",
                "default" if f.device.default else "",
            )
            for f in told.found
        ],
        "nothing to listen to was found; what there always is: file:PATH, tone and none",
    )


def addresses(*, markdown: bool = False, json: bool = False) -> None:
    """Every OSC address, what it takes and what it does.

    Parameters
    ----------
    markdown
        As the table of docs/OSC.md.
    json
        Print data only.
    """
    from daemon.control import table

    if markdown:
        sys.stdout.write(table.markdown(table.rows(["NAME"])))
        return
    rows = table.rows(["aggressive", "calm", "vibrant"])  # of the bundled model
    if json:
        told = ("address", "takes", "unit", "low", "high", "text")
        print_json([{name: getattr(row, name) for name in told} for row in rows])
    else:
        print_table(("address", "takes", "meaning"), [(row.address, row.takes, row.text) for row in rows], "")


def features(*, markdown: bool = False, json: bool = False) -> None:
    """Everything that is heard: the names a route may begin at, 0 to 1 each, and what they are measured in.

    Parameters
    ----------
    markdown
        As the table of docs/HEARING.md.
    json
        Print data only.
    """
    from daemon import descriptors

    if markdown:
        sys.stdout.write(descriptors.markdown())
    elif json:
        print_json([{"name": name, "unit": unit, "text": text} for name, unit, text in descriptors.explained()])
    else:
        print_table(("level", "measured in", "says"), list(descriptors.explained()), "")


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
        print_json(
            [
                {"index": i, "name": p.name, "title": p.title, "fade": p.fade, "mapper": p.params.mapper}
                for i, p in found
            ]
        )
    else:
        rows = [(str(i), p.name, f"{p.fade:g} s", p.params.mapper, p.title) for i, p in found]
        print_table(("index", "name", "fade", "mapper", "title"), rows, "there are none")
    for fault in bank.faults:
        print(fault, file=sys.stderr)  # noqa: T201


@presets.command
def check(*paths: Path) -> None:
    """Check preset files, or with none given every preset there is; every fault is named.

    Models and trained files that a preset names must be here, and the clusters must be those of the model it names.

    Parameters
    ----------
    paths
        YAML files, or folders of them.
    """
    from daemon import preset
    from daemon.cli.checking import Knowledge, files

    faults: list[str] = []
    old: list[Path] = []
    known = Knowledge()
    for path in paths or _preset_folders():
        try:
            there = files(path)
        except BadInput as fault:
            faults.append(str(fault))
            continue
        for file in there:
            try:
                found = preset.load(file, old.append)
            except BadInput as fault:
                faults.extend(f"{file}: {text}" for text in fault.faults)
                continue
            faults.extend(f"{file}: {text}" for text in known.faults(found))
            for hint in known.hints(found):
                print(f"{file}: {hint}")  # noqa: T201
    for path in old:
        print(f"{path} is of an earlier version; saved again it is of version {preset.VERSION}")  # noqa: T201
    if faults:
        raise LatentdError("\n".join(faults))
    print("all well")  # noqa: T201


@presets.command
def schema(*, markdown: bool = False) -> None:
    """The JSON schema of a preset file, for editors.

    Parameters
    ----------
    markdown
        As the table of docs/PRESETS.md.
    """
    from daemon import preset
    from daemon.preset import page

    sys.stdout.write(page.markdown() if markdown else preset.schema())


def _preset_folders() -> list[Path]:
    """The shipped ones, and one's own once there are any."""
    own = home() / "presets"
    return [shipped_presets(), *([own] if any(own.glob("*.y*ml")) else [])]


def _bank() -> Bank:
    return Bank(shipped_presets(), home() / "presets")

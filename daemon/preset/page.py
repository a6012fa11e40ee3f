"""The table of everything a preset file holds, for docs/PRESETS.md."""

from typing import get_args, get_type_hints

from daemon.params import Choice, Curve, Params, Range, Route, Toggle, meanings
from daemon.preset.form import PASSING, PresetFile, RouteFile
from daemon.preset.migrate import VERSION

_HEAD = {
    "version": f"{VERSION}",
    "title": "text",
    "fade": "0 to 600 s",
    "curve": ", ".join(get_args(Curve)),
    "class": "an index, or a weight 0 to 1 for each",
    "clusters": "name: 0 to 1",
    "anchors": "name: a seed, or numbers",
    "bands": "0 to 2 each",
    "routes": "a list, see below",
}


def markdown() -> str:
    """Every key, what it takes, what it is when left out, and what it does."""
    held = {field.alias or name: field for name, field in PresetFile.model_fields.items()}
    head = [
        (key, takes, "needed" if held[key].is_required() else _shown(held[key].default), held[key].description or "")
        for key, takes in _HEAD.items()
    ]
    rows = [*head, *(_row(name) for name in meanings() if name not in PASSING)]
    lines = (f"| `{key}` | {takes} | {default} | {text} |\n" for key, takes, default, text in rows)
    routes = (f"| {line} |\n" for line in _route())
    return (
        f"| key | takes | left out | |\n|---|---|---|---|\n{''.join(lines)}\n"
        f"A route:\n\n| key | takes | left out | |\n|---|---|---|---|\n{''.join(routes)}"
    )


def _row(name: str) -> tuple[str, str, str, str]:
    meaning, default = meanings()[name], _shown(getattr(Params(), name))
    match meaning:
        case Range():
            return name, _span(meaning), default, meaning.text
        case Choice(names, text):
            return name, ", ".join(names), default, text
        case Toggle(text):
            return name, "true or false", default, text
        case _:
            return name, "name", default, meaning.text


def _route() -> list[str]:
    """The keys of one route, `low` and `high` being its `range`."""
    hints = get_type_hints(Route, include_extras=True)
    about = {name: get_args(hint)[1] for name, hint in hints.items()}
    takes = {name: _span(meaning) for name, meaning in about.items() if isinstance(meaning, Range)}
    takes["range"] = f"two numbers of {takes['low']}"
    lines = []
    for name, field in RouteFile.model_fields.items():
        key = field.alias or name
        default = "needed" if field.is_required() else "[0, 1]" if key == "range" else _shown(field.default)
        lines.append(f"`{key}` | {takes.get(key, 'name')} | {default} | {field.description}")
    return lines


def _span(meaning: Range) -> str:
    return f"{meaning.low:g} to {meaning.high:.8g} {meaning.unit}".rstrip()


def _shown(default: object) -> str:
    """A default as one writes it in a file; empty where it is nothing."""
    if isinstance(default, bool):
        return "true" if default else "false"
    if isinstance(default, int | float):
        return f"{default:g}"
    return default if isinstance(default, str) else ""

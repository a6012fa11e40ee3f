"""What was learnt goes into a mapping file: comments and order stay, and nothing is written that cannot be read."""

from pathlib import Path

import yaml

from daemon import document
from daemon.errors import BadInput
from daemon.midi import mapping
from daemon.midi.file import VERSION, MapFile
from daemon.midi.learning import Learnt

_NEW = "version: {version}\ntitle: {title}\nports: [{port}]\ncontrols:\n"
_SOURCES = ("cc", "encoder", "note", "bend", "nrpn", "program")
_Entry = dict[str, object]


def learn(path: Path, learnt: Learnt, to: str, port: str, *, add: bool = False) -> str:
    """Write that a control leads to an address; what it did before goes, unless `add`. The line that says so.

    Makes the file if there is none, for a port of this name. Raises `BadInput` when the file, or the address, will not
    do; then nothing is written.
    """
    entry: _Entry = {**dict(learnt.keys), "to": to}
    label = f"mapping {path}"
    if path.exists():
        document.read(path, MapFile, "mapping")  # names its faults
        text = path.read_text(encoding="utf-8")
    else:
        title, quoted = _scalar(path.stem), _scalar(port)
        text = _NEW.format(version=VERSION, title=title, port=quoted)
    line = _line(entry)
    made = amended(text, entry, add=add)
    if made is None:
        raise BadInput(label, ["its list of controls cannot be extended: give each control a line of its own"])
    mapping.parse(made, path.stem)  # names its faults, such as an address that is none
    try:
        document.write(path, made)
    except OSError as e:
        raise BadInput(label, [f"cannot be written ({e.strerror})"]) from None
    return line


def amended(text: str, entry: _Entry, *, add: bool) -> str | None:
    """The text with an entry at the end of its controls, without those of the same control; None if that fails.

    It is checked by reading it again: what stood there before must stand there still, and the entry behind it.
    """
    before = _controls(text)
    kept = [one for one in before if add or not _alike(one, entry)]
    try:
        made = _with(_without(text, [i for i, one in enumerate(before) if one not in kept]), entry)
        same = _controls(made) == [*kept, entry] and _rest(made) == _rest(text)
    except (yaml.YAMLError, AttributeError):
        return None
    return made if same else None


def _with(text: str, entry: _Entry) -> str:
    """The text with a line after the last control."""
    key, node = _list(text)
    lines = text.splitlines()
    if key is None:
        lines += ["controls:", f"  - {_line(entry)}"]
    elif not isinstance(node, yaml.SequenceNode) or not node.value:
        comment = lines[key].partition("#")
        lines[key : key + 1] = [f"controls: {comment[1]}{comment[2]}".rstrip(), f"  - {_line(entry)}"]
    else:
        last, margin = _end(lines, node.value[-1]), lines[node.value[-1].start_mark.line]
        indent = margin[: len(margin) - len(margin.lstrip())]
        lines.insert(last + 1, f"{indent}- {_line(entry)}")
    return "\n".join(lines) + "\n"


def _without(text: str, which: list[int]) -> str:
    """The text without these controls."""
    node, lines = _list(text)[1], text.splitlines()
    for i in reversed(which):
        assert isinstance(node, yaml.SequenceNode)
        one = node.value[i]
        del lines[one.start_mark.line : _end(lines, one) + 1]
    return "\n".join(lines) + "\n"


def _end(lines: list[str], node: yaml.CollectionNode) -> int:
    """The last line of a node; a block's mark stands where the next thing begins."""
    at = node.end_mark.line - (1 if node.end_mark.column == 0 or node.flow_style is False else 0)
    at = min(max(at, node.start_mark.line), len(lines) - 1)
    while at > node.start_mark.line and (not lines[at].strip() or lines[at].lstrip().startswith("#")):
        at -= 1
    return at


def _list(text: str) -> tuple[int | None, yaml.Node | None]:
    """The line of the key of the controls, and their node."""
    root = yaml.compose(text, yaml.SafeLoader)
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    return next(((key.start_mark.line, value) for key, value in pairs if key.value == "controls"), (None, None))


def _controls(text: str) -> list[_Entry]:
    return list(_data(text).get("controls") or [])


def _rest(text: str) -> _Entry:
    return {key: value for key, value in _data(text).items() if key != "controls"}


def _data(text: str) -> dict[str, list[_Entry]]:
    loaded: dict[str, list[_Entry]] = yaml.safe_load(text)
    return loaded


def _alike(one: _Entry, other: _Entry) -> bool:
    """Whether two entries are of the same control; one without a channel is that of any."""
    names = [[(key, entry.get(key)) for key in _SOURCES if key in entry] for entry in (one, other)]
    numbers = [[number if key not in ("cc", "encoder") else ("cc", number) for key, number in these] for these in names]
    channels = (one.get("channel"), other.get("channel"))
    kinds = [[key if key not in ("cc", "encoder") else "cc" for key, _ in these] for these in names]
    return numbers[0] == numbers[1] and kinds[0] == kinds[1] and (None in channels or channels[0] == channels[1])


def _line(entry: _Entry) -> str:
    return yaml.safe_dump(entry, default_flow_style=True, sort_keys=False, width=10_000).strip()


def _scalar(text: str) -> str:
    return yaml.safe_dump([text], default_flow_style=True, width=10_000).strip()[1:-1]

"""YAML files at the edge: bounded, never executed, every fault named with its place."""

import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import TypeAlias, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from daemon import faults
from daemon.errors import BadInput

LIMIT = 1 << 20  # bytes: no preset or config is near this
_DEPTH = 32
_HELD = (5, 32)  # what Windows says of a file that another program reads just now: access denied, sharing violation
_WAITS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4)  # s: a reader is done with a file of ours in a few milliseconds

_BOOL, _INT, _FLOAT = (f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "float"))

Model = TypeVar("Model", bound=BaseModel)
Upgrade: TypeAlias = Callable[[object, str], object]
"""Plain data and the file's label -> the data as the present version has it; may raise `BadInput`."""


def _as_it_is(data: object, label: str) -> object:  # noqa: ARG001
    return data


class _PlainLoader(yaml.SafeLoader):
    """YAML without aliases (a few bytes of them unfold to gigabytes), double keys or endless nesting.

    As in YAML 1.2, only true and false are switches (`noise: off` is a name; where a switch is asked for, on and off
    are taken for one all the same), 10:30 is a time and no number of base 60, and 010 is ten.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        here = self.get_mark()
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="aliases (*name) are not taken here", problem_mark=here)
        self._depth += 1
        if self._depth > _DEPTH:
            raise yaml.MarkedYAMLError(problem="nested too deep", problem_mark=here)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        seen: set[object] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.MarkedYAMLError(problem=f"{key.value!r} stands here twice", problem_mark=key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


_PLAIN = (  # what a word without quotes is, if no text, by the letters it may begin with
    (_BOOL, "tTfF", r"true|True|TRUE|false|False|FALSE"),
    (_INT, "-+0123456789", r"[-+]?(?:0|[1-9][0-9_]*)|0x[0-9a-fA-F]+"),
    (_FLOAT, "-+.0123456789", r"[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9]+)[eE][-+]?[0-9]+"),
    (_FLOAT, "-+.0123456789", r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9]+|\.(?:inf|Inf|INF))|\.(?:nan|NaN|NAN)"),
)
_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, known) for tag, known in found if tag not in (_BOOL, _INT, _FLOAT)]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _first, _pattern in _PLAIN:
    _PlainLoader.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern})\Z"), list(_first))


def is_there(path: Path) -> bool:
    """Whether there is a file to read, also one that may not be: whoever reads it hears why."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def read(path: Path, model: type[Model], what: str, upgrade: Upgrade = _as_it_is) -> Model:
    """The file as a `model`; `BadInput` names every fault, each with its place in the file."""
    label = f"{what} {path}"
    try:
        if path.stat().st_size > LIMIT:
            raise BadInput(label, [f"larger than {LIMIT >> 20} MB, which no {what} is"])
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise BadInput(label, ["not UTF-8 text"]) from None
    except OSError as e:
        raise BadInput(label, [f"cannot be read ({e.strerror})"]) from None
    return parse(text, model, label, upgrade)


def parse(text: str, model: type[Model], label: str, upgrade: Upgrade = _as_it_is) -> Model:
    """YAML text as a `model`; `BadInput` names every fault."""
    if yaml.reader.Reader.NON_PRINTABLE.search(text):
        raise BadInput(label, ["holds characters that no text has"])
    loader = _PlainLoader(text)
    try:
        data = loader.get_single_data()
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, RecursionError) as e:
        raise BadInput(label, [_yaml_fault(e)]) from None
    finally:
        loader.dispose()
    return check(upgrade({} if data is None else data, label), model, label)


def check(data: object, model: type[Model], label: str) -> Model:
    """Plain data as a `model`; `BadInput` names every fault."""
    try:
        return model.model_validate(data)
    except ValidationError as e:
        raise BadInput(label, faults.told(e, data, model)) from None


def write(path: Path, text: str) -> None:
    """Replace a file in one step, so that a crash never leaves half of it; `OSError` when it cannot be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        _replace(Path(name), path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def _replace(new: Path, path: Path) -> None:
    """In place of the old one; Windows does so only once nobody has that open."""
    for wait in (*_WAITS, None):
        try:
            new.replace(path)
            return
        except PermissionError as e:
            if getattr(e, "winerror", None) not in _HELD or path.is_dir():
                raise
            if wait is None:
                why = "it stays open in another program, or is read-only"
                raise PermissionError(e.errno, why, str(path)) from None
        Event().wait(wait)


def dump(data: object) -> str:
    """Plain YAML text, keys in the order given."""
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def _yaml_fault(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem or 'not YAML'}"
    if isinstance(error, LookupError | AttributeError | TypeError):  # how PyYAML takes a tag that lies
        return "a tag (!!...) that its value does not fit; leave it out"
    return f"not YAML ({error})"

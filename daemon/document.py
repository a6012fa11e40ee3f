"""YAML files at the edge: bounded, never executed, every fault named with its place."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import TypeAlias, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from daemon.errors import BadInput

LIMIT = 1 << 20  # bytes: no preset or config is near this
_DEPTH = 32
_HELD = (5, 32)  # what Windows says of a file that another program reads just now: access denied, sharing violation
_WAITS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4)  # s: a reader is done with a file of ours in a few milliseconds

Model = TypeVar("Model", bound=BaseModel)
Upgrade: TypeAlias = Callable[[object, str], object]
"""Plain data and the file's label -> the data as the present version has it; may raise `BadInput`."""


def _as_it_is(data: object, label: str) -> object:  # noqa: ARG001
    return data


class _PlainLoader(yaml.SafeLoader):
    """YAML without aliases (a few bytes of them unfold to gigabytes), double keys or endless nesting."""

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
        raise BadInput(label, [_fault(err["loc"], err["type"], err["msg"]) for err in e.errors()]) from None


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


def _fault(place: tuple[int | str, ...], kind: str, message: str) -> str:
    where = ".".join(str(p) for p in place) or "the whole file"
    if kind == "extra_forbidden":
        return f"{where} is not a known key"
    message = message.removeprefix("Value error, ")  # our own sentences
    return f"{where}: {message[:1].lower()}{message[1:]}"

"""What is wrong with a file, in words: one sentence for each fault, with its place and what was given."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from difflib import get_close_matches
from typing import Any, TypeAlias, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

Made = TypeVar("Made")
Place: TypeAlias = tuple[int | str, ...]
More: TypeAlias = Callable[[object], Iterable[tuple[Place, str]]]

_SHOWN = 40  # characters of a value
_LONGEST = 200  # characters of a place
_HUGE = 10**_SHOWN
_SECRET = (("http", "token"), ("sync", "key"))  # which no log shows
_UNKNOWN = ("extra_forbidden", "invalid_key", "unexpected_keyword_argument")
_OURS = ("value_error", "show")  # sentences of our own

SPELLED = {
    r"^[A-Za-z0-9 _-]{1,40}$": "1 to 40 of a-z, A-Z, 0-9, blanks, _ and -",
    r"^[ -~]*$": "plain letters, digits and signs",
    r"^[a-z][a-z0-9_-]{0,63}$": "a name of 1 to 64 of a-z, 0-9, _ and -, beginning with a letter",
    r"^[A-Za-z0-9_.+-]{1,64}$": "a name of 1 to 64 of a-z, A-Z, 0-9, _, ., + and -",
}
"""What a text must be, by the pattern that says so."""


def _amount(ctx: Mapping[str, Any], key: str) -> str:
    number = ctx[key]
    return f"{number:g}" if isinstance(number, float) else str(number)


def _count(ctx: Mapping[str, Any], key: str, what: str) -> str:
    return f"{ctx[key]} {what}" if ctx[key] == 1 else f"{ctx[key]} {what}s"


def _expected(ctx: Mapping[str, Any]) -> str:
    plain = re.sub(r"'([^']*)'", r"\1", str(ctx["expected"]))
    return {"True": "true", "False": "false"}.get(plain, plain)


_KEYS = "keys with values (key: value)"

WORDS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "bool_parsing": lambda _: "true or false",
    "bool_type": lambda _: "true or false",
    "dataclass_exact_type": lambda _: _KEYS,
    "dataclass_type": lambda _: _KEYS,
    "dict_type": lambda _: "names with values (name: value)",
    "enum": _expected,
    "finite_number": lambda _: "a finite number",
    "float_parsing": lambda _: "a number",
    "float_type": lambda _: "a number",
    "greater_than": lambda ctx: f"more than {_amount(ctx, 'gt')}",
    "greater_than_equal": lambda ctx: f"at least {_amount(ctx, 'ge')}",
    "int_from_float": lambda _: "a whole number",
    "int_parsing": lambda _: "a whole number",
    "int_parsing_size": lambda _: "a whole number of fewer digits",
    "int_type": lambda _: "a whole number",
    "less_than": lambda ctx: f"less than {_amount(ctx, 'lt')}",
    "less_than_equal": lambda ctx: f"at most {_amount(ctx, 'le')}",
    "literal_error": _expected,
    "model_type": lambda _: _KEYS,
    "string_pattern_mismatch": lambda ctx: SPELLED.get(str(ctx["pattern"]), "other characters"),
    "string_too_long": lambda ctx: f"at most {_count(ctx, 'max_length', 'character')}",
    "string_too_short": lambda ctx: f"at least {_count(ctx, 'min_length', 'character')}",
    "string_type": lambda _: "text, in quotes if need be",
    "string_unicode": lambda _: "text",
    "too_long": lambda ctx: f"at most {_count(ctx, 'max_length', 'item')}",
    "too_short": lambda ctx: f"at least {_count(ctx, 'min_length', 'item')}",
    "tuple_type": lambda _: "a list, in [ ]",
}
"""What is needed instead, by pydantic's name of the fault; `missing` and `extra_forbidden` are sentences themselves."""


def told(error: ValidationError, data: object, model: type[BaseModel]) -> list[str]:
    """Every fault of a file's data, once each; those that only follow from another are left out."""
    found: dict[tuple[str, str], list[str]] = {}  # by place and value, what is needed there
    sentences: list[str] = []
    for fault in error.errors():
        kind, ctx, value = fault["type"], fault.get("ctx", {}), fault["input"]
        place = _written(fault["loc"], data)
        where = _joined(place) or "the whole file"
        if kind == "missing":
            sentences.append(_missing(fault["loc"], model))
        elif kind in _UNKNOWN:
            sentences.append(_unknown(fault["loc"], model))
        elif kind == "too_short" and isinstance(value, Sequence | Mapping) and len(value) >= ctx["min_length"]:
            continue  # there are as many, but some of them are wrong, which is said
        elif kind in _OURS:
            text = fault["msg"].removeprefix("Value error, ")
            sentences += _own(where, text, value)
        else:
            need = WORDS[kind](ctx) if kind in WORDS else fault["msg"]
            given = _given(kind, value, ctx, secret=place in _SECRET)
            needs = found.setdefault((where, given), [])
            if need not in needs:  # of a range that was given as one number, both ends
                needs.append(need)
            if len(needs) > 1:
                continue
            sentences.append(f"{where}\0{given}")
    whole = {f"{where}\0{given}": f"{where}: {' or '.join(needs)}{given}" for (where, given), needs in found.items()}
    return list(dict.fromkeys(whole.get(sentence, sentence) for sentence in sentences))


def all_told(data: object, handler: Callable[[object], Made], more: More) -> Made:
    """What pydantic makes of data; what `more` finds wrong with the whole is told along with what is in its parts."""
    lines: list[InitErrorDetails] = []
    made: Made | None = None
    try:
        made = handler(data)
    except ValidationError as e:
        lines = [_again(fault) for fault in e.errors()]
    for place, text in more(data):
        error = PydanticCustomError("show", "{text}", {"text": text})
        lines.append(InitErrorDetails(type=error, loc=place, input=data))
    if made is None or lines:
        raise ValidationError.from_exception_data("show", lines)
    return made


def _again(fault: ErrorDetails) -> InitErrorDetails:
    kind: str | PydanticCustomError = fault["type"]
    if kind == "show":
        kind = PydanticCustomError("show", "{text}", fault["ctx"])
        return InitErrorDetails(type=kind, loc=fault["loc"], input=fault["input"])
    return InitErrorDetails(type=kind, loc=fault["loc"], input=fault["input"], ctx=fault.get("ctx", {}))


def spoken(value: object) -> str:
    """A value of a file as it is written there, cut short."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.10g}"
        case int():
            return str(value) if abs(value) < _HUGE else "so large a one"
        case str():
            return repr(value if len(value) <= _SHOWN else f"{value[:_SHOWN]}...")
        case date():
            return value.isoformat()
        case Mapping():
            return f"{{{_joined(list(value)[:1])}: ...}}" if value else "{}"
        case list() | tuple():
            some = ", ".join("..." if isinstance(item, list | Mapping) else spoken(item) for item in value[:3])
            return f"[{some}, ...]" if len(value) > 3 else f"[{some}]"
        case _:
            return f"a {type(value).__name__}"


def _joined(place: Sequence[object]) -> str:
    """A place in the file, such as routes.0.source; a key may hold anything."""
    return ".".join(str(key) if str(key).isprintable() else ascii(key)[1:-1] for key in place)[:_LONGEST]


def _given(kind: str, value: object, ctx: Mapping[str, Any], *, secret: bool) -> str:
    if kind in ("too_long", "too_short"):
        return f", not {ctx['actual_length'] or 'none'}"
    if kind in ("string_too_long", "string_too_short") or secret:
        return f", not {len(value) or 'none'}" if isinstance(value, str) else ""
    if kind in ("literal_error", "enum") and isinstance(value, str) and value == ctx["expected"]:
        return f", without quotes, not {spoken(value)}"
    return f", not {spoken(value)}"


def _own(where: str, text: str, value: object) -> Iterator[str]:
    """A sentence of ours, which may tell of a place further in; with the value, if it does not name it."""
    simple = value is None or isinstance(value, bool | int | float | str)
    known = not simple or spoken(value) in text or (isinstance(value, str) and value[:_SHOWN] in text and value)
    head = "" if where == "the whole file" else f"{where}: "
    yield f"{head}{text[:1].lower()}{text[1:]}" + ("" if known else f", not {spoken(value)}")


def _missing(loc: Place, model: type[BaseModel]) -> str:
    where = _joined(loc)
    if loc == ("version",):
        number = get_args(model.model_fields["version"].annotation)[0]
        return f"version is missing; begin the file with version: {number}"
    return f"{where} is missing; it is needed"


def _unknown(loc: Place, model: type[BaseModel]) -> str:
    where, here = _joined(loc), {model}
    for step in loc[:-1]:
        deeper = {one for m in here for key, field in _keys(m) if key == step for one in _models(field.annotation)}
        here = deeper or here  # a number in a list, or a name of the file's own, leads nowhere further
    near = get_close_matches(str(loc[-1]), [key for m in here for key, _ in _keys(m)], n=1)
    return f"{where} is not a known key; " + (f"did you mean {near[0]}?" if near else "leave it out")


def _keys(model: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    return ((field.alias or name, field) for name, field in model.model_fields.items())


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _written(loc: Place, data: object) -> Place:
    """As much of a place as the file has: pydantic goes on into what it made of it, and into what it tried."""
    for depth, step in enumerate(loc):
        if isinstance(data, list | tuple):
            data = dict(enumerate(data))
        if not isinstance(data, Mapping) or step not in data:
            return loc[:depth]
        data = data[step]
    return loc

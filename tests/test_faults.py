"""What is wrong with a file, in words that its writer can act on."""

import math
import re
import typing
from datetime import date

import pytest
from pydantic import BaseModel, ValidationError

from daemon import document, faults
from daemon.config import Config
from daemon.errors import BadInput
from daemon.midi.file import MapFile
from daemon.preset import PresetFile
from daemon.state import _File
from daemon.studio.clusters import ClustersFile
from daemon.studio.pairs import PairsFile

MODELS = (Config, PresetFile, _File, MapFile, ClustersFile, PairsFile)
WRONG = (
    None,
    True,
    -7,
    3,
    0.5,
    1e9,
    -1e9,
    math.inf,
    math.nan,
    10**400,
    "",
    "nosuch",
    "-",
    "a b!",
    "x" * 5000,
    "9" * 5000,
)
WRONG_WHOLES = ([], [None], ["x"] * 5000, [1, 2, 3], [{}], {}, {"nosuch": 1}, {1: 2}, {"a": [1]}, date(2026, 12, 24))
JARGON = re.compile(
    r"[Ii]nput|valid|instance|dictionary|tuple|pattern|should|parse|type\b|constrained|Field|required|None|True|False"
)


def said(text, model=PresetFile):
    with pytest.raises(BadInput) as told:
        document.parse(text, model, "file")
    return told.value.faults


def schemas(schema):
    """Every part of what pydantic checks by."""
    if isinstance(schema, dict):
        if isinstance(schema.get("type"), str):
            yield schema
        for key, part in schema.items():
            if key not in ("metadata", "serialization", "default", "function"):
                yield from schemas(part)
    elif isinstance(schema, list | tuple):
        for part in schema:
            yield from schemas(part)


CODES = {
    "bool": ("bool_type", "bool_parsing"),
    "dataclass": ("dataclass_type", "dataclass_exact_type"),
    "dataclass-args": ("missing",),
    "dict": ("dict_type",),
    "enum": ("enum",),
    "float": ("float_type", "float_parsing"),
    "int": ("int_type", "int_parsing", "int_from_float", "int_parsing_size"),
    "literal": ("literal_error",),
    "model": ("model_type",),
    "model-fields": ("model_type", "missing", "extra_forbidden", "invalid_key"),
    "str": ("string_type", "string_unicode"),
    "tuple": ("tuple_type", "missing", "too_long"),
}
BOUNDS = {
    "ge": "greater_than_equal",
    "gt": "greater_than",
    "le": "less_than_equal",
    "lt": "less_than",
    "pattern": "string_pattern_mismatch",
}
LENGTHS = {
    ("str", "min_length"): "string_too_short",
    ("str", "max_length"): "string_too_long",
    ("tuple", "min_length"): "too_short",
    ("tuple", "max_length"): "too_long",
    ("dict", "min_length"): "too_short",
    ("dict", "max_length"): "too_long",
}
WRAPPING = {  # no faults of their own, or sentences of ours
    "default", "definition-ref", "definitions", "function-after", "function-before", "function-wrap", "model-field",
    "function-plain", "nullable", "union", "lax-or-strict", "json-or-python", "dataclass-field", "any", "is-instance",
    "date", "frozenset", "timedelta",
}  # fmt: skip


def codes(model):
    """Every fault that pydantic can find by this model's own schema."""
    for schema in schemas(model.__pydantic_core_schema__):
        kind = schema["type"]
        assert kind in CODES or kind in WRAPPING, f"{model.__name__} checks {kind}: which faults does that find?"
        yield from CODES.get(kind, ())
        yield from (code for key, code in BOUNDS.items() if schema.get(key) is not None)
        yield from (code for (of, key), code in LENGTHS.items() if of == kind and schema.get(key) is not None)
        if schema.get("allow_inf_nan") is False:
            yield "finite_number"
        if kind == "str" and "pattern" in schema:
            assert schema["pattern"] in faults.SPELLED


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
def test_there_are_words_for_every_fault_that_a_file_can_have(model):
    without = set(codes(model)) - set(faults.WORDS) - {"missing", *faults._UNKNOWN}
    assert not without


def places(model, depth=3):
    """Ways into a model's files: each a function that puts a value there, in as little as there must be."""
    yield lambda value: value
    for name, field in model.model_fields.items():
        key, shape = field.alias or name, str(field.annotation)
        around = "list" if "tuple[" in shape else "dict" if "dict[" in shape else ""
        yield lambda value, key=key: {key: value}
        if around:
            yield lambda value, key=key, around=around: {key: wrapped(around, value)}
        for inner in set(inner_models(field.annotation)) if depth else ():
            for put in places(inner, depth - 1):
                yield lambda value, key=key, put=put, around=around: {key: wrapped(around, put(value))}


def wrapped(around, value):
    return {"list": [value], "dict": {"a": value}, "": value}[around]


def inner_models(annotation):
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in typing.get_args(annotation):
        yield from inner_models(part)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
def test_whatever_is_written_wherever_is_answered_in_plain_words(model):
    met = set()
    for put in places(model):
        for value in (*WRONG, *WRONG_WHOLES):
            data = put(value)
            try:
                model.model_validate(data)
            except ValidationError as e:
                met |= {fault["type"] for fault in e.errors()}
                told = faults.told(e, data, model)
                assert told
                assert len(told) == len(set(told))
                for text in told:
                    plain = re.sub(r"'[^']*'", "", text)
                    assert not JARGON.search(plain), text
                    assert len(text) < 1000, text
    assert met - {"missing", *faults._UNKNOWN, *faults._OURS} <= set(faults.WORDS)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("version: 2\npsi: 7", "psi: at most 1.5, not 7"),
        ("version: 2\npsi: -0.5", "psi: at least 0, not -0.5"),
        ("version: 2\npsi: .nan", "psi: a finite number, not nan"),
        ("version: 2\npsi: wild", "psi: a number, not 'wild'"),
        ("version: 2\nseed: 1.5", "seed: a whole number, not 1.5"),
        ("version: 2\nloop: 1:30", "loop: a number, not '1:30'"),
        ("version: 2\nstereo: maybe", "stereo: true or false, not 'maybe'"),
        ("version: 2\nnoise: loud", "noise: fixed, off or moving, not 'loud'"),
        ("version: 2\nbands: 1", "bands: a list, in [ ], not 1"),
        ("version: 2\nroutes: {source: rms}", "routes: a list, in [ ], not {source: ...}"),
        ("version: 2\nclusters: [calm]", "clusters: names with values (name: value), not ['calm']"),
        ("version: 2\nclass: x", "class: a whole number or a list, in [ ], not 'x'"),
        ("version: 2\ntitle: 1984", "title: text, in quotes if need be, not 1984"),
        ("version: 2\npsy: 1", "psy is not a known key; did you mean psi?"),
        ("version: 2\nwake: 1", "wake is not a known key; leave it out"),
        ("version: 2\nroutes: [{source: rms}]", "routes.0.target is missing; it is needed"),
        (
            "version: 2\nroutes: [{source: rms, target: psi, atack: 2}]",
            "routes.0.atack is not a known key; did you mean attack?",
        ),
        ("psi: 1", "version is missing; begin the file with version: 2"),
        ("version: '2'", "version: 2, without quotes, not '2'"),
        ("[]", "the whole file: keys with values (key: value), not []"),
        ('version: 2\nclusters: {"\\e[31mred": 5}', r"clusters.\x1b[31mred: at most 1, not 5"),
    ],
)  # fmt: skip
def test_a_fault_of_a_preset_is_one_sentence_with_its_place_and_what_was_given(text, told):
    assert said(text) == (told,)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("osc: {allow: 192.168.1.0/24}", "osc.allow: a list, in [ ], not '192.168.1.0/24'"),
        ("osc: {hots: x}", "osc.hots is not a known key; did you mean host?"),
        ("sync: {role: boss}", "sync.role: off, leader or follower, not 'boss'"),
        ("output: {fit: fill}", "output.fit: letterbox, cover or stretch, not 'fill'"),
        ("sinks: []", "sinks: at least 1 item, not none"),
        ("size: big", "size: 16 to 4096 pixels: 512 for a square, or 1920x1080, not 'big'"),
        ("show: {wake: {from: 9:00}}", "show.wake: a list, in [ ], not {from: ...}"),
        ("show: {playlists: {a: [hearth]}}", "show.playlists.a: keys with values (key: value), not ['hearth']"),
        ("show: {silence: {after: 0, preset: x}}", "show.silence.after: at least 1, not 0"),
    ],
)  # fmt: skip
def test_a_fault_of_a_config_is_one_sentence_with_its_place_and_what_was_given(text, told):
    assert said(f"version: 1\n{text}", Config) == (told,)


@pytest.mark.parametrize(
    "text", ["http: {token: abc}", "sync: {key: abc}", "http: {token: 12345}", "sync: {key: [abc]}"]
)
def test_no_secret_gets_into_a_log(text):
    (told,) = said(f"version: 1\n{text}", Config)
    assert "abc" not in told
    assert "12345" not in told


def test_all_faults_are_told_at_once_and_none_that_only_follows_from_another():
    text = "psi: 7\nbands: 1\nfoo: 1\nroutes: [{source: rms, target: psi, range: [1, 2, 3]}]"
    assert [fault.partition(":")[0] for fault in said(text)] == [
        "version is missing; begin the file with version",
        "bands",
        "routes.0.range",
        "psi",
        "foo is not a known key; leave it out",
    ]


@pytest.mark.parametrize(("word", "role"), [("off", "off"), ("'off'", "off"), ("leader", "leader")])
def test_off_is_a_name_where_names_are_asked_for(word, role):
    assert document.parse(f"version: 1\nsync: {{role: {word}}}", Config, "config").sync.role == role
    assert document.parse("version: 2\nnoise: off", PresetFile, "preset").noise == "off"


@pytest.mark.parametrize("word", ["true", "True", "on", "yes", "On", "YES", "'true'", "1"])
def test_a_switch_is_taken_in_every_word_for_it(word):
    assert document.parse(f"version: 2\nstereo: {word}", PresetFile, "preset").stereo is True


@pytest.mark.parametrize("word", ["false", "FALSE", "off", "no", "Off", "NO", "'false'", "0"])
def test_a_switch_is_let_go_in_every_word_for_it(word):
    assert document.parse(f"version: 2\ngate_enable: {word}", PresetFile, "preset").gate_enable is False


@pytest.mark.parametrize(
    ("word", "number"),
    [("0.5", 0.5), ("5e-1", 0.5), (".5", 0.5), ("+1", 1), ("1.", 1), ("01", 1), ("1_0e-1", 1.0), ("0x1", 1)],
)
def test_numbers_are_read_as_they_are_written(word, number):
    assert document.parse(f"version: 2\npsi: {word}", PresetFile, "preset").psi == number


def test_a_seed_with_a_nought_before_it_is_no_number_of_base_8():
    assert document.parse("version: 2\nseed: 010", PresetFile, "preset").seed == 10


@pytest.mark.parametrize("written", [9, 20, 59, 600, 900, 36_000, "9", "900"])
def test_a_bare_number_is_no_time_of_day(written):
    (told,) = said(f"version: 1\nshow: {{wake: [{{from: {written!r}, to: 23:59}}]}}", Config)
    assert told == f"show.wake.0.from: a time of day such as 18:30, from 00:00 to 24:00, not {written!r}"


@pytest.mark.parametrize("written", ["9:00", "09:00", "9:00:00", "'9:00'"])
def test_a_time_of_day_is_what_a_clock_shows(written):
    show = document.parse(f"version: 1\nshow: {{wake: [{{from: {written}}}]}}", Config, "config").show
    assert show.wake[0].from_.total_seconds() == 9 * 3600


@pytest.mark.parametrize("target", ["translate/x", "translate_x", "layers/coarse/smoothing"])
def test_a_route_goes_to_a_number_by_its_name_or_as_its_address_has_it(target):
    (route,) = document.parse(f"version: 2\nroutes: [{{source: rms, target: {target}}}]", PresetFile, "preset").routes
    assert route.target == target.replace("/", "_")


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("translate/z", "'translate/z' cannot be moved; did you mean translate_y? there are gain, drift"),
        ("seed", "'seed' cannot be moved; there are gain"),
        ("direction/16", "'direction/16' cannot be moved; "),
        ("", "'' cannot be moved; there are gain"),
    ],
)
def test_what_cannot_be_moved_is_told_with_what_can(target, told):
    (said_of_it,) = said(f"version: 2\nroutes: [{{source: rms, target: '{target}'}}]")
    assert said_of_it.startswith(f"routes.0.target: {told}")
    assert said_of_it.endswith(" and direction/0 to direction/15")

import json
import struct
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from mapping.trained import made, moment

from daemon.errors import BadInput
from daemon.mapping.mlp import FAR, FORMAT, LIMIT, pack, read
from daemon.render.swatch import SwatchRenderer

FACTS = SwatchRenderer(16).facts
GOOD = made(facts=FACTS)


def tensors(learned=GOOD):
    return {key: np.asarray(t, np.float32) for key, t in learned.tensors.items()}


def packed(about=None, **changes):
    """The good file with some of it changed; None takes a tensor away."""
    kept = {key: t for key, t in (tensors() | changes).items() if t is not None}
    said = json.loads(GOOD.about.model_dump_json()) | (about or {})
    return safetensors.numpy.save(kept, metadata={FORMAT: json.dumps(said)})


def test_what_is_packed_is_read_back_bit_for_bit(tmp_path):
    path = tmp_path / "mine.safetensors"
    path.write_bytes(pack(GOOD))
    back = read(path)
    assert (back.name, back.about) == ("mine", GOOD.about)
    assert all(np.array_equal(back.tensors[key], t) for key, t in GOOD.tensors.items())
    assert pack(back) == pack(GOOD)


def test_a_net_is_one_layer_of_relus_over_standardised_descriptors():
    torch = pytest.importorskip("torch")
    raw = np.stack([moment(seed) for seed in range(6)])
    layers = [torch.nn.Linear(23, 5), torch.nn.ReLU(), torch.nn.Linear(5, FACTS.w_dim)]
    for layer, name in ((layers[0], "in"), (layers[2], "out")):
        layer.weight.data = torch.tensor(GOOD.tensors[f"{name}.weight"])
        layer.bias.data = torch.tensor(GOOD.tensors[f"{name}.bias"])
    x = GOOD.standard(raw)
    want = torch.nn.Sequential(*layers)(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(GOOD.infer(x), want, atol=1e-12)
    np.testing.assert_allclose(GOOD.infer(x[2]), want[2], atol=1e-12)


def test_a_descriptor_far_off_counts_as_far_and_no_farther():
    assert np.abs(GOOD.standard(1e9 * moment(1))).max() == FAR


ABOUT = {
    "another version": ({"version": 2}, "update"),
    "an unknown key": ({"code": "import os"}, "damaged"),
    "no model": ({"model": 3}, "damaged"),
    "gives nothing known": ({"gives": "pictures"}, "damaged"),
    "unknown descriptors": ({"descriptors": ["sparkle"] * 23}, "sparkle"),
    "clusters where none belong": ({"clusters": ["a"]}, "clusters"),
    "weights of no clusters": ({"gives": "weights"}, "clusters"),
    "too many dimensions": ({"w_dim": 10**9}, "damaged"),
    "other dimensions": ({"w_dim": 15}, "tensors"),
}
BYTES = {
    "empty": (b"", "cut short"),
    "a few bytes": (b"\x07\x00", "cut short"),
    "random": (np.random.default_rng(0).bytes(5000), "cut short"),
    "cut in the header": (pack(GOOD)[:100], "cut short"),
    "cut in the numbers": (pack(GOOD)[:-100], "damaged"),
    "a longer header than file": (struct.pack("<Q", 1 << 40) + b"{}", "cut short"),
    "an endless header": (struct.pack("<Q", 3 << 20) + b" " * (3 << 20), "header"),
    "a nested header": (struct.pack("<Q", 200_000) + b"[" * 200_000, "damaged"),
    "a list for a header": (struct.pack("<Q", 2) + b"[]", "damaged"),
    "a pickle": (b"\x80\x04\x95" + b"cos\nsystem\n" * 40, "cut short"),
    "too large": (bytes(LIMIT + 1), "larger"),
    "of something else": (safetensors.numpy.save({"x": np.zeros(3)}), "something else"),
    "another's metadata": (safetensors.numpy.save({"x": np.zeros(3)}, metadata={"format": "pt"}), "something else"),
}
TENSORS = {
    "no number": ({"out.weight": np.full((16, 5), np.nan, np.float32)}, "numbers"),
    "infinite": ({"mean": np.full(23, np.inf, np.float32)}, "numbers"),
    "beyond bounds": ({"in.bias": np.full(5, 1e30, np.float32)}, "numbers"),
    "no spread": ({"std": np.zeros(23, np.float32)}, "spread"),
    "a negative spread": ({"std": np.full(23, -1.0, np.float32)}, "spread"),
    "64 bits": ({"mean": np.zeros(23)}, "32-bit"),
    "whole numbers": ({"mean": np.zeros(23, np.int32)}, "32-bit"),
    "one too few": ({"rest": None}, "tensors"),
    "one too many": ({"more": np.zeros(3, np.float32)}, "tensors"),
    "another shape": ({"rest": np.zeros(17, np.float32)}, "tensors"),
    "turned": ({"out.weight": np.zeros((5, 16), np.float32)}, "tensors"),
    "a scalar": ({"in.bias": np.zeros((), np.float32)}, "tensors"),
    "nothing hidden": (
        {"in.weight": np.zeros((0, 23), np.float32), "in.bias": np.zeros(0, np.float32),
         "out.weight": np.zeros((16, 0), np.float32)}, "tensors",
    ),
    "too wide": (
        {"in.weight": np.zeros((5000, 23), np.float32), "in.bias": np.zeros(5000, np.float32),
         "out.weight": np.zeros((16, 5000), np.float32)}, "tensors",
    ),
}  # fmt: skip
HOSTILE = (
    [pytest.param(data, word, id=name) for name, (data, word) in BYTES.items()]
    + [pytest.param(packed(about), word, id=name) for name, (about, word) in ABOUT.items()]
    + [pytest.param(packed(**changed), word, id=name) for name, (changed, word) in TENSORS.items()]
)


@pytest.mark.parametrize(("data", "word"), HOSTILE)
def test_a_hostile_file_is_refused_in_one_sentence(tmp_path, data, word):
    path = tmp_path / "x.safetensors"
    path.write_bytes(data)
    with pytest.raises(BadInput) as refusal:
        read(path)
    said = str(refusal.value)
    assert len(refusal.value.faults) == 1
    assert word in said
    assert said.startswith(f"trained file {path}: ")
    assert "\n" not in said
    assert len(said) < len(str(path)) + 200


def test_a_file_that_is_not_there_or_a_folder_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "none.safetensors"):
        with pytest.raises(BadInput, match="cannot be read"):
            read(path)


@settings(deadline=None, max_examples=150)
@given(st.integers(0, len(pack(GOOD)) - 1), st.integers(0, 255))
def test_a_byte_changed_anywhere_is_refused_or_harmless(tmp_path_factory, at, byte):
    data = bytearray(pack(GOOD))
    data[at] = byte
    path = tmp_path_factory.getbasetemp() / "byte.safetensors"
    path.write_bytes(bytes(data))
    with suppress(BadInput):
        back = read(path)
        assert np.isfinite(back.infer(back.standard(moment(3)))).all()


def test_a_file_fits_the_network_it_was_made_for_whatever_that_is_called():
    assert GOOD.misfit(FACTS) == ""
    assert GOOD.misfit(replace(FACTS, name="renamed", resolution=1024)) == ""
    assert "another network" in GOOD.misfit(replace(FACTS, w_avg=FACTS.w_avg + 0.01))
    assert "z, w and ws are 16, 16 and 4" in GOOD.misfit(replace(FACTS, w_dim=32, w_avg=np.zeros(32, np.float32)))
    assert GOOD.misfit(replace(FACTS, num_ws=9)) == ""  # w is for every layer
    assert made("ws", facts=FACTS).misfit(replace(FACTS, num_ws=9)) != ""

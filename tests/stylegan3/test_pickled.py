"""Hostile and damaged checkpoints: each refused in one sentence, nothing run, no memory taken on a file's word."""

import builtins
import collections
import os
import pickle
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from goldens import path
from hypothesis import given, settings
from hypothesis import strategies as st

import stylegan3
from stylegan3 import CheckpointError
from stylegan3.pickled import Global, Machine
from stylegan3.snapshot import read_snapshot

GOOD = path("sg3t_64").read_bytes()


class Call:
    """Pickles as a call."""

    def __init__(self, what: Any, *args: Any, state: Any = None) -> None:
        self.what, self.args, self.state = what, args, state

    def __reduce__(self) -> Any:
        return (self.what, self.args) if self.state is None else (self.what, self.args, self.state)


def refusal(tmp_path: Path, data: bytes, name: str = "network.pkl") -> str:
    file = tmp_path / name
    file.write_bytes(data)
    with pytest.raises(CheckpointError) as caught:
        stylegan3.load(file)
    text = str(caught.value)
    assert text.startswith(name)
    assert "\n" not in text
    assert len(text) < 300
    return text


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    return tmp_path / "sprung"


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_global_that_is_not_allowed_is_refused_by_name_and_not_run(tmp_path: Path, trap: Path, protocol: int) -> None:
    for call, name in (
        (Call(os.system, f"touch {trap}"), "posix.system" if os.name == "posix" else "nt.system"),
        (Call(builtins.eval, f"open({str(trap)!r}, 'w')"), "__builtin__.eval" if protocol == 2 else "builtins.eval"),
        (Call(builtins.getattr, os, "system"), "getattr"),
        (Call(builtins.__import__, "os"), "__import__"),
        (Call(torch.load, "x"), "torch.serialization.load"),
        (Call(np.load, "x"), "numpy"),
        (Call(collections.Counter, "x"), "collections.Counter"),
        (Call(pickle.loads, b""), "pickle.loads"),
    ):
        if name == "getattr":
            call.args = ("", "join")  # a module itself does not pickle
        data = pickle.dumps({"G_ema": call}, protocol)
        text = refusal(tmp_path, data)
        assert name in text
        assert "has no use for" in text
    assert not trap.exists()


def test_a_textual_pickle_is_refused_by_the_name_it_asks_for(tmp_path: Path, trap: Path) -> None:
    text = refusal(tmp_path, b"cos\nsystem\n(S'touch " + str(trap).encode() + b"'\ntR.")
    assert "asks for os.system, which a checkpoint has no use for" in text
    assert not trap.exists()


@pytest.mark.parametrize(
    "stream",
    [
        b"\x80\x04(ios\nsystem\n.",  # INST
        b"\x80\x02(cos\nsystem\nX\x01\x00\x00\x00ao.",  # OBJ
        b"\x80\x04\x82\x01.",  # EXT1
        b"\x80\x04\x8c\x01aQ.",  # a persistent object at the top
        b"\x80\x04}\x8c\x01a\x85R.",  # calling a dict
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
        b"\x80\x04\x8c\x08builtins\x8c\x0egetattr.__init\x93.",
        b"\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\x7f.",  # BYTEARRAY8
    ],
)
def test_other_ways_to_reach_code_are_refused(tmp_path: Path, stream: bytes) -> None:
    assert "checkpoint has no use for" in refusal(tmp_path, stream)


def nested(storage: bytes) -> bytes:
    """A snapshot whose only tensor has this storage blob."""
    return (
        b"\x80\x04}\x8c\x05G_ema\x8c\x0dtorch.storage\x8c\x10_load_from_bytes\x93B"
        + struct.pack("<I", len(storage)) + storage + b"\x85Rs."
    )  # fmt: skip


def legacy(kind: Any = None, numel: int = 4, data: bytes = bytes(16), count: int | None = None) -> bytes:
    """What torch.save wrote before zip files, by hand."""
    claim = b"\x80\x02((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu\x8a\x08"
    claim += struct.pack("<q", numel) + b"NtQ."
    claim = claim.replace(b"((X\x07", b"(X\x07").replace(b"ctorch\nFloatStorage\n", kind or b"ctorch\nFloatStorage\n")
    return b"".join(
        [
            pickle.dumps(0x1950A86A20F9469CFC6C, 2), pickle.dumps(1001, 2), pickle.dumps({"little_endian": True}, 2),
            claim,
            pickle.dumps(["0"], 2), struct.pack("<q", numel if count is None else count), data,
        ]
    )  # fmt: skip


def test_the_nested_storage_reader_takes_what_torch_wrote() -> None:
    value = read_snapshot(memoryview(nested(legacy(data=np.arange(4, dtype="<f4").tobytes()))))
    assert value["G_ema"].numel == 4
    assert np.frombuffer(value["G_ema"].data, "<f4").tolist() == [0, 1, 2, 3]


def test_a_hostile_pickle_inside_a_storage_is_refused_by_name(tmp_path: Path, trap: Path) -> None:
    inner = pickle.dumps(Call(os.system, f"touch {trap}"), 2)
    assert ".system" in refusal(tmp_path, nested(inner))
    assert ".system" in refusal(tmp_path, nested(legacy(kind=b"cposix\nsystem\n")))
    assert not trap.exists()


@pytest.mark.parametrize(
    ("storage", "fault"),
    [
        (legacy(numel=1 << 60), "more numbers than it has"),
        (legacy(numel=-1), "not in PyTorch's format"),
        (legacy(count=1 << 40), "more numbers than it has"),
        (legacy(data=bytes(15)), "more numbers than it has"),
        (legacy()[:60], "cut short"),
        (b"", "cut short"),
        (b"PK\x03\x04" + bytes(60), "PERSID"),
    ],
)
def test_a_storage_that_claims_what_it_has_not_is_refused(tmp_path: Path, storage: bytes, fault: str) -> None:
    assert fault in refusal(tmp_path, nested(storage))


def test_no_memory_is_taken_on_a_files_word(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="peak memory is asked of POSIX")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    bombs = [
        b"\x80\x04]r\xff\xff\xff\x7f.",  # memo index of two thousand million
        b"\x80\x04\x8e" + struct.pack("<Q", 1 << 50) + b"x",  # bytes
        b"\x80\x04\x8d" + struct.pack("<Q", 1 << 50) + b"x",  # text
        b"\x80\x04\x95" + struct.pack("<Q", 1 << 62) + b"N.",  # frame
        b"\x80\x04\x8a\xff" + b"\xff" * 255 + b".",  # whole number
        b"\x80\x04" + b"(" * 3_000_000,
        b"\x80\x04]" + b"h\x00" * 3_000_000,
        b"\x80\x04" + b"]\x94" + b"(h\x00h\x00t\x94" * 50 + b".",
        nested(legacy(numel=1 << 34)),
    ]
    for bomb in bombs:
        refusal(tmp_path, bomb)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown / (1024 if sys.platform == "darwin" else 1) < 400 * 1024  # KiB; any claim honoured would be gigabytes


def test_a_tensor_may_not_be_wider_than_its_storage(tmp_path: Path) -> None:
    """Strides of zero would make any size out of four numbers."""
    storage = legacy()
    head = b"\x80\x04}\x8c\x05G_ema\x8c\x0ctorch._utils\x8c\x12_rebuild_tensor_v2\x93("
    load = b"\x8c\x0dtorch.storage\x8c\x10_load_from_bytes\x93B" + struct.pack("<I", len(storage)) + storage + b"\x85R"
    hooks = b"\x89ccollections\nOrderedDict\n)RtRs."
    for shape, stride, offset in (((1 << 30,), (0,), 0), ((5,), (1,), 0), ((2,), (1,), 3), ((2, 2), (1, 1), 0)):
        numbers = lambda ns: b"(" + b"".join(b"J" + struct.pack("<i", n) for n in ns) + b"t"  # noqa: E731
        data = head + load + b"K" + bytes([offset]) + numbers(shape) + numbers(stride) + hooks
        assert "claims more numbers than it has" in refusal(tmp_path, data)
    data = head + load + b"K\x00" + numbers((2,)) + numbers((3,)) + hooks
    assert "a tensor in it has gaps" in refusal(tmp_path, data)
    fine = head + load + b"K\x00" + numbers((2, 2)) + numbers((1, 2)) + hooks
    assert read_snapshot(memoryview(fine))["G_ema"].read().tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "is empty"),
        (b"hello, world\n", "is not a pickle"),
        (b"\x89PNG\r\n\x1a\n", "is not a pickle"),
        (b"PK\x03\x04rest", "zip file"),
        (b"\x80\x04N.", "holds no G_ema"),
        (b"\x80\x04}.", "holds no G_ema"),
        (b"\x80\x09N.", "protocol 9"),
        (b"\x80\x04.", "has not made"),
        (b"\x80\x03cdnnlib.tflib.network\nNetwork\n.", "TensorFlow era"),
        (GOOD[:10], "cut short"),
        (GOOD[: len(GOOD) // 2], "cut short"),
        (GOOD[:-1], "cut short"),
    ],
)
def test_each_kind_of_wrong_file_has_its_sentence(tmp_path: Path, data: bytes, fault: str) -> None:
    assert fault in refusal(tmp_path, data)


def test_files_that_are_not_there_or_are_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"nowhere\.pkl is not there"):
        stylegan3.load(tmp_path / "nowhere.pkl")
    with pytest.raises(CheckpointError, match="is a folder"):
        stylegan3.load(tmp_path)


def test_a_file_beyond_any_network_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "huge.pkl"
    with file.open("wb") as f:
        f.truncate(3 << 30)  # a hole: takes no space
    with pytest.raises(CheckpointError, match=r"huge\.pkl has 3\.0 GB"):
        stylegan3.load(file)


def outcome(data: bytes) -> str | None:
    """What is said of a snapshot; None when it can be read."""
    try:
        read_snapshot(memoryview(data))
    except CheckpointError as e:
        return str(e)
    return None


@given(st.data())
@settings(max_examples=150)
def test_a_damaged_checkpoint_is_refused_or_read_but_never_anything_else(data: st.DataObject) -> None:
    damaged = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, min(len(damaged), 70_000) - 1))] = data.draw(st.integers(0, 255))
    said = outcome(bytes(damaged))
    assert said is None or len(said) < 250


@given(st.binary(max_size=200))
def test_noise_is_refused_or_read_but_never_anything_else(noise: bytes) -> None:
    said = outcome(b"\x80\x04" + noise)
    assert said is None or len(said) < 250


def test_the_machine_makes_nothing_but_data() -> None:
    """Every value out of a real snapshot is of a type that does nothing by itself."""
    allowed = {dict, list, tuple, str, int, float, bool, type(None), memoryview}
    seen: set[int] = set()

    def walk(value: Any) -> None:
        if id(value) in seen:
            return
        seen.add(id(value))
        if type(value).__module__ == "stylegan3.snapshot":
            for slot in type(value).__slots__:
                walk(getattr(value, slot))
            return
        assert type(value) in allowed or isinstance(value, torch.dtype), type(value)
        for part in (
            [*value.keys(), *value.values()]
            if isinstance(value, dict)
            else value
            if isinstance(value, list | tuple)
            else []
        ):
            walk(part)

    walk(read_snapshot(memoryview(GOOD)))
    assert len(seen) > 1000


def test_the_package_has_no_door_to_code() -> None:
    for file in Path(stylegan3.__file__).parent.rglob("*.py"):
        source = file.read_text(encoding="utf-8")
        for word in ("eval(", "exec(", "pickle.loads(", "weights_only=False", "import pickle", "__import__"):
            assert word not in source.replace(".eval()", ""), (file, word)


def test_globals_are_compared_whole() -> None:
    assert Global("a.b", "c") != Global("a", "b.c")
    assert Machine.__module__ == "stylegan3.pickled"

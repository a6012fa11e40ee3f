# ruff: noqa: N806 - G is what the paper and its users call a generator
"""Files made to do harm: nothing in them runs, and what they cost in memory and time is bounded."""

import json
import pickle
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from goldens import path
from safetensors.torch import save_file

import stylegan3
from stylegan3 import CheckpointError
from stylegan3.assembly import assemble
from stylegan3.snapshot import read_snapshot

PROTO = b"\x80\x04"


def named(module: str, name: str) -> bytes:
    """STACK_GLOBAL"""
    return b"".join(b"\x8c" + bytes([len(part)]) + part.encode() for part in (module, name)) + b"\x93"


ENCODE = named("_codecs", "encode")
ORDERED_DICT = named("collections", "OrderedDict")
ARRAY = named("numpy", "ndarray")
RECONSTRUCT = named("numpy.core.multiarray", "_reconstruct")
DTYPE = named("numpy", "dtype") + b"\x8c\x02f8\x89\x88\x87R"
LOAD = named("torch.storage", "_load_from_bytes")
PERSISTENT = named("torch_utils.persistence", "_reconstruct_persistent_obj")


def text(s: str) -> bytes:
    raw = s.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def module(state: bytes) -> bytes:
    """One persistent object with this state."""
    return PERSISTENT + b"}(" + text("class_name") + text("Generator") + text("state") + state + b"u\x85R"


def count(n: int) -> bytes:
    return struct.pack("<I", n)


def storage(extra: bytes) -> bytes:
    """An empty storage as torch wrote it, with something more in its description of the system."""
    system = b"\x80\x02}" + text("little_endian") + b"\x88s" + text("more") + extra + b"s."
    claim = b"\x80\x02(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + b"K\x00NtQ."
    magic, protocol, keys = (pickle.dumps(v, 2) for v in (0x1950A86A20F9469CFC6C, 1001, ["0"]))
    return magic + protocol + system + claim + keys + bytes(8)


def again(things: bytes, call: bytes, times: int) -> bytes:
    """`things` put into the memo, then `call` over and over, every result kept."""
    return PROTO + things + b"](" + call * times + b"e."


def modules(names: list[str], memo: int) -> bytes:
    """A state whose modules are all the same one."""
    return b"}" + text("_modules") + b"}(" + b"".join(text(n) + b"h" + bytes([memo]) for n in names) + b"us"


MANY = [f"m{j}" for j in range(90)]
BIG = text("x" * 1_000_000)
LONG = b"](" + b"N" * 50_000 + b"e"
BLOB = storage(LONG)
TEXTS = storage(BIG)
NEST = PROTO + module(b"}") + b"\x94" + b"".join(module(modules(MANY, i)) + b"\x94" for i in range(5))
NEST += module(modules(["input"], 5)) + b"\x94" + b"}" + text("G_ema")
NEST += module(
    b"}(" + text("_modules") + b"}(" + text("mapping") + b"h\x05" + text("synthesis") + b"h\x06u"
    + b"".join(text(n) + b"K\x40" for n in ("z_dim", "w_dim", "img_resolution"))
    + text("c_dim") + b"K\x00" + text("img_channels") + b"K\x03u"
) + b"s."  # fmt: skip
STEPS, CUT = "has more than 2000000 pickle instructions, which no network needs", "is cut short"
NOTHING = "holds no G_ema"
BOMBS: dict[str, tuple[bytes, str]] = {
    "texts encoded again and again": (
        again(ENCODE + b"\x94" + BIG + text("latin1") + b"\x86\x94", b"h\x00h\x01R", 100_000), "copies itself again",
    ),
    "arrays filled again and again": (
        again(
            DTYPE + b"\x94(K\x01M\x00\x10\x85h\x00\x89B" + count(32768) + bytes(32768) + b"t\x94"
            + RECONSTRUCT + b"\x94" + ARRAY + b")C\x01b\x87\x94", b"h\x02h\x03Rh\x01b", 100_000,
        ), STEPS,
    ),
    "dicts copied again and again": (
        again(
            b"}(" + b"".join(text(f"k{i}") + b"N" for i in range(50_000)) + b"u\x94" + ORDERED_DICT + b"\x94",
            b"h\x01)Rh\x00b", 100_000,
        ), STEPS,
    ),
    "sets copied again and again": (
        again(LONG + b"\x94" + named("builtins", "set") + b"\x94", b"h\x01h\x00\x85R", 60_000), NOTHING,
    ),
    "storages parsed again and again": (
        again(LOAD + b"\x94B" + count(len(BLOB)) + BLOB + b"\x85\x94", b"h\x00h\x01R", 200_000), STEPS,
    ),
    "texts in storages parsed again and again": (
        again(LOAD + b"\x94B" + count(len(TEXTS)) + TEXTS + b"\x85\x94", b"h\x00h\x01R", 200_000),
        "copies itself again",
    ),
    "a billion calls": (again(ORDERED_DICT + b"\x94", b"h\x00)R", 700_000), STEPS),
    "a billion laughs": (
        PROTO + b"]\x94" + b"".join(b"](" + (b"h" + bytes([i])) * 10 + b"e\x94" for i in range(200)) + b".", NOTHING,
    ),
    "lists in lists": (PROTO + b"]" * 200_000 + b"a" * 199_999 + b".", NOTHING),
    "tuples in tuples": (PROTO + b")" + b"\x85" * 200_000 + b".", NOTHING),
    "modules in modules": (NEST, "its modules are nested without end"),
    "keys that hash alike": (
        PROTO + b"}(" + b"".join(b"\x8a\x10" + (i * (2**61 - 1)).to_bytes(16, "little") + b"N" for i in range(100_000))
        + b"u.", "a key in it is not text or a number",
    ),
    "marks": (PROTO + b"(" * 3_000_000, STEPS),
    "a memo of gaps": (PROTO + b"]r\xff\xff\xff\x7f.", "numbers its objects with gaps"),
    "claims of bytes": (PROTO + b"\x8e" + struct.pack("<Q", 1 << 50) + b"x", CUT),
    "claims of text": (PROTO + b"\x8d" + struct.pack("<Q", 1 << 62) + b"x", CUT),
    "a whole number": (PROTO + b"\x8a\xff" + b"\xff" * 255 + b".", "a whole number of 255 bytes"),
}  # fmt: skip
"""Honoured, most would take gigabytes or hours."""

CHILD = """
import os, resource, sys, time
import stylegan3
pages = int(open("/proc/self/statm").read().split()[0])
room = pages * resource.getpagesize() + (400 << 20)
resource.setrlimit(resource.RLIMIT_AS, (room, room))
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
for path in sys.argv[1:]:
    try:
        stylegan3.load(path)
        print("read")
    except stylegan3.CheckpointError as e:
        print(e)
"""


@pytest.mark.timeout(180)  # of a busy machine; what a bomb may cost is CPU time
@pytest.mark.skipif(sys.platform != "linux", reason="limits of a process as Linux has them")
def test_no_bomb_breaks_the_limits_of_a_process(tmp_path: Path) -> None:
    files = []
    for i, (bomb, _) in enumerate(BOMBS.values()):
        files.append(tmp_path / f"{i}.pkl")
        files[-1].write_bytes(bomb)
    root = Path(stylegan3.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *files], cwd=root, capture_output=True, text=True, timeout=170, check=False
    )
    assert done.returncode == 0, done.stderr[-500:]
    for (name, (_, fault)), said in zip(BOMBS.items(), done.stdout.splitlines(), strict=True):
        assert fault in said, (name, said)


HOSTILE = {
    "os.system": b"cos\nsystem\n(X\x05\x00\x00\x00touchtR.",
    "posix.system": b"\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R.",
    "builtins.eval": b"\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.",
    "builtins.exec": b"cbuiltins\nexec\n(X\x01\x00\x00\x001tR.",
    "builtins.getattr": b"\x8c\x08builtins\x8c\x07getattr\x93\x8c\x01a\x8c\x01b\x86R.",
    "builtins.set.__init__": b"\x8c\x08builtins\x8c\x0cset.__init__\x93)R.",
    "collections.OrderedDict.fromkeys": b"\x8c\x0bcollections\x8c\x14OrderedDict.fromkeys\x93]\x85R.",
    "numpy.ndarray.tofile": b"\x8c\x05numpy\x8c\x0endarray.tofile\x93)R.",
    "torch.load": b"ctorch\nload\n(X\x01\x00\x00\x00xtR.",
    "torch._utils._rebuild_parameter_with_state": b"ctorch._utils\n_rebuild_parameter_with_state\n)R.",
    "torch.FloatStorage": b"ctorch\nFloatStorage\n)R.",
    "torch_utils.persistence.import_hook": b"ctorch_utils.persistence\nimport_hook\n)R.",
    "_codecs.decode": b"c_codecs\ndecode\n(X\x01\x00\x00\x00xtR.",
    "subprocess.Popen": b"\x8c\x0asubprocess\x8c\x05Popen\x93]\x85R.",
    "copyreg._reconstructor": b"ccopyreg\n_reconstructor\n)R.",
    "functools.partial": b"cfunctools\npartial\n)R.",
    "runpy.run_path": b"crunpy\nrun_path\n)R.",
    "a?b.c": b"\x8c\x03a\nb\x8c\x01c\x93.",
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("wrap", ["plain", "storage", "state"])
def test_each_way_to_code_is_refused_by_its_name_wherever_it_stands(name: str, wrap: str, tmp_path: Path) -> None:
    stream = HOSTILE[name]
    if wrap == "storage" and name != "torch.FloatStorage":  # that one is a name a storage needs
        inner = b"\x80\x02" + stream
        stream = LOAD + b"B" + struct.pack("<I", len(inner)) + inner + b"\x85R."
    elif wrap == "state":
        stream = module(b"}" + text("hook") + stream[:-1] + b"s") + b"."
    file = tmp_path / "network.pkl"
    file.write_bytes(PROTO + stream)
    with pytest.raises(CheckpointError, match="which a checkpoint has no use for") as caught:
        stylegan3.load(file)
    assert f"network.pkl asks for {name}," in str(caught.value)


def test_the_source_text_in_a_module_is_never_looked_at(tmp_path: Path) -> None:
    """The official reader executes it."""
    data = path("sg3t_64").read_bytes()
    trap = tmp_path / "sprung"
    source = f"open({str(trap)!r}, 'w')".encode()
    where = data.index(b"module_src")
    at = data.index(b"\x8c\x00", where)  # an empty text
    file = tmp_path / "network.pkl"
    file.write_bytes(data[:at] + b"\x8c" + bytes([len(source)]) + source + data[at + 2 :])
    frameless = read_snapshot(memoryview(file.read_bytes()))
    assert frameless["G_ema"].class_name == "Generator"
    stylegan3.load(file)
    assert not trap.exists()


@pytest.mark.parametrize("share", [1, 200])
def test_tensors_that_share_a_storage_are_not_multiplied(share: int, tmp_path: Path) -> None:
    """What a network needs is weighed against the file before anything is allocated."""
    config = stylegan3.StyleGAN3Config(img_resolution=16, channel_max=64, num_layers=4, margin_size=4)
    with torch.device("meta"):
        shapes = {k: tuple(t.shape) for k, t in stylegan3.Generator(config).state_dict().items()}
    size = 4 * sum(torch.Size(s).numel() for s in shapes.values())

    def read(name: str) -> torch.Tensor:
        return torch.zeros(shapes[name])

    if share == 1:
        assemble(config, shapes, read, size)
    else:
        with pytest.raises(CheckpointError, match="claim more numbers than it has"):
            assemble(config, shapes, lambda name: pytest.fail(f"{name} was read"), size // share)


@pytest.mark.parametrize(
    ("dtype", "fault"), [(torch.int64, "of I64, not of floating point"), (torch.bool, "of BOOL, not of floating point")]
)
def test_numbers_of_another_kind_are_refused(dtype: torch.dtype, fault: str, tmp_path: Path) -> None:
    file = tmp_path / "odd.safetensors"
    about = {"format": "latentd.stylegan3", "version": "1", "config": json.dumps({"img_resolution": 16})}
    save_file({"mapping.w_avg": torch.zeros(512, dtype=dtype)}, file, metadata=about)
    with pytest.raises(CheckpointError, match=fault):
        stylegan3.load(file)


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    G = stylegan3.load(path("sg2_64_skip"))
    G.synthesis.b8.conv1.bias[3] = float("nan")
    stylegan3.save(G, tmp_path / "astray.safetensors")
    with pytest.raises(CheckpointError, match=r"b8\.conv1\.bias with numbers that are not finite"):
        stylegan3.load(tmp_path / "astray.safetensors")

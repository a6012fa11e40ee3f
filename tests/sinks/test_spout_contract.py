"""A misspelt SpoutGL call cannot pass: the stub is held to the real binary, the sink to the stub, the fake to both."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from sinks.fake_spout import STUB, World, overloads
from sinks.wheels import fetched

SENDER = STUB.parents[2] / "daemon" / "sinks" / "spout" / "sender.py"  # the only one that calls SpoutGL
LOOK = STUB.parents[2] / "tools" / "spout_look.py"
WHEELS = {
    "3.11": "af1361212350de19de4d9e81b1abf73f5485f7ded46a65c9de8c54b1e9d4e4ab",
    "3.12": "e45b7102ab91ba8a1740c2e9b7ca8ff54796cf9354215e6be4050d1c683d1f1d",
    "3.13": "29ae2e4316c31872b6f05421581ce8a61241e7d01e1363103515e1661ad24857",
}


MISSPELT = {
    "self._spout.sendImage(": "self._spout.sendimage(",
    "_GL[form.order], False, 0)": "_GL[form.order], False)",
    "_GL[form.order], False, 0": "_GL[form.order], invert=False, hostFbo=0",
    "sendImage(pixels, ": "sendImage(str(pixels), ",
    "_TEXTURE_2D, form.width, form.height, False, 0)": "form.width, form.height, False, 0)",
    "sendTexture(texture, _TEXTURE_2D": "sendTexture(str(texture), _TEXTURE_2D",
    "self._spout.createOpenGL()": "self._spout.openGL()",
    "undo.callback(self._spout.releaseSender)": "undo.callback(self._spout.release)",
    "undo.callback(self._spout.closeOpenGL)": "undo.callback(self._spout.closeOpenGl)",
    "not self._spout.getCPUshare()": "not self._spout.getCpuShare()",
    "self._spout.setFrameSync(self._name)": "self._spout.setFrameSync()",
    "self._spout.getSenderInfo(self._name), self": "self._spout.getSenderInfo(), self",
    ".getSenderList()": ".getSenders()",
    "info.width, info.height": "info.width, info.tall",
    "module.SpoutReceiver()": "module.Receiver()",
}


def test_the_sink_calls_only_what_spoutgl_has(tmp_path):
    right = SENDER.read_text("utf-8")
    assert all(right.count(call) == 1 for call in MISSPELT), "the sink has changed: change the misspellings too"
    # those that a type checker on Linux does not look into either
    sources = {f"right_{name}": SENDER.with_name(name).read_text("utf-8") for name in ("desktop.py", "opengl.py")}
    sources |= {"right.py": right, "right_look.py": LOOK.read_text("utf-8")}
    sources |= {f"wrong_{n}.py": right.replace(*pair) for n, pair in enumerate(MISSPELT.items())}
    for name, source in sources.items():
        (tmp_path / name).write_text(source, "utf-8")
    run = subprocess.run(  # nothing but the stub is looked into, so that it takes a second
        f"{sys.executable} -m mypy --config-file= --cache-dir=cache --follow-imports=skip --ignore-missing-imports "
        f"--platform=win32 --no-error-summary {' '.join(sources)} {STUB}".split(),
        capture_output=True,
        text=True,
        env={**os.environ, "MYPYPATH": str(STUB.parents[1])},
        cwd=tmp_path,
        check=False,
    )
    assert run.returncode == 1, run.stderr + run.stdout
    blamed = {line.partition(":")[0] for line in run.stdout.splitlines() if " error: " in line}
    assert blamed == {name for name in sources if name.startswith("wrong")}, run.stdout


def test_the_fake_refuses_what_pybind_refuses():
    sender, data = World().SpoutSender(), bytearray(16)
    sender.setSenderName("x")
    assert sender.sendImage(data, 2, 2, 6408, False, 0)
    for wrong in (
        lambda: sender.sendimage(data, 2, 2, 6408, False, 0),
        lambda: sender.hasNewFrame,
        lambda: setattr(sender, "foo", 1),
    ):
        with pytest.raises(AttributeError):
            wrong()
    for wrong in (
        lambda: sender.sendImage(data, 2, 2, 6408, False),
        lambda: sender.sendImage(data, 2, 2, 6408, invert=False, hostFbo=0),
        lambda: sender.sendImage([1], 2, 2, 6408, False, 0),
        lambda: sender.sendImage(data, 2.0, 2, 6408, False, 0),
        lambda: sender.sendTexture(1, 3553, 2, 2),
        lambda: sender.setSenderName(b"x"),
        lambda: sender.waitFrameSync("a"),
    ):
        with pytest.raises(TypeError):
            wrong()
    with pytest.raises(BufferError):
        sender.sendImage(data, 3, 2, 6408, False, 0)
    with pytest.raises(ValueError, match="format"):
        sender.sendImage(data, 2, 2, 1, False, 0)


def test_the_fake_registers_the_module_name_after_a_release():
    world = World()
    sender = world.SpoutSender()
    sender.setSenderName("x")
    sender.sendImage(bytes(4), 1, 1, 6408, False, 0)
    sender.releaseSender()
    sender.sendImage(bytes(4), 1, 1, 6408, False, 0)
    assert list(world.senders) == ["Spout"]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """The real wheels by Python version; skipped where they cannot be had, a failure in CI."""
    folder = tmp_path_factory.mktemp("wheels")
    pins = {version: f"SpoutGL==0.1.1 --hash=sha256:{sha256}" for version, sha256 in WHEELS.items()}
    return fetched(folder, pins)


def binary(wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith(".pyd")))


def template(params, returns):
    """A signature as pybind11 stores it: `({%}, {str}) -> bool`."""
    kinds = {"Buffer | None": "Optional[Buffer]"}
    said = ["{%}", *(f"{{{kinds.get(kind, kind)}}}" for _, kind, _ in params)]
    gives = returns if returns in ("None", "bool", "int", "str", "list[str]") else "object"
    return f"({', '.join(said)}) -> {gives}"


def test_every_name_in_the_stub_is_in_the_real_wheel_and_wishes_are_not(wheels):
    for version, wheel in wheels.items():
        names = {name.decode() for name in re.findall(rb"(?<=\x00)[A-Za-z_][A-Za-z0-9_]{3,40}(?=\x00)", binary(wheel))}
        stub = {name for methods in overloads().values() for name in methods if not name.startswith("__")}
        assert stub <= names, (version, stub - names)
        assert not {"hasNewFrame", "createSender", "setFrameCount", "sendimage", "isInitialized", "getName"} & names


def test_every_signature_in_the_stub_is_in_the_real_wheel_and_the_other_way_round(wheels):
    signatures = {
        template(params, returns)
        for methods in overloads().values()
        for name, these in methods.items()
        for params, named, returns in these
        if not named and not name.startswith("__")
    }
    for version, wheel in wheels.items():
        found = {it.decode() for it in re.findall(rb"\(\{%\}[^\x00\n]*?\) -> [^\x00\n]+", binary(wheel))}
        assert signatures <= found, (version, signatures - found)
        others = {
            "({%}) -> %",
            "({%}) -> str",
            "({%}, {object}, {object}, {object}) -> None",
        }  # with, fields of SenderInfo
        assert found - signatures <= others, (version, found - signatures)

"""A misspelt Syphon call cannot pass: the stub is held to the real wheel, the sink to the stub, the fake to both."""

import ast
import os
import subprocess
import sys
import zipfile
from threading import Thread

import pytest
from sinks.fake_syphon import RAW, STUB, TYPINGS, World, signature
from sinks.wheels import fetched

SINK = TYPINGS.parent / "daemon" / "sinks" / "syphon.py"
PIN = "syphon-python==0.2.0 --hash=sha256:ab7b90903aa46e71fd498c76493a31ceccc156c013da8f6b75ab32436694b76e"

MISSPELT = {
    "kit.server(self._name)": "kit.server(self._name, None, None, False)",
    "server=syphon.SyphonMetalServer": "server=syphon.MetalServer",
    "directory=syphon.SyphonServerDirectory": "directory=syphon.SyphonMetalServer",
    "create_texture=raw.create_mtl_texture": "create_texture=raw.create_texture",
    "copy=raw.copy_bytes_to_mtl_texture": "copy=raw.create_mtl_texture",
    "pool=objc.autorelease_pool": "pool=objc.pool",
    "kit.directory()": "kit.directory(0.0)",
    "run_loop_interval = 0.0": "interval = 0.0",
    "_FORMATS[format.order])": "str(_FORMATS[format.order]))",
    "slot.pixels.tobytes(), texture)": "texture, slot.pixels.tobytes())",
    "server.command_queue.commandBuffer()": "server.command_queue.command_buffer()",
    "texture, is_flipped=True, ": "texture, flipped=True, ",
    "command_buffer=commands)": "command_buffer=texture)",
    "directory.update_run_loop()": "directory.updateRunLoop()",
    "server.context.broadcastServerAnnounce()": "server.broadcastServerAnnounce()",
    "commands.waitUntilCompleted()": "commands.waitUntilComplete()",
    "commands.error()": "commands.status()",
    "directory.close()": "directory.stop()",
    "server.stop()": "server.close()",
    "self._server.has_clients)": "self._server.has_client)",
}


def test_the_sink_calls_only_what_syphon_has(tmp_path):
    right = SINK.read_text("utf-8")
    assert all(right.count(call) == 1 for call in MISSPELT), "the sink has changed: change the misspellings too"
    sources = {"right.py": right}
    sources |= {f"wrong_{n}.py": right.replace(*pair) for n, pair in enumerate(MISSPELT.items())}
    for name, source in sources.items():
        (tmp_path / name).write_text(source, "utf-8")
    run = subprocess.run(  # nothing but the stub is looked into, so that it takes a second
        f"{sys.executable} -m mypy --config-file= --cache-dir=cache --follow-imports=skip --ignore-missing-imports "
        f"--platform=darwin --no-error-summary {' '.join(sources)} {TYPINGS / 'syphon' / '__init__.pyi'} "
        f"{TYPINGS / 'syphon' / 'utils' / 'raw.pyi'} {TYPINGS / 'objc' / '__init__.pyi'}".split(),
        capture_output=True,
        text=True,
        env={**os.environ, "MYPYPATH": str(TYPINGS)},
        cwd=tmp_path,
        check=False,
    )
    assert run.returncode == 1, run.stderr + run.stdout
    blamed = {line.partition(":")[0] for line in run.stdout.splitlines() if " error: " in line}
    assert blamed == set(sources) - {"right.py"}, run.stdout


def test_the_fake_refuses_what_is_not_in_the_stub():
    world = World()
    kit = world.kit()
    with kit.pool():
        server = kit.server("x")
        texture = kit.create_texture(server.device, 2, 2, 80)
        for wrong in (
            lambda: server.publish_frame(texture),
            lambda: server.command_queue.command_buffer,
            lambda: server.context.announce,
            lambda: setattr(server, "foo", 1),
            lambda: setattr(kit.directory(), "interval", 0.0),
        ):
            with pytest.raises(AttributeError):
                wrong()
        for wrong in (
            kit.server,
            lambda: kit.server("x", None, None, False),
            lambda: kit.server(b"x"),
            lambda: kit.create_texture(server.device, 2.0, 2, 80),
            lambda: kit.create_texture(2, 2, 80),
            lambda: kit.create_texture(server.device, 2, 2, 80, None),
            lambda: kit.copy(bytearray(16), texture),
            lambda: kit.copy(texture, bytes(16)),
            server.publish_frame_texture,
            lambda: server.publish_frame_texture(texture, flipped=True),
            lambda: server.publish_frame_texture(texture, is_flipped=1),
            lambda: server.publish_frame_texture(bytes(16)),
            lambda: server.publish_frame_texture(texture, command_buffer=texture),
            lambda: server.stop(1),
        ):
            with pytest.raises(TypeError):
                wrong()


def test_the_fake_refuses_a_second_thread_a_texture_in_use_and_a_missing_pool():
    world = World()
    kit = world.kit()
    with pytest.raises(AssertionError, match="pool"):
        kit.server("x")
    with kit.pool():
        server = kit.server("x")
        texture = kit.create_texture(server.device, 1, 1, 80)
        commands = server.command_queue.commandBuffer()
        with pytest.raises(AssertionError, match="not committed"):
            commands.waitUntilCompleted()
        server.publish_frame_texture(texture, command_buffer=commands)
        with pytest.raises(AssertionError, match="while the GPU reads it"):
            kit.copy(bytes(4), texture)
        commands.waitUntilCompleted()
        kit.copy(bytes(4), texture)
        said = []

        def elsewhere():
            try:
                server.stop()
            except AssertionError as e:
                said.append(str(e))

        thread = Thread(target=elsewhere)
        thread.start()
        thread.join()
        assert ["another thread" in words for words in said] == [True]
        server.stop()
        with pytest.raises(AssertionError, match="stopped"):
            server.publish_frame_texture(texture, command_buffer=commands)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """{name: content} of the real wheel; skipped where it cannot be had, a failure in CI."""
    folder = tmp_path_factory.mktemp("wheel")
    file = fetched(folder, {"3.11": PIN}, platform="macosx_14_0_arm64")["3.11"]
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name.startswith("syphon/")}


def found(wheel, name, kind):
    return {it.name: it for it in ast.parse(wheel[f"syphon/{name}.py"]).body if isinstance(it, kind)}


def test_every_class_and_method_of_the_stub_is_in_the_real_wheel_with_its_parameters_and_defaults(wheel):
    real = found(wheel, "server", ast.ClassDef) | found(wheel, "server_directory", ast.ClassDef)
    exported = wheel["syphon/__init__.py"].decode()
    for name, methods in STUB.items():
        if name.startswith("_"):
            continue
        assert f"{name} as {name}" in exported
        bases = [real[name], *(real[ast.unparse(base)] for base in real[name].bases if ast.unparse(base) in real)]
        there = {it.name: it for cls in reversed(bases) for it in cls.body if isinstance(it, ast.FunctionDef)}
        for method, ours in methods.items():
            theirs = there[method]
            assert str(signature(ours)[0]) == str(signature(theirs)[0]), f"{name}.{method}"
            marks = [[ast.unparse(d) for d in it.decorator_list] for it in (ours, theirs)]
            assert marks[0] == marks[1], f"{name}.{method}"
        made = {ast.unparse(it.target) for cls in bases for it in ast.walk(cls) if isinstance(it, ast.AnnAssign)}
        made |= {
            ast.unparse(t) for cls in bases for it in ast.walk(cls) if isinstance(it, ast.Assign) for t in it.targets
        }
        stub = ast.parse((TYPINGS / "syphon" / "__init__.pyi").read_text("utf-8"))
        (body,) = (it.body for it in stub.body if isinstance(it, ast.ClassDef) and it.name == name)
        for field in (ast.unparse(it.target) for it in body if isinstance(it, ast.AnnAssign)):
            assert f"self.{field}" in made, f"{name}.{field}"


def test_every_function_of_the_stub_is_in_the_real_wheel_with_its_parameters(wheel):
    real = found(wheel, "utils/raw", ast.FunctionDef)
    for name, ours in RAW.items():
        wanted, there = signature(ours)[0], signature(real[name])[0]
        assert list(wanted.parameters) == list(there.parameters)
    assert ast.unparse(real["create_mtl_texture"].args.defaults[0]) == "Metal.MTLPixelFormatRGBA8Unorm"  # 70
    uploaded = ast.unparse(real["copy_bytes_to_mtl_texture"])
    assert "texture.width() * 4" in uploaded, "rows lie one after the other"


def test_the_wheel_does_with_a_picture_what_the_sink_takes_for_granted(wheel):
    methods = {it.name: ast.unparse(it) for it in found(wheel, "server", ast.ClassDef)["SyphonMetalServer"].body[1:]}
    publish = methods["publish_frame_texture"]
    assert "self.command_queue.commandBuffer()" in publish
    assert "if auto_commit:\n        command_buffer.commitAndWaitUntilSubmitted()" in publish, (
        "it is committed, not done"
    )
    assert "self.context.publishFrameTexture_onCommandBuffer_imageRegion_flipped_(texture, command_buffer, " in publish
    assert "No Metal device is available" in methods["__init__"]
    pump = ast.unparse(found(wheel, "server_directory", ast.ClassDef)["SyphonServerDirectory"])
    assert "NSRunLoop.currentRunLoop().runMode_beforeDate_(NSDefaultRunLoopMode, " in pump
    binary = wheel["syphon/libs/Syphon.framework/Versions/A/Syphon"]
    assert b"\0broadcastServerAnnounce\0" in binary
    assert b"_CFMessagePortSetDispatchQueue" in binary, "receivers are let in without a run loop"
    header = wheel["syphon/libs/Syphon.framework/Versions/A/Headers/SyphonMetalServer.h"].decode()
    assert "@param isFlipped `YES` if the texture is vertically flipped in Metal coordinates" in header

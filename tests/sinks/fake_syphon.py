"""A syphon-python as strict as its stub: its calls are those of the stub, no others, and a texture in use is in use."""

import ast
import inspect
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident

from daemon.sinks.syphon import Kit

TYPINGS = Path(__file__).parents[2] / "typings"
BYTES = 4  # a pixel


def signature(function, skip=0):
    """(inspect.Signature of a function in a syntax tree, {parameter: annotation}), without the first `skip`."""
    args = function.args
    assert not args.posonlyargs
    assert args.vararg is args.kwarg is None
    defaults = [inspect.Parameter.empty] * (len(args.args) - len(args.defaults))
    defaults += [ast.literal_eval(d) if isinstance(d, ast.Constant) else ast.unparse(d) for d in args.defaults]
    kind = inspect.Parameter
    params = [kind(a.arg, kind.POSITIONAL_OR_KEYWORD, default=d) for a, d in zip(args.args, defaults, strict=True)]
    for a, d in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        default = kind.empty if d is None else ast.literal_eval(d)
        params.append(kind(a.arg, kind.KEYWORD_ONLY, default=default))
    kinds = {a.arg: ast.unparse(a.annotation) for a in (*args.args, *args.kwonlyargs) if a.annotation}
    return inspect.Signature(params[skip:]), kinds


def classes(path):
    """{class: {method: its syntax tree}} of a file."""
    found = {}
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef):
            found[node.name] = {it.name: it for it in node.body if isinstance(it, ast.FunctionDef)}
    return found


def functions(path):
    """{function: its syntax tree} of a file."""
    return {it.name: it for it in ast.parse(path.read_text("utf-8")).body if isinstance(it, ast.FunctionDef)}


STUB = classes(TYPINGS / "syphon" / "__init__.pyi")
RAW = functions(TYPINGS / "syphon" / "utils" / "raw.pyi")


def _fits(value, wanted):
    if wanted.endswith(" | None"):
        return value is None or _fits(value, wanted.removesuffix(" | None"))
    if wanted.startswith("tuple["):
        return isinstance(value, tuple) and all(isinstance(n, int) for n in value)
    if wanted == "object":
        return True
    if wanted == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    return type(value).__name__.lstrip("_") == wanted.lstrip("_")


def checked(function, skip=0):
    """A decorator: refuses what the stub's function refuses, and hands all arguments on by name."""
    wanted, kinds = signature(function, skip)

    def decorate(body):
        def call(*args, **kwargs):
            bound = wanted.bind(*args[skip:], **kwargs)
            bound.apply_defaults()
            for name, value in bound.arguments.items():
                if not _fits(value, kinds[name]):
                    raise TypeError(f"{function.name}: {name} must be {kinds[name]}, not {type(value).__name__}")
            return body(*args[:skip], **bound.arguments)

        return call

    return decorate


class World:
    """A Mac, as far as Syphon needs it, and what the test wants to go wrong."""

    def __init__(self, metal=True, memory=99, gpu_error=None):
        self.metal, self.memory, self.gpu_error = metal, memory, gpu_error
        self.clients = False
        self.servers, self.stopped, self.directories = [], 0, 0
        self.shown = []  # (bytes, width, height, pixel format, flipped), when the GPU was done
        self.announced = self.pumped = self.waits = 0
        self.pools = 0  # that are open

    def kit(self):
        """What stands in for the package, made for the thread that makes it."""
        world, thread = self, get_ident()

        def here():
            assert get_ident() == thread, "on another thread than the one that opened it"
            assert world.pools, "without an autorelease pool this object would be kept for ever"

        class Strict:
            __slots__ = ()

            def __getattr__(self, name):
                raise AttributeError(f"{type(self).__name__} has no {name}")

        class Device(Strict):
            __slots__ = ()

        class Texture(Strict):
            __slots__ = ("data", "form", "pending", "size")

        class CommandBuffer(Strict):
            __slots__ = ("job",)

            def waitUntilCompleted(self):  # noqa: N802
                here()
                world.waits += 1
                assert self.job is not None, "a buffer that was not committed is never complete"
                self.job()

            def error(self):
                return world.gpu_error

        class CommandQueue(Strict):
            __slots__ = ()

            def commandBuffer(self):  # noqa: N802
                here()
                buffer = CommandBuffer()
                buffer.job = None
                return buffer

        class Server(Strict):
            __slots__ = ()

            def broadcastServerAnnounce(self):  # noqa: N802
                here()
                world.announced += 1

        stub = STUB["SyphonMetalServer"]

        class SyphonMetalServer(Strict):
            __slots__ = ("_running", "command_queue", "context", "device")

            @checked(stub["__init__"], 1)
            def __init__(self, name, device, command_queue, is_private):
                here()
                assert (device, command_queue, is_private) == (None, None, False)
                if not world.metal:
                    raise RuntimeError("No Metal device is available")
                self.device, self.command_queue, self.context = Device(), CommandQueue(), Server()
                self._running = True
                world.servers.append(name)

            @property
            def has_clients(self):
                assert self._running
                return world.clients

            @checked(stub["publish_frame_texture"], 1)
            def publish_frame_texture(self, texture, region, size, is_flipped, command_buffer, auto_commit):
                here()
                assert self._running, "a stopped server"
                assert region is None
                assert size is None
                assert auto_commit
                assert command_buffer is not None, "nobody could tell when this texture may be written again"

                def done():
                    if texture.pending is command_buffer:
                        texture.pending = None
                        world.shown.append((texture.data, *texture.size, texture.form, is_flipped))

                texture.pending, command_buffer.job = command_buffer, done

            @checked(stub["stop"], 1)
            def stop(self):
                here()
                world.stopped += self._running
                self._running = False

        class SyphonServerDirectory(Strict):
            __slots__ = ("run_loop_interval",)

            @checked(STUB["SyphonServerDirectory"]["__init__"], 1)
            def __init__(self):
                here()
                self.run_loop_interval = 1.0
                world.directories += 1

            @checked(STUB["SyphonServerDirectory"]["update_run_loop"], 1)
            def update_run_loop(self):
                here()
                assert self.run_loop_interval == 0, "each picture would wait this long"
                world.pumped += 1

            @checked(STUB["SyphonServerDirectory"]["close"], 1)
            def close(self):
                here()
                world.directories -= 1

        @checked(RAW["create_mtl_texture"])
        def create_mtl_texture(device, width, height, pixel_format):
            here()
            world.memory -= 1
            if world.memory < 0:
                return None
            texture = Texture()
            texture.size, texture.form, texture.pending, texture.data = (width, height), pixel_format, None, b""
            return texture

        @checked(RAW["copy_bytes_to_mtl_texture"])
        def copy_bytes_to_mtl_texture(data, texture):
            here()
            assert texture.pending is None, "written while the GPU reads it"
            width, height = texture.size
            assert len(data) == width * height * BYTES
            texture.data = data

        @contextmanager
        def autorelease_pool():
            assert get_ident() == thread
            world.pools += 1
            try:
                yield
            finally:
                world.pools -= 1

        return Kit(
            SyphonMetalServer, SyphonServerDirectory, create_mtl_texture, copy_bytes_to_mtl_texture, autorelease_pool
        )

# ruff: noqa: N802
"""A SpoutGL that is as strict as pybind11 and lies as the real one does. Its calls are those of the stub, no others."""

import ast
import itertools
from pathlib import Path
from threading import get_ident

STUB = Path(__file__).parents[2] / "typings" / "SpoutGL" / "__init__.pyi"


def overloads(stub=STUB):
    """{class: {method: [(parameters [(name, type, optional)], named, returns)]}}."""
    table = {}
    for node in ast.parse(stub.read_text("utf-8")).body:
        if not isinstance(node, ast.ClassDef):
            continue
        methods = table.setdefault(node.name, {})
        for it in node.body:
            if isinstance(it, ast.FunctionDef):
                these = [*it.args.posonlyargs, *it.args.args][1:]
                optional = [False] * (len(these) - len(it.args.defaults)) + [True] * len(it.args.defaults)
                params = [(a.arg, ast.unparse(a.annotation), o) for a, o in zip(these, optional, strict=True)]
                named = bool(these) and not it.args.posonlyargs
                methods.setdefault(it.name, []).append((params, named, ast.unparse(it.returns)))
    return table


def _fits(value, wanted):
    match wanted:
        case "int":
            return isinstance(value, int)
        case "bool":
            return isinstance(value, bool)
        case "str":
            return isinstance(value, str)
        case "Buffer":
            try:
                memoryview(value)
            except TypeError:
                return False
            return True
        case "Buffer | None":
            return value is None or _fits(value, "Buffer")
        case "object":
            return True
    raise AssertionError(wanted)


def _method(name, signatures):
    def call(self, *args, **kwargs):
        for params, named, _ in signatures:
            names = [p[0] for p in params]
            if kwargs and (not named or set(kwargs) - set(names[len(args) :])):
                continue
            given = {**dict(zip(names, args, strict=False)), **kwargs}
            missing = [p for p in params if not p[2] and p[0] not in given]
            if len(args) <= len(params) and not missing and all(_fits(given[n], t) for n, t, _ in params if n in given):
                self._on_its_thread(name)
                return getattr(self, f"_{name}")(*args, **kwargs)
        raise TypeError(f"{name}(): incompatible function arguments")

    return call


class _Strict:
    __slots__ = ("_thread", "_world")

    def _on_its_thread(self, name):
        if get_ident() != self._thread:
            raise AssertionError(f"{name} on another thread than the one that made it")

    def __getattr__(self, name):
        if name.startswith("_") and name[1:] in overloads()[type(self).__name__]:
            raise NotImplementedError(f"{name[1:]} is not modelled")
        raise AttributeError(name)


class Info:
    def __init__(self, width, height):
        self.name, self.width, self.height = "", width, height  # the real name is always empty


class World:
    """What all senders of a session share, and what the test wants to go wrong."""

    def __init__(self):
        self.senders = {}  # name -> (width, height)
        self.images = []  # (name, bytes, glFormat, invert) of each send
        self.limit = 64
        self.answers = {}  # method -> what it returns whatever it did
        self.contexts = 0
        self.log = []
        world = self

        class SenderParts(_Strict):
            __slots__ = ("_context", "_name", "_registered")

            def __init__(self):
                self._world, self._thread = world, get_ident()
                self._context, self._name, self._registered = False, None, None

            def _createOpenGL(self):
                world.log.append("createOpenGL")
                if world.answers.get("createOpenGL") is False:
                    return False
                world.contexts += 1
                self._context = True
                return True

            def _closeOpenGL(self):
                assert self._context, "closed a context it did not have"
                assert self._registered is None, "the context was closed before the sender was released"
                world.contexts -= 1
                self._context = False
                return True

            def _setSenderName(self, name):
                assert len(name) < 256, "strcpy_s: the process is gone"
                self._name = name

            def _sendImage(self, data, width, height, gl_format, invert, fbo):
                if width < 0 or height < 0:
                    return False
                size = {6408: 4, 32993: 4, 6407: 3, 32992: 3}.get(gl_format)
                if size is None:
                    raise ValueError("unsupported format")
                view = memoryview(data)
                if not view.c_contiguous or view.nbytes < width * height * size:
                    raise BufferError("not contiguous, or too small")
                if world.answers.get("sendImage") is False:
                    return False
                self._name = self._name or "Spout"  # what a send after release registers
                if self._registered is None:
                    free = itertools.chain([self._name], (f"{self._name}_{n}" for n in itertools.count(1)))
                    self._name = next(name for name in free if name not in world.senders)  # silently another one
                if self._registered is not None or len(world.senders) < world.limit:
                    world.senders[self._name] = (width, height)
                    self._registered = self._name
                world.images.append((self._name, view.tobytes(), gl_format, invert))
                return True  # of the 65th sender too

            def _setFrameSync(self, name):
                assert name == self._registered, "an event nobody waits for"

            def _getSenderInfo(self, name):
                return Info(*world.senders[name]) if name in world.senders else None

            def _releaseSender(self):
                world.senders.pop(self._registered, None)
                self._registered = self._name = None

        class ReceiverParts(_Strict):
            __slots__ = ()

            def __init__(self):
                self._world, self._thread = world, get_ident()

            def _getSenderList(self):
                return list(world.senders)

        table = overloads()
        for name, parts in (("SpoutSender", SenderParts), ("SpoutReceiver", ReceiverParts)):
            methods = {n: _method(n, s) for n, s in table[name].items() if not n.startswith("__")}
            setattr(self, name, type(name, (parts,), {"__slots__": (), **methods}))


class Desk:
    """Windows, as far as Spout needs it."""

    def __init__(self, world, session=1):
        self.world, self._session = world, session
        self.held = False  # by a receiver
        self.locked, self.handles, self.pumps = False, 0, 0

    def session(self):
        return self._session

    def open_mutex(self, name):
        sender, _, rest = name.rpartition("_SpoutAccessMutex")
        assert not rest
        if sender not in self.world.senders:
            return None
        self.handles += 1
        return 77

    def lock(self, mutex, timeout_ms):
        assert mutex == 77
        assert not self.locked
        assert 0 < timeout_ms <= 50
        self.locked = not self.held
        return self.locked

    def unlock(self, mutex):
        assert mutex == 77
        assert self.locked, "unlocked what was not locked"
        self.locked = False

    def close(self, mutex):
        assert mutex == 77
        self.handles -= 1

    def pump(self):
        self.pumps += 1

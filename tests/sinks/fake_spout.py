# ruff: noqa: N802
"""A SpoutGL that is as strict as pybind11 and lies as the real one does. Its calls are those of the stub, no others."""

import ast
import itertools
import weakref
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
        self.unlisted = {}  # the same of those the list has no room for, which are there all the same
        self.stale = set()  # names in the list whose process died; receivers keep the list
        self.images = []  # (name, bytes, glFormat, invert) of each send
        self.textures = []  # (name, texture, bytes or None, invert) likewise
        self.read = None  # what a GL texture holds, to look when it is sent
        self.cpu_share = True  # what is found out at the first send
        self.limit = 64
        self.answers = {}  # method -> what it returns whatever it did
        self.contexts = 0
        self.receivers = weakref.WeakSet()
        self.log = []
        world = self

        class SenderParts(_Strict):
            __slots__ = ("_context", "_name", "_registered", "_size", "_was_sent")

            def __init__(self):
                self._world, self._thread = world, get_ident()
                self._context = self._was_sent = False
                self._name = self._registered = self._size = None

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
                assert not world.receivers, "a receiver outlives the context"
                world.contexts -= 1
                self._context = False
                return True

            def _setSenderName(self, name):
                assert len(name) < 256, "strcpy_s: the process is gone"
                self._name = world.free_name(name)
                world.stale.clear()  # after it has evaded them

            def _sendImage(self, data, width, height, gl_format, invert, fbo):
                if width < 0 or height < 0:
                    return False
                size = {6408: 4, 32993: 4, 6407: 3, 32992: 3}.get(gl_format)
                if size is None:
                    raise ValueError("unsupported format")
                view = memoryview(data)
                if not view.c_contiguous or view.nbytes < width * height * size:
                    raise BufferError("not contiguous, or too small")
                return self._sent("sendImage", world.images, width, height, (view.tobytes(), gl_format, invert))

            def _sendTexture(self, texture, target, width, height, invert, fbo):
                assert (target, fbo) == (0x0DE1, 0)
                held = world.read and world.read(texture, width, height)
                return self._sent("sendTexture", world.textures, width, height, (texture, held, invert))

            def _sent(self, call, log, width, height, what):
                if world.answers.get(call) is False:
                    return False
                self._name = self._name or "Spout"  # what a send after release registers
                if self._registered is None:
                    self._name = world.free_name(self._name)  # silently another one
                    self._registered = self._name
                if self._size != (width, height):  # it writes what others are told only when that changes
                    self._size = (width, height)
                    has_room = self._registered in world.senders or len(world.senders) < world.limit
                    (world.senders if has_room else world.unlisted)[self._registered] = self._size
                self._was_sent = True
                log.append((self._name, *what))
                return True  # of the 65th sender too

            def _getCPUshare(self):
                return world.cpu_share and self._was_sent  # False while it is not known

            def _setFrameSync(self, name):
                assert name == self._registered, "an event nobody waits for"

            def _getSenderInfo(self, name):
                size = world.senders.get(name) or world.unlisted.get(name)
                return None if size is None else Info(*size)

            def _releaseSender(self):
                world.senders.pop(self._registered, None)
                world.unlisted.pop(self._registered, None)
                self._registered = self._name = self._size = None

        class ReceiverParts(_Strict):
            __slots__ = ("__weakref__", "_knows", "_updated", "_wanted")

            def __init__(self):
                self._knows, self._updated, self._wanted = None, False, ""
                self._world, self._thread = world, get_ident()
                world.receivers.add(self)

            def _createOpenGL(self):
                return True

            def _closeOpenGL(self):
                return True

            def _setReceiverName(self, name):
                self._wanted = name

            def _releaseReceiver(self):
                self._knows = None

            def _receiveImage(self, data, gl_format, invert, fbo):
                assert (gl_format, invert, fbo) == (6408, False, 0)
                size = world.senders.get(self._wanted)
                self._updated = size != self._knows  # and then nothing is received
                self._knows = size
                if size is not None and not self._updated:
                    _, sent, order, _ = world.images[-1]
                    channels = (
                        [sent[2::4], sent[1::4], sent[0::4]] if order == 32993 else [sent[n::4] for n in (0, 1, 2)]
                    )
                    for n, channel in enumerate((*channels, sent[3::4])):
                        memoryview(data)[n::4] = channel
                return size is not None

            def _isUpdated(self):
                return self._updated

            def _getSenderWidth(self):
                return self._knows[0]

            def _getSenderHeight(self):
                return self._knows[1]

            def _getSenderList(self):
                return [*world.senders, *world.stale]

        table = overloads()
        for name, parts in (("SpoutSender", SenderParts), ("SpoutReceiver", ReceiverParts)):
            methods = {n: _method(n, s) for n, s in table[name].items() if not n.startswith("__")}
            setattr(self, name, type(name, (parts,), {"__slots__": (), **methods}))

    def free_name(self, wanted):
        """The name that Spout gives to one who wants this one."""
        names = itertools.chain([wanted], (f"{wanted}_{n}" for n in itertools.count(1)))
        return next(name for name in names if name not in self.senders and name not in self.stale)


class Desk:
    """Windows, as far as Spout needs it."""

    def __init__(self, world, session=1):
        self.world, self._session = world, session
        self.held = False  # the texture's mutex, by a receiver
        self.known = set()  # texture mutexes that a receiver keeps alive
        self.over_remote_desktop = False
        self.locked, self.handles, self.pumps, self.waits = False, {}, 0, 0
        self.claimed = set()  # names, by other processes
        self._numbers = itertools.count(76, 4)

    def session(self):
        return self._session

    def remote(self):
        return self.over_remote_desktop

    def claim(self, name):
        if name in self.claimed or name in self.handles.values():
            return None
        return self._handle(name)

    def open_mutex(self, name):
        sender, _, rest = name.rpartition("_SpoutAccessMutex")
        assert not rest
        return self._handle(name) if sender in self.world.senders or sender in self.known else None

    def lock(self, mutex, timeout_ms):
        assert self.handles[mutex].endswith("_SpoutAccessMutex")
        assert not self.locked
        assert 0 < timeout_ms <= 50
        self.waits += 1
        self.locked = not self.held
        return self.locked

    def unlock(self, mutex):
        assert self.handles[mutex].endswith("_SpoutAccessMutex")
        assert self.locked, "unlocked what was not locked"
        self.locked = False

    def close(self, handle):
        del self.handles[handle]

    def pump(self):
        self.pumps += 1

    def _handle(self, name):
        handle = next(self._numbers)
        self.handles[handle] = name
        return handle

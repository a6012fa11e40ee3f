"""A machine that reads pickles and builds inert values only: there is no way from its input to a call.

Python's own unpickler resolves names to live objects and calls them, and allocates what a file claims. This one knows
the instructions that official StyleGAN snapshots consist of, turns each allowed global into a `Global` (a name,
nothing more), and hands "calls" of it to `build`, a closed function of the caller's over plain data. Everything else
is refused by name. Memory and time are bounded: byte strings are views into the file, and a `Budget` for the whole
file, nested pickles included, pays for instructions and for whatever copies.
"""

import struct
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, TypeAlias

from stylegan3.errors import CheckpointError

Value: TypeAlias = Any
"""None, bool, int, float, str, memoryview, tuple, list, dict, `Global`, or what the caller's functions made."""

_MAX_STEPS = 2_000_000  # an official snapshot has some 60 000
_MAX_INT_BYTES = 16
_MAX_KEY = 1 << 62  # of a dict: beyond, different whole numbers can be made to hash alike, and a dict to take for ever


@dataclass(frozen=True, slots=True)
class Global:
    """The name of something in somebody's Python; never looked up."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(slots=True)
class Budget:
    """What a file may still cost: a pickle can ask for the same work again and again through its memo."""

    copied: int  # bytes
    steps: int = _MAX_STEPS

    def step(self, count: int = 1) -> None:
        """Pay for instructions, or for handling as many items."""
        self.steps -= count
        if self.steps < 0:
            raise CheckpointError(f"has more than {_MAX_STEPS} pickle instructions, which no network needs")

    def copy(self, size: int) -> None:
        """Pay for text or bytes made out of the file's."""
        self.copied -= size
        if self.copied < 0:
            raise CheckpointError("is damaged: it copies itself again and again")


@dataclass(frozen=True, slots=True)
class Rules:
    """What a pickle may ask for, and what is made of it."""

    allowed: Collection[Global]
    build: Callable[[Global, tuple[Value, ...]], Value]  # a "call" of an allowed global
    set_state: Callable[[Value, Value], None]  # BUILD
    persistent: Callable[[Value], Value] | None = None  # BINPERSID


def shown(value: Value) -> str:
    """A few printable characters of something out of a file, for a sentence."""
    text = value if isinstance(value, str) else repr(value) if isinstance(value, int | float) else type(value).__name__
    return "".join(c if c.isprintable() else "?" for c in text[:80])


class Refused(CheckpointError):  # noqa: N818 - reads as what it is
    """A pickle that asks for what it has no use for."""


class _Mark:
    """Where a run of stack items begins."""


_MARK = _Mark()
_CONSTANTS = {0x4E: None, 0x88: True, 0x89: False}  # NONE NEWTRUE NEWFALSE
_UNUSED = {
    0x30: "POP", 0x31: "POP_MARK", 0x32: "DUP", 0x46: "FLOAT", 0x49: "INT", 0x4C: "LONG", 0x50: "PERSID",
    0x53: "STRING", 0x54: "BINSTRING",
    0x55: "SHORT_BINSTRING", 0x56: "UNICODE", 0x64: "DICT", 0x67: "GET", 0x69: "INST", 0x6C: "LIST", 0x6F: "OBJ",
    0x70: "PUT", 0x82: "EXT1",
    0x83: "EXT2", 0x84: "EXT4", 0x8B: "LONG4", 0x92: "NEWOBJ_EX", 0x96: "BYTEARRAY8", 0x97: "NEXT_BUFFER",
    0x98: "READONLY_BUFFER",
}  # fmt: skip


class Machine:
    """Reads one pickle from `data` at `at`; afterwards `at` is just behind it."""

    def __init__(self, data: memoryview, at: int, rules: Rules, budget: Budget) -> None:
        self._data, self.at, self._rules, self._budget = data, at, rules, budget
        self._stack: list[Value] = []
        self._memo: list[Value] = []

    def run(self) -> Value:
        """The value the pickle describes. CheckpointError: one clause that says what is wrong."""
        while True:
            self._budget.step()
            op = self._take(1)[0]
            if op == 0x2E:  # STOP
                return self._pop()
            self._step(op)

    def _step(self, op: int) -> None:
        match op:
            case 0x80:  # PROTO
                if not 2 <= (version := self._take(1)[0]) <= 5:
                    raise CheckpointError(f"claims pickle protocol {version}")
            case 0x95:  # FRAME: a hint for buffered readers
                self._take(8)
            case 0x28:  # MARK
                self._stack.append(_MARK)
            case 0x4E | 0x88 | 0x89:
                self._stack.append(_CONSTANTS[op])
            case 0x4B:  # BININT1
                self._stack.append(self._take(1)[0])
            case 0x4D:  # BININT2
                self._stack.append(self._number("<H", 2))
            case 0x4A:  # BININT
                self._stack.append(self._number("<i", 4))
            case 0x8A:  # LONG1
                if (size := self._take(1)[0]) > _MAX_INT_BYTES:
                    raise CheckpointError(f"has a whole number of {size} bytes")
                self._stack.append(int.from_bytes(self._take(size), "little", signed=True))
            case 0x47:  # BINFLOAT
                self._stack.append(self._number(">d", 8))
            case 0x8C | 0x58 | 0x8D:  # SHORT_BINUNICODE BINUNICODE BINUNICODE8
                self._stack.append(self._text(self._take(self._size({0x8C: 1, 0x58: 4, 0x8D: 8}[op]))))
            case 0x43 | 0x42 | 0x8E:  # SHORT_BINBYTES BINBYTES BINBYTES8
                self._stack.append(self._take(self._size({0x43: 1, 0x42: 4, 0x8E: 8}[op])))
            case 0x29:  # EMPTY_TUPLE
                self._stack.append(())
            case 0x85 | 0x86 | 0x87:  # TUPLE1 TUPLE2 TUPLE3
                items = [self._pop() for _ in range(op - 0x84)]
                self._stack.append(tuple(reversed(items)))
            case 0x74:  # TUPLE
                self._stack.append(tuple(self._run()))
            case 0x5D | 0x8F:  # EMPTY_LIST EMPTY_SET: a set is kept as a list, nothing here needs more
                self._stack.append([])
            case 0x91:  # FROZENSET
                self._stack.append(self._run())
            case 0x7D:  # EMPTY_DICT
                self._stack.append({})
            case 0x61:  # APPEND
                item = self._pop()
                self._list().append(item)
            case 0x65 | 0x90:  # APPENDS ADDITEMS
                items = self._run()
                self._list().extend(items)
            case 0x73:  # SETITEM
                value, key = self._pop(), self._pop()
                self._fill([key, value])
            case 0x75:  # SETITEMS
                self._fill(self._run())
            case 0x63:  # GLOBAL
                self._stack.append(self._allow(self._line(), self._line()))
            case 0x93:  # STACK_GLOBAL
                name, module = self._pop(), self._pop()
                self._stack.append(self._allow(module, name))
            case 0x52 | 0x81:  # REDUCE NEWOBJ
                args, made = self._pop(), self._pop()
                if not isinstance(made, Global) or not isinstance(args, tuple):
                    raise Refused("calls something that is not a name, which a checkpoint has no use for")
                self._stack.append(self._rules.build(made, args))
            case 0x62:  # BUILD
                state = self._pop()
                self._rules.set_state(self._top(), state)
            case 0x51:  # BINPERSID
                if self._rules.persistent is None:
                    raise Refused("asks for a persistent object, which a checkpoint has no use for")
                self._stack.append(self._rules.persistent(self._pop()))
            case 0x94:  # MEMOIZE
                self._memo.append(self._top())
            case 0x71 | 0x72:  # BINPUT LONG_BINPUT: writers count up by one, so the memo cannot outgrow the file
                index = self._size(1 if op == 0x71 else 4)
                if index > len(self._memo):
                    raise CheckpointError("is damaged: it numbers its objects with gaps")
                self._memo[index : index + 1] = [self._top()]
            case 0x68 | 0x6A:  # BINGET LONG_BINGET
                index = self._size(1 if op == 0x68 else 4)
                if index >= len(self._memo):
                    raise CheckpointError("is damaged: it refers to an object that is not there")
                self._stack.append(self._memo[index])
            case _ if op in _UNUSED:
                raise Refused(f"uses the pickle instruction {_UNUSED[op]}, which a checkpoint has no use for")
            case _:
                raise CheckpointError("is damaged, or is not a pickle")

    def _take(self, size: int) -> memoryview:
        end = self.at + size
        if end > len(self._data):
            raise CheckpointError("is cut short: it was not copied or downloaded to its end")
        piece = self._data[self.at : end]
        self.at = end
        return piece

    def _size(self, width: int) -> int:
        return int.from_bytes(self._take(width), "little")

    def _number(self, layout: str, size: int) -> int | float:
        value: int | float = struct.unpack(layout, self._take(size))[0]
        return value

    def _text(self, piece: memoryview) -> str:
        self._budget.copy(len(piece))
        try:
            return str(piece, "utf-8", "surrogatepass")
        except UnicodeDecodeError:
            raise CheckpointError("is damaged: a text in it is not UTF-8") from None

    def _line(self) -> str:
        window = bytes(self._data[self.at : self.at + 256])
        end = window.find(b"\n")
        if end < 0:
            raise CheckpointError("is damaged, or is not a pickle")
        self.at += end + 1
        return self._text(memoryview(window[:end]))

    def _allow(self, module: Value, name: Value) -> Global:
        if not isinstance(module, str) or not isinstance(name, str):
            raise CheckpointError("is damaged: it names something with what is not text")
        found = Global(module, name)
        if found not in self._rules.allowed:
            asked = f"{shown(module)}.{shown(name)}"
            raise Refused(f"asks for {asked}, which a checkpoint has no use for; nothing in it was run")
        return found

    def _top(self) -> Value:
        if not self._stack:
            raise CheckpointError("is damaged: it uses an object it has not made")
        return self._stack[-1]

    def _pop(self) -> Value:
        value = self._top()
        if value is _MARK:
            raise CheckpointError("is damaged: its brackets do not match")
        return self._stack.pop()

    def _run(self) -> list[Value]:
        """Items since the last mark, which goes too."""
        for i in range(len(self._stack) - 1, -1, -1):
            if self._stack[i] is _MARK:
                items = self._stack[i + 1 :]
                del self._stack[i:]
                return items
        raise CheckpointError("is damaged: its brackets do not match")

    def _list(self) -> list[Value]:
        top = self._top()
        if not isinstance(top, list):
            raise CheckpointError("is damaged: it appends to what is not a list")
        return top

    def _fill(self, items: list[Value]) -> None:
        top = self._top()
        if not isinstance(top, dict) or len(items) % 2:
            raise CheckpointError("is damaged: it sets items of what is not a dict")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str) and not (isinstance(key, int) and abs(key) < _MAX_KEY):
                raise CheckpointError("is damaged: a key in it is not text or a number")
            top[key] = value

"""What an official snapshot's pickle holds: modules, tensors and numbers, each as plain data."""

import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stylegan3.errors import CheckpointError
from stylegan3.pickled import Budget, Global, Machine, Rules, Value, shown

_ORDERED_DICT = Global("collections", "OrderedDict")
_EASY_DICT = Global("dnnlib.util", "EasyDict")
_SET = Global("builtins", "set")
_ENCODE = Global("_codecs", "encode")
_PERSISTENT = Global("torch_utils.persistence", "_reconstruct_persistent_obj")
_PARAMETER = Global("torch._utils", "_rebuild_parameter")
_TENSOR = Global("torch._utils", "_rebuild_tensor_v2")
_STORAGE = Global("torch.storage", "_load_from_bytes")
_NDARRAY, _DTYPE = Global("numpy", "ndarray"), Global("numpy", "dtype")
_ARRAYS = {Global(f"{numpy}.multiarray", "_reconstruct") for numpy in ("numpy.core", "numpy._core")}
_SCALARS = {Global(f"{numpy}.multiarray", "scalar") for numpy in ("numpy.core", "numpy._core")}
_ALLOWED = {
    _ORDERED_DICT, _EASY_DICT, _SET, _ENCODE, _PERSISTENT, _PARAMETER, _TENSOR, _STORAGE, _NDARRAY, _DTYPE, *_ARRAYS,
    *_SCALARS,
}  # fmt: skip

_STORAGE_TYPES = {
    Global("torch", f"{name}Storage"): dtype
    for name, dtype in {
        "Float": torch.float32, "Double": torch.float64, "Half": torch.float16, "BFloat16": torch.bfloat16,
        "Long": torch.int64,
        "Int": torch.int32, "Short": torch.int16, "Char": torch.int8, "Byte": torch.uint8, "Bool": torch.bool,
    }.items()
}  # fmt: skip
_TORCH_MAGIC, _TORCH_PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_NUMBERS = {
    "b1": "?",
    "i1": "b",
    "u1": "B",
    "i2": "h",
    "u2": "H",
    "i4": "i",
    "u4": "I",
    "i8": "q",
    "u8": "Q",
    "f4": "f",
    "f8": "d",
}
_MAX_DIMS, _MAX_ARRAY = 8, 4096


@dataclass(frozen=True, slots=True, eq=False)
class Module:
    """One persistent object: the name of its class and its attributes. Source text in the file is not kept."""

    class_name: str
    state: dict[Any, Value]

    def part(self, kind: str) -> dict[Any, Value]:
        """`_modules`, `_parameters` or `_buffers`."""
        part = self.state.get(kind)
        return part if isinstance(part, dict) else {}

    def child(self, name: str) -> "Module | None":
        """The module of that name."""
        found = self.part("_modules").get(name)
        return found if isinstance(found, Module) else None

    def children(self) -> "list[Module]":
        """All modules directly inside."""
        return [found for found in self.part("_modules").values() if isinstance(found, Module)]


@dataclass(frozen=True, slots=True, eq=False)
class Storage:
    """Numbers as they lie in the file."""

    dtype: torch.dtype
    numel: int
    data: memoryview  # exactly numel * itemsize bytes


@dataclass(frozen=True, slots=True, eq=False)
class StoredTensor:
    """A view of a storage without gaps, checked to lie within it."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def read(self) -> Tensor:
        """Its own float32 copy."""
        count, width = math.prod(self.shape), self.storage.dtype.itemsize
        if count == 0:
            return torch.empty(self.shape)
        raw = bytearray(self.storage.data[self.offset * width : (self.offset + count) * width])
        flat = torch.frombuffer(raw, dtype=self.storage.dtype)
        return flat.as_strided(self.shape, self.stride).to(torch.float32).contiguous()


@dataclass(slots=True, eq=False)
class _Dtype:
    code: str
    order: str = "<"


@dataclass(slots=True, eq=False)
class _Array:
    values: list[float] | None = None


def read_snapshot(data: memoryview) -> Value:
    """The pickle's value. CheckpointError says in a clause what is wrong with it."""
    budget = Budget(copied=2 * len(data))  # each text once, and bytes that older protocols write as text
    builder = _Builder(budget)
    value = Machine(data, 0, Rules(_ALLOWED, builder.build, builder.set_state), budget).run()
    if isinstance(value, Global):
        raise CheckpointError(f"holds only the name {value}")
    return value


def plain(value: Value) -> Value:
    """Arrays as lists; everything else as it is."""
    return value.values if isinstance(value, _Array) else value


@dataclass(frozen=True, slots=True)
class _Builder:
    """Makes plain data of what a snapshot "calls", within a budget."""

    budget: Budget

    def build(self, made: Global, args: tuple[Value, ...]) -> Value:
        """What a call of `made` stands for."""
        match made, args:
            case (g, ()) if g in (_ORDERED_DICT, _EASY_DICT):
                return {}
            case (g, (list() as items,)) if g == _SET:
                return items
            case (g, (str(text), "latin1")) if g == _ENCODE:
                self.budget.copy(len(text))
                try:
                    return memoryview(text.encode("latin-1"))
                except UnicodeEncodeError:
                    raise CheckpointError("is damaged: bytes in it are not bytes") from None
            case (g, ({"class_name": str(name), "state": dict(state)},)) if g == _PERSISTENT:
                return Module(name, state)
            case (g, (StoredTensor() as tensor, bool(), _)) if g == _PARAMETER:
                return tensor
            case (g, (Storage() as storage, int(offset), tuple(shape), tuple(stride), *_)) if g == _TENSOR:
                return _tensor(storage, offset, shape, stride)
            case (g, (memoryview() as blob,)) if g == _STORAGE:
                return _storage(blob, self.budget)
            case (g, (str(code), *_)) if g == _DTYPE:
                if code not in _NUMBERS:
                    raise CheckpointError(f"has numbers of the kind {shown(code)}, which a network has no use for")
                return _Dtype(code)
            case (g, (Global(), tuple(), _)) if g in _ARRAYS:
                return _Array()
            case (g, (_Dtype() as dtype, memoryview() as raw)) if g in _SCALARS:
                return _numbers(dtype, raw, 1)[0]
        raise CheckpointError(f"is damaged: it hands {made} what that cannot take")

    def set_state(self, made: Value, state: Value) -> None:
        """BUILD."""
        match made, state:
            case (_Dtype() as dtype, (int(), str(order), *_)):
                dtype.order = ">" if order == ">" else "<"
            case (_Array() as array, (int(), tuple(shape), _Dtype() as dtype, bool(fortran), memoryview() as raw)):
                if len(shape) > _MAX_DIMS or not all(isinstance(n, int) and 0 <= n <= _MAX_ARRAY for n in shape):
                    raise CheckpointError("has an attribute array of an unlikely shape")
                count = math.prod(shape)
                if count > _MAX_ARRAY:
                    raise CheckpointError("has an attribute array of an unlikely size")
                self.budget.step(count)
                array.values = _numbers(dtype, raw, count)
                if fortran and len(shape) > 1:
                    array.values = np.asarray(array.values).reshape(shape, order="F").ravel().tolist()
            case (dict() as target, dict() as values):  # an EasyDict written with its state
                self.budget.step(len(values))
                target.update({key: value for key, value in values.items() if isinstance(key, str)})
            case _:
                raise CheckpointError("is damaged: it sets the state of what has none")


def _numbers(dtype: _Dtype, raw: memoryview, count: int) -> list[Any]:
    layout = f"{dtype.order}{count}{_NUMBERS[dtype.code]}"
    if struct.calcsize(layout) != len(raw):
        raise CheckpointError("is damaged: an array in it has not as many bytes as it claims")
    return list(struct.unpack(layout, raw))


def _tensor(storage: Storage, offset: int, shape: tuple[Value, ...], stride: tuple[Value, ...]) -> StoredTensor:
    fits = len(shape) == len(stride) <= _MAX_DIMS
    if not fits or not all(type(n) is int and n >= 0 for n in (offset, *shape, *stride)):
        raise CheckpointError("is damaged: a tensor in it has an impossible shape")
    count = math.prod(shape)
    span = 1 + sum((n - 1) * step for n, step in zip(shape, stride, strict=True))
    if count and (count > span or offset + span > storage.numel):  # strides of zero blow a few bytes up to any size
        raise CheckpointError("is damaged: a tensor in it claims more numbers than it has")
    if count and count < span:  # reading few numbers would copy many
        raise CheckpointError("is damaged: a tensor in it has gaps")
    return StoredTensor(storage, offset if 0 not in shape else 0, shape, stride)


def _storage(blob: memoryview, budget: Budget) -> Storage:
    """One storage as torch.save wrote it before zip files: five small pickles, a count, the numbers."""
    at, values = 0, []
    rules = Rules({*_STORAGE_TYPES, _ORDERED_DICT}, _build_nothing, _set_nothing, _claim)
    for _ in range(5):
        machine = Machine(blob, at, rules, budget)
        values.append(machine.run())
        at = machine.at
    magic, protocol, system, claim, keys = values
    if magic != _TORCH_MAGIC or protocol != _TORCH_PROTOCOL or not isinstance(claim, _Claim) or keys != [claim.key]:
        raise CheckpointError("is damaged: a tensor in it is not in PyTorch's format")
    if not isinstance(system, dict) or system.get("little_endian") is False:
        raise CheckpointError("was written on a big-endian machine, which is not read")
    size = claim.numel * claim.dtype.itemsize
    if len(blob) != at + 8 + size or int.from_bytes(blob[at : at + 8], "little", signed=True) != claim.numel:
        raise CheckpointError("is damaged: a tensor in it claims more numbers than it has")
    return Storage(claim.dtype, claim.numel, blob[at + 8 :])


@dataclass(frozen=True, slots=True)
class _Claim:
    dtype: torch.dtype
    key: str
    numel: int


def _claim(value: Value) -> _Claim:
    match value:
        case ("storage", Global() as kind, str(key), str(), int(numel), *_) if kind in _STORAGE_TYPES and numel >= 0:
            return _Claim(_STORAGE_TYPES[kind], key, numel)
    raise CheckpointError("is damaged: a tensor in it is not in PyTorch's format")


def _build_nothing(made: Global, args: tuple[Value, ...]) -> Value:
    if made == _ORDERED_DICT and args == ():
        return {}
    raise CheckpointError(f"is damaged: it hands {made} what that cannot take")


def _set_nothing(made: Value, state: Value) -> None:  # noqa: ARG001
    raise CheckpointError("is damaged: it sets the state of what has none")

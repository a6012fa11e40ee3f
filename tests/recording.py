"""A stand-in for a CUDA graph: launches are recorded with their addresses and replayed blindly.

What a capture forbids is refused. It is stricter than the device: what a recording made is NaN until it
is replayed, memory it wrote to is put back as the last warm-up left it, memory may not be asked for by name, and at
each replay every address must still be what it was.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

REFUSED = {  # what waits for the device, brings data from the host, or has a shape that depends on values
    "_local_scalar_dense", "item", "is_nonzero", "equal", "nonzero", "masked_select", "_unique2", "unique_dim",
    "lift_fresh", "lift_fresh_copy", "scalar_tensor", "pin_memory", "_pin_memory", "set_", "resize_", "allclose",
}  # fmt: skip
READ = {"tolist", "numpy", "cpu", "item", "__bool__", "__float__", "__int__", "__array__", "__index__"}
MADE = {  # memory asked for by name; a list on static memory has no need of it
    "empty", "empty_strided", "zeros", "ones", "full", "arange", "new_empty", "new_zeros", "new_ones", "new_full",
    "empty_like", "zeros_like", "ones_like", "full_like", "rand", "randn", "eye", "linspace", "new_empty_strided",
}  # fmt: skip


class CaptureRefusedError(RuntimeError):
    """As CUDA says that an operation is not permitted when the stream is capturing."""


@dataclass
class Step:
    """One launch: what runs, on which memory, and what it made."""

    name: str
    run: Callable[[], Any]
    made: tuple[Tensor, ...]
    touched: tuple[tuple[Tensor, int], ...]  # with their addresses


@dataclass
class Recording:
    """What was recorded last, and how often each was replayed."""

    steps: list[Step] = field(default_factory=list)
    warm_ups: int = 0
    replays: int = 0

    @property
    def names(self) -> list[str]:
        return [step.name for step in self.steps]


_open: "list[_Recorder]" = []


def launch(name: str, run: Callable[[], Any], writes: tuple[Tensor, ...], reads: tuple[Tensor, ...]) -> None:
    """Run something as one launch that nobody looks into."""
    if not _open:
        run()
        return
    _open[-1].launch(name, run, writes, reads)


class StandIn:
    """A capture on a CPU. `recordings` are those it made, in order."""

    def __init__(self, warm_ups: int = 3, refuse_after: int | None = None) -> None:
        """`refuse_after` so many launches the recording fails, as where a library is not fit for it."""
        self.recordings: list[Recording] = []
        self._warm_ups, self._refuse_after = warm_ups, refuse_after

    def __call__(self, work: Callable[[], None]) -> Callable[[], None]:
        recording = Recording(warm_ups=self._warm_ups)
        for _ in range(self._warm_ups):
            work()
        recorder = _Recorder(recording, self._refuse_after)
        _open.append(recorder)
        try:
            with _Host(), recorder:
                work()
        finally:
            _open.pop()
            recorder.undo()
        self.recordings.append(recording)

        def replay() -> None:
            recording.replays += 1
            for step in recording.steps:
                for tensor, address in step.touched:
                    if tensor.data_ptr() != address:
                        raise AssertionError(f"{step.name}: memory has moved since it was recorded")
                result = step.run()
                for old, new in zip(step.made, _tensors(result), strict=False):
                    if old.data_ptr() != new.data_ptr():
                        old.copy_(new)

        return replay


class _Host(TorchFunctionMode):
    """Sees what the dispatcher of a CPU does not: values read straight from memory."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name in READ:
            raise CaptureRefusedError(f"operation not permitted when stream is capturing: {name}")
        return func(*args, **(kwargs or {}))


class _Recorder(TorchDispatchMode):
    def __init__(self, recording: Recording, refuse_after: int | None) -> None:
        super().__init__()
        self._recording, self._refuse_after = recording, refuse_after
        self._before: dict[int, tuple[Tensor, Tensor]] = {}  # what was written to, as it was
        self._made: list[Tensor] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func._schema.name.removeprefix("aten::")
        given = _tensors((args, kwargs))
        masked = name in ("index", "index_put_") and any(
            t.dtype in (torch.bool, torch.uint8) for t in _tensors(args[1])
        )
        if name in REFUSED or name in MADE or masked:
            raise CaptureRefusedError(f"operation not permitted when stream is capturing: {name}")
        if len({t.device for t in given}) > 1 or (name == "_to_copy" and "device" in kwargs):
            raise CaptureRefusedError(f"operation not permitted when stream is capturing: {name} between devices")
        writes = tuple(
            t
            for argument, value in _named(func._schema, args, kwargs)
            if argument.alias_info is not None and argument.alias_info.is_write
            for t in _tensors(value)
        )
        return self._record(name, lambda: func(*args, **kwargs), writes, given)

    def launch(self, name: str, run: Callable[[], Any], writes: tuple[Tensor, ...], reads: tuple[Tensor, ...]) -> None:
        def hidden() -> None:
            with torch._C._DisableTorchDispatch(), torch._C.DisableTorchFunction():
                run()

        self._record(name, hidden, writes, (*writes, *reads))

    def _record(self, name: str, run: Callable[[], Any], writes: tuple[Tensor, ...], given: tuple[Tensor, ...]) -> Any:
        if self._refuse_after is not None and len(self._recording.steps) >= self._refuse_after:
            raise CaptureRefusedError("operation failed due to a previous error during capture")
        with torch._C._DisableTorchDispatch():
            for t in writes:
                self._before.setdefault(t.untyped_storage().data_ptr(), (_all_of(t), _all_of(t).clone()))
        result = run()
        made = tuple(t for t in _tensors(result) if not any(_shares(t, g) for g in given))
        self._made.extend(made)
        touched = tuple((t, t.data_ptr()) for t in (*given, *_tensors(result)))
        self._recording.steps.append(Step(name, run, made, touched))
        return result

    def undo(self) -> None:
        """A recording does not run: nothing it wrote is there."""
        for whole, before in self._before.values():
            whole.copy_(before)
        for t in self._made:
            t.fill_(float("nan") if t.is_floating_point() else 171)


def _all_of(t: Tensor) -> Tensor:
    storage = t.untyped_storage()
    return torch.empty(0, dtype=t.dtype).set_(storage, 0, (storage.nbytes() // t.element_size(),))


def _shares(a: Tensor, b: Tensor) -> bool:
    return a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()


def _tensors(tree: Any) -> tuple[Tensor, ...]:
    return tuple(leaf for leaf in tree_flatten(tree)[0] if isinstance(leaf, Tensor))


def _named(schema: Any, args: Any, kwargs: Any) -> list[tuple[Any, Any]]:
    positional = [a for a in schema.arguments if not a.kwarg_only]
    named = {a.name: a for a in schema.arguments}
    return [*zip(positional, args, strict=False), *((named[k], v) for k, v in kwargs.items() if k in named)]

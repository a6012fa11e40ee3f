"""EnCodec's encoder as an endless stream: each layer keeps what it needs of the past (Défossez et al. 2022, section 3).

It is built from the layers of transformers' EncodecModel.encoder and gives what that gives for the whole sound at once.
"""

from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - what everybody calls it
from torch import Tensor

from daemon.flow import F32, F64

SR, FRAME, DIMS = 24_000, 320, 128  # Hz, samples a frame, numbers a frame


class _Layer(Protocol):
    """One layer of a stream."""

    def step(self, x: Tensor) -> Tensor:
        """[T, C] that follow what was given before -> [T', C']."""
        ...

    def reset(self) -> None:
        """Forget what was given."""
        ...


class _Conv:
    """A causal convolution that remembers the inputs its next output will need.

    One product of all its windows with its weights: torch's own takes twice as long for as few outputs as a frame has.
    """

    def __init__(self, layer: Any, pad_mode: str) -> None:
        conv = layer.conv
        weight: Tensor = conv.weight.detach()  # [C', C, taps]
        self._weight, self._bias = weight.permute(0, 2, 1).flatten(1).contiguous(), conv.bias.detach()
        self._taps, self.stride, self._dilation = weight.shape[2], int(conv.stride[0]), int(conv.dilation[0])
        self._reach = (self._taps - 1) * self._dilation + 1  # inputs from the first tap to the last
        self.past = self._reach - self.stride  # inputs remembered
        self._mode = pad_mode  # of what was before the first
        self._context: Tensor | None = None  # [past, C]

    def step(self, x: Tensor) -> Tensor:
        if self.past > 0:
            x = torch.cat((self._before(x) if self._context is None else self._context, x))
            self._context = x[-self.past :]
        outputs, channels = (len(x) - self._reach) // self.stride + 1, x.shape[1]
        steps = (self.stride * channels, self._dilation * channels, 1)
        windows = x.as_strided((outputs, self._taps, channels), steps)
        return F.linear(windows.flatten(1), self._weight, self._bias)

    def _before(self, x: Tensor) -> Tensor:
        return F.pad(x.T[None], (self.past, 0), self._mode)[0, :, : self.past].T

    def reset(self) -> None:
        self._context = None


class _Elu:
    def step(self, x: Tensor) -> Tensor:
        return F.elu(x)

    def reset(self) -> None:
        pass


class _Residual:
    """A block and the way past it, which is straight or a convolution of one input."""

    def __init__(self, block: list[_Layer], past: _Layer | None) -> None:
        self._block, self._past = block, past
        self.parts = block if past is None else [*block, past]

    def step(self, x: Tensor) -> Tensor:
        inner = x
        for layer in self._block:
            inner = layer.step(inner)
        return inner + (x if self._past is None else self._past.step(x))

    def reset(self) -> None:
        for layer in self.parts:
            layer.reset()


class _Lstm:
    """The LSTM and the way past it, one frame at a time.

    Written out: torch's own packs all its weights anew at each call, and takes several times as long for one frame.
    """

    def __init__(self, lstm: Any) -> None:
        self._size = int(lstm.hidden_size)
        self._weights = [self._joined(lstm, layer) for layer in range(int(lstm.num_layers))]
        self.reset()

    def step(self, x: Tensor) -> Tensor:
        return torch.stack([frame + self._frame(frame) for frame in x])

    def reset(self) -> None:
        self._state = [(torch.zeros(self._size), torch.zeros(self._size)) for _ in self._weights]

    def _frame(self, x: Tensor) -> Tensor:
        for layer, (weight, bias) in enumerate(self._weights):
            hidden, cell = self._state[layer]
            enter, keep, new, leave = torch.addmv(bias, weight, torch.cat((x, hidden))).chunk(4)
            cell = keep.sigmoid() * cell + enter.sigmoid() * new.tanh()
            x = leave.sigmoid() * cell.tanh()
            self._state[layer] = (x, cell)
        return x

    @staticmethod
    def _joined(lstm: Any, layer: int) -> tuple[Tensor, Tensor]:
        """What weighs the input and what came before, as one matrix [4 size, 2 size] and one bias [4 size]."""
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        into, back, bias, more = (getattr(lstm, f"{name}_l{layer}").detach() for name in names)
        return torch.cat((into, back), 1).T.contiguous().T, bias + more  # by columns: a sixth faster


class Stream:
    """Sound at 24 kHz in, the encoder's output before quantisation out; one thread, one sound.

    A frame needs no sound after its own end. The very first frames alone wait for `first` of them: what the network
    supposes before the beginning is the beginning mirrored.
    """

    def __init__(self, encoder: Any, pad_mode: str = "reflect") -> None:
        self._layers = [_streamed(layer, pad_mode) for layer in encoder.layers]
        self.first = _frames_mirrored(self._layers) if pad_mode == "reflect" else 1
        self._begun = False

    def push(self, samples: F32) -> F64:
        """[frames x FRAME] -> [frames, DIMS]; `first` frames or more the first time, one or more after that."""
        frames, rest = divmod(len(samples), FRAME)
        if rest or frames < (1 if self._begun else self.first):
            raise ValueError(f"{len(samples)} samples are no whole frames, or too few to begin with")
        self._begun = True
        if torch.get_num_threads() != 1:  # of this thread: a frame is too little to be shared
            torch.set_num_threads(1)
        with torch.inference_mode():
            x = torch.from_numpy(samples)[:, None]
            for layer in self._layers:
                x = layer.step(x)
            return x.numpy().astype(np.float64)

    def reset(self) -> None:
        """Begin anew."""
        self._begun = False
        for layer in self._layers:
            layer.reset()


def _streamed(layer: Any, pad_mode: str) -> _Layer:
    """A layer of transformers' EncodecEncoder as a stream, sharing its weights."""
    if hasattr(layer, "block"):
        past = _Conv(layer.shortcut, pad_mode) if hasattr(layer.shortcut, "conv") else None
        return _Residual([_streamed(part, pad_mode) for part in layer.block], past)
    if hasattr(layer, "lstm"):
        return _Lstm(layer.lstm)
    return _Conv(layer, pad_mode) if hasattr(layer, "conv") else _Elu()


def _frames_mirrored(layers: list[_Layer]) -> int:
    """Frames until every layer has one input more than it mirrors."""
    inputs, most = FRAME, 1  # inputs in a frame, of the layer at hand
    for conv in _convs(layers):
        most = max(most, conv.past // inputs + 1)
        inputs //= conv.stride
    return most


def _convs(layers: list[_Layer]) -> list[_Conv]:
    """Every convolution, in order."""
    nested = (_convs(x.parts) if isinstance(x, _Residual) else [x] if isinstance(x, _Conv) else [] for x in layers)
    return [conv for found in nested for conv in found]

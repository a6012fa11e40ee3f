"""A 3x3 convolution as matrix products, for GPUs whose tensor cores are twice as fast where they sum in float16.

PyTorch lets cuBLAS sum so (`allow_fp16_accumulation`), and cuDNN not. Rows of the padded picture share their margins:
the two columns of zeros that begin a row end the one before. So a picture is one line of samples, an output is three
runs of three neighbouring samples, and every third output's run is a row of a matrix that lies in memory as it is:
nine products of a third of the picture each, and what is summed in float16 is a third of the whole.
"""

import torch
from torch import Tensor

LEAST = 160  # channels, in and out: with fewer the sums' way through memory costs what the arithmetic saves


def suits(weight: Tensor) -> bool:
    """Whether a convolution [out, in, k, k] is one that gains."""
    return weight.shape[2:] == (3, 3) and min(weight.shape[:2]) >= LEAST


class ShiftedProducts:
    """One layer's, padded by two on every side: [H, W, C] -> [H + 2, W + 2, C'], into memory that is given."""

    def __init__(self, weight: Tensor, side: int) -> None:
        """Weight [out, in, 3, 3] and the input's side, square."""
        c_out, c_in = weight.shape[:2]
        self._n, self._c = side + 2, c_in
        self._weight = weight.permute(2, 3, 1, 0).reshape(3, 3 * c_in, c_out).contiguous()
        # two rows of zeros above and below, and what the last run reads behind them; nobody writes there
        self._padded = weight.new_zeros(((self._n + 2) * self._n + 2) * c_in)

    def __call__(self, x: Tensor, out: Tensor) -> None:
        """Out [(side + 2)^2, C'], contiguous."""
        n, c = self._n, self._c
        self._padded[: (n + 2) * n * c].view(n + 2, n, c)[2:n, 2:].copy_(x)
        for third in range(3):
            into = out[third::3]
            for row in range(3):
                runs = self._padded.as_strided((len(into), 3 * c), (3 * c, 1), (row * n + third) * c)
                if row:
                    into.addmm_(runs, self._weight[row])
                else:
                    torch.mm(runs, self._weight[row], out=into)

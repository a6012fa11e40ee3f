"""The network prepared for a CPU without the fused kernel: PyTorch alone, constants made once, memory reused."""

from stylegan3.prepared.painter import PreparedPainter, prepare

__all__ = ["PreparedPainter", "prepare"]

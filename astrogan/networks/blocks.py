"""What every network here is made of: convolutions with keyed, norm-free (Fixup) initialisation and residual blocks."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["GAIN", "ResidualBlock", "activation", "check_sides", "conv", "doubled", "generator", "wrap"]

SLOPE = 0.2
GAIN = math.sqrt(2.0 / (1.0 + SLOPE**2))
"""Keeps the variance through a convolution that a leaky ReLU precedes (He et al. 2015, eq. 15)."""


def activation(x: Tensor) -> Tensor:
    """Leaky ReLU: its second derivative is zero, so gradient penalties stay cheap."""
    return nn.functional.leaky_relu(x, SLOPE)


def generator(seed: int) -> torch.Generator:
    """A CPU generator of its own: building a network never touches torch's global random numbers."""
    return torch.Generator().manual_seed(seed)


class _Wrap(torch.autograd.Function):
    """(N, C, H, W) to (N, C, H + 2, W + 2) on a torus; its backward pass takes a sixth of that of torch's `pad`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        last = x.is_contiguous(memory_format=torch.channels_last)
        layout = torch.channels_last if last else torch.contiguous_format
        out = torch.empty((n, c, h + 2, w + 2), dtype=x.dtype, device=x.device, memory_format=layout)
        out[..., 1:-1, 1:-1] = x
        out[..., 1:-1, 0], out[..., 1:-1, -1] = x[..., -1], x[..., 0]
        out[..., 0, :], out[..., -1, :] = out[..., -2, :], out[..., 1, :]
        return out

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Any:
        return _Fold.apply(slopes[0])  # type: ignore[no-untyped-call]  # torch gives autograd.Function no types


class _Fold(torch.autograd.Function):
    """The transpose of `_Wrap`: the rim is added to the pixels that it copied."""

    @staticmethod
    def forward(ctx: Any, slope: Tensor) -> Tensor:
        slope = slope.clone()
        slope[..., 1, :] += slope[..., -1, :]
        slope[..., -2, :] += slope[..., 0, :]
        slope[..., 1] += slope[..., -1]
        slope[..., -2] += slope[..., 0]
        return slope[..., 1:-1, 1:-1]

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Any:
        return _Wrap.apply(slopes[0])  # type: ignore[no-untyped-call]  # torch gives autograd.Function no types


def wrap(x: Tensor) -> Tensor:
    """Pad (N, C, H, W) by one pixel on every side, circularly."""
    padded: Tensor = _Wrap.apply(x)  # type: ignore[no-untyped-call]  # torch gives autograd.Function no types
    return padded


def check_sides(x: Tensor, factor: int) -> None:
    """Refuse images (N, C, H, W) that cannot be halved down to 1 / `factor` of their sides, by a ValueError."""
    if any(side % factor for side in x.shape[-2:]):
        raise ValueError(f"image of {tuple(x.shape[-2:])} pixels: sides must be multiples of {factor}")


def doubled(x: Tensor) -> Tensor:
    """Every pixel of (N, C, H, W) repeated, to (N, C, 2 H, 2 W)."""
    return x.repeat_interleave(2, -1).repeat_interleave(2, -2)


def conv(
    rng: torch.Generator, inputs: int, outputs: int, kernel: int, *, gain: float = 1.0, stride: int = 1
) -> nn.Conv2d:
    """Unpadded convolution with weights of variance gain²/fan-in drawn from `rng` and zero bias."""
    layer = nn.Conv2d(inputs, outputs, kernel, stride, device="meta").to_empty(device="cpu")
    with torch.no_grad():
        layer.weight.normal_(0.0, gain / math.sqrt(inputs * kernel**2), generator=rng)
        for bias in [layer.bias] if layer.bias is not None else []:
            bias.zero_()
    return layer


class ResidualBlock(nn.Module):
    """x + W2 φ(W1 x), W1 a 3x3 convolution and W2 zero at first (Fixup: Zhang et al. 2019; R3GAN: Huang et al. 2024).

    Parameters
    ----------
    width
        Channels in and out.
    total
        Residual blocks in the whole network: W1 shrinks by total^(-1/2), Fixup's L^(-1/(2m-2)) for m = 2.
    torus
        True: circular padding and a 3x3 W2, size kept. False: no padding, a 1x1 W2, one pixel lost on every side.
    """

    def __init__(self, rng: torch.Generator, width: int, *, total: int, torus: bool) -> None:
        super().__init__()
        self.torus = torus
        self.first = conv(rng, width, width, 3, gain=total**-0.5)
        self.second = conv(rng, width, width, 3 if torus else 1, gain=0.0)

    def forward(self, x: Tensor) -> Tensor:
        """(N, width, H, W) to the same on a torus, to (N, width, H - 2, W - 2) otherwise."""
        if self.torus:
            return torch.add(x, self.second(wrap(activation(self.first(wrap(x))))))
        kept = nn.functional.pad(x, (-1, -1, -1, -1))  # a slice's gradient would lose the channels-last layout
        return torch.add(kept, self.second(activation(self.first(x))))

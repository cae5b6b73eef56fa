"""Fourier units: every output pixel sees the whole image at the price of two transforms."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from astrogan.networks.blocks import GAIN, activation, conv
from catalogs.checks import within

__all__ = ["FourierUnit"]

TINY = 1e-6  # |A|² below which its phase means nothing


class FourierUnit(nn.Module):
    """x + W2 F⁻¹ ρ(A F W1 φ(x)), F the discrete Fourier transform (Chi et al. 2020, section 3; Suvorov et al. 2022).

    There A mixes real and imaginary parts like any channels, and a ReLU acts on each: what comes out then depends on
    where the origin is. Here A is complex linear and ρ(a) = φ(|a| + b) a / |a| keeps the phase (Arjovsky et al. 2016,
    eq. 8), so that the unit commutes with translations on the torus.

    Parameters
    ----------
    width
        Channels in and out; half as many are transformed.
    total
        Residual blocks in the whole network, as for `ResidualBlock`.
    """

    def __init__(self, rng: torch.Generator, width: int, *, total: int) -> None:
        super().__init__()
        within("width", width, 2, 4096)
        half = width // 2
        self.entry = conv(rng, width, half, 1, gain=GAIN * total**-0.5)
        self.mix = nn.Parameter(torch.empty(2, half, half).normal_(0.0, (2 * half) ** -0.5, generator=rng))
        self.bias = nn.Parameter(torch.zeros(half, 1, 1))
        self.exit = conv(rng, half, width, 1, gain=0.0)

    def forward(self, x: Tensor) -> Tensor:
        """(N, width, H, W) to the same."""
        inner = self.entry(activation(x))
        with torch.autocast(x.device.type, enabled=False):  # there is no transform in bfloat16
            wide = torch.promote_types(inner.dtype, torch.float32)
            spectrum = torch.fft.rfft2(inner.to(wide), norm="ortho")
            a = torch.einsum("oi,nihw->nohw", torch.complex(self.mix[0], self.mix[1]), spectrum)
            size = torch.sqrt(a.real.square() + a.imag.square() + TINY)
            back = torch.fft.irfft2(a * (activation(size + self.bias) / size), s=x.shape[-2:], norm="ortho")
        return torch.add(x, self.exit(back.to(inner.dtype)))

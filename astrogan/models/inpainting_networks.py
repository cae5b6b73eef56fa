"""Networks of the inpainter: windows in background sigmas, with holes, to the mean and scatter of the pixels in them.

Both start from a Gaussian process (`astrogan.networks.gaussian`), whose mean b, standard deviation t and departure e
of a draw are inputs. With the local scale s² = t² + (0.1 b)², network outputs f, g, h, α, all zero before training,

    mean μ = b + λ s f,   standard deviation v = t exp(g + τ),   draw x = μ + (v / t) exp(α) e + s h

where λ in [0, 1] and τ, one for each band, are measured on windows held back from training.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from astrogan.models.scaling import compress
from astrogan.networks.unet import UNet
from astrogan.training import mixed_precision

__all__ = ["MeanNetwork", "SamplerNetwork", "Windows", "observed", "scale_of"]

MARGIN = 4  # pixels around a window that nobody observed: the networks' torus would join opposite sides
SHARE = 0.1  # of the light that a mean may be off by as easily as by its standard deviation
LOGS = 4.0  # largest |g| and |α|
Windows = dict[str, Tensor]
"""`image`, `sigma`, `known`, `base`, `spread` (N, C, S, S), `psf` (N, C), `departures` (N, D, C, S, S)."""


def observed(windows: Windows) -> Tensor:
    """Which bands were observed at all, (N, C, 1, 1)."""
    return windows["known"].any(-1, keepdim=True).any(-2, keepdim=True)


def scale_of(windows: Windows) -> Tensor:
    """The unit s (N, C, S, S) of what networks say of a hole."""
    return torch.sqrt(windows["spread"].square() + (SHARE * windows["base"]).square()).clamp(min=1e-3)


def _features(windows: Windows) -> list[Tensor]:
    """Planes that both networks see."""
    base, known = windows["base"], windows["known"].to(windows["base"].dtype)
    spread = torch.log(windows["spread"].clamp(min=0.1)) * (1.0 - known)
    psf = torch.log(windows["psf"])[..., None, None].expand_as(base)
    flags = observed(windows).to(base.dtype).expand_as(base)
    return [compress(base), known, spread, torch.log(windows["sigma"]), psf, flags]


def _outputs(trunk: UNet, planes: list[Tensor]) -> tuple[Tensor, Tensor]:
    """What a U-Net says of windows, in two halves, the second limited."""
    x = torch.cat(planes, dim=1)
    height, width = x.shape[-2:]
    bottom, right = (MARGIN + -(side + 2 * MARGIN) % trunk.factor for side in (height, width))
    x = nn.functional.pad(x, (MARGIN, right, MARGIN, bottom), mode="replicate")
    with mixed_precision(x.device):
        out = trunk(x)
    one, other = out.float()[..., MARGIN : MARGIN + height, MARGIN : MARGIN + width].chunk(2, dim=1)
    return one, LOGS * torch.tanh(other / LOGS)


class MeanNetwork(nn.Module):
    """The first head: posterior mean and standard deviation under a Gaussian likelihood."""

    trust: Tensor
    temper: Tensor

    def __init__(self, bands: int, *, width: int, levels: int, fourier: bool, seed: int) -> None:
        super().__init__()
        self.trunk = UNet(6 * bands, 2 * bands, width=width, levels=levels, fourier=fourier, seed=seed)
        self.register_buffer("trust", torch.ones(1))
        self.register_buffer("temper", torch.zeros(bands))

    def forward(self, windows: Windows) -> tuple[Tensor, Tensor]:
        """μ and v (N, C, S, S); of pixels that were observed they mean nothing."""
        f, g = _outputs(self.trunk, _features(windows))
        v = windows["spread"].clamp(min=1e-3) * torch.exp(g + self.temper[:, None, None])
        return windows["base"] + self.trust * scale_of(windows) * f, v


class SamplerNetwork(nn.Module):
    """The second head: draws from the posterior, around the first's answer."""

    def __init__(self, bands: int, *, width: int, levels: int, fourier: bool, seed: int) -> None:
        super().__init__()
        self.trunk = UNet(10 * bands, 2 * bands, width=width, levels=levels, fourier=fourier, seed=seed)

    def forward(self, windows: Windows, mean: Tensor, std: Tensor, departure: Tensor, white: Tensor) -> Tensor:
        """One draw of each window, (N, C, S, S).

        Parameters
        ----------
        windows
        mean, std : Tensor (N, C, S, S)
            Of the first head.
        departure : Tensor (N, C, S, S)
            e, of a draw of the Gaussian process.
        white : Tensor (N, C, S, S)
            White noise.
        """
        spread, scale = windows["spread"].clamp(min=1e-3), scale_of(windows)
        hole = (~windows["known"]).to(mean.dtype)
        start = std / spread * departure
        more = [compress(mean), torch.log(std / spread) * hole, departure / spread * hole, white]
        h, alpha = _outputs(self.trunk, _features(windows) + more)
        return mean + torch.exp(alpha) * start + scale * h

"""Gaussian processes over windows of pixels, conditioned on what was observed.

The signal of a window is a·s, s ~ N(0, K) with a covariance K measured on real windows, seen with white noise of
variance n: K and n are what a linear estimator (LMMSE) knows. The amplitude a is the window's own, the most probable
one given its pixels, which makes the estimator not linear: a bright galaxy and a faint one are no longer smoothed
alike. With Q = (a² K + n)⁻¹, u the pixels of the hole and k those that were observed,

    x_u | x_k ~ N(-Q_uu⁻¹ Q_uk x_k, Q_uu⁻¹)      (Rasmussen & Williams 2006, eq. A.6, in terms of the precision)

whose size is that of the hole, not of what was observed.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from catalogs.checks import within

__all__ = ["WindowProcess"]

TURNS = 2  # of finding the amplitude anew
GRID = torch.logspace(-2, 7, 91, dtype=torch.float64)  # a² that are tried, in units of the noise


class WindowProcess(nn.Module):
    """The process of windows of `size` x `size` pixels, the same in every band but for the amplitude.

    Parameters
    ----------
    bands, size
        Bands, and side of a window [pixel].
    rank
        Largest number of axes of K that are kept.

    Attributes
    ----------
    basis : Tensor (size², rank)
        Orthonormal axes of K, which has unit mean variance.
    power : Tensor (rank,)
        Variances along them, falling.
    amplitude : Tensor (C, 2)
        Mean and scatter of ln a² over training windows.
    """

    basis: Tensor
    power: Tensor
    amplitude: Tensor

    def __init__(self, bands: int, size: int, rank: int = 384) -> None:
        super().__init__()
        within("size", size, 8, 64, "pixels")
        self.size, rank = size, min(rank, size**2)
        self.register_buffer("basis", torch.zeros(size**2, rank))
        self.register_buffer("power", torch.zeros(rank))
        self.register_buffer("amplitude", torch.tensor([[0.0, 3.0]]).repeat(bands, 1))

    @torch.no_grad()
    def fit(self, images: Tensor) -> None:
        """Measure K and the amplitudes on windows (N, C, size, size) in noise sigmas, each of which counts alike.

        K is made symmetric under the eight symmetries of the square.
        """
        flat = images.flatten(2).transpose(0, 1).reshape(-1, self.size**2).double()
        square = flat.square().mean(1)
        flat, square = flat[square > 0], square[square > 0]
        covariance = (flat / square[:, None]).T @ flat / len(flat)
        covariance -= torch.eye(len(covariance), dtype=torch.float64) * (1.0 / square).clamp(max=1.0).mean()
        power, axes = torch.linalg.eigh(_symmetric(covariance, self.size))
        rank = self.basis.shape[1]
        power = power[-rank:].flip(0).clamp(min=0.0)
        power = power * (self.size**2 / power.sum().clamp(min=1e-12))
        self.power.copy_(power)
        self.basis.copy_(axes[:, -rank:].flip(1))
        for band in range(images.shape[1]):
            squares = (images[:, band].flatten(1) @ self.basis).square().double()
            logs = torch.tensor([self._amplitude(one, 1.0, None, 1.0) for one in squares]).log()
            self.amplitude[band] = torch.stack([logs.mean(), logs.std().clamp(min=0.3)])

    @torch.no_grad()
    def forward(self, x: Tensor, known: Tensor, sigma: Tensor, white: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Fill windows, band by band.

        Parameters
        ----------
        x, sigma : Tensor (N, C, size, size)
            Pixels, anything where they are not known, and their noise.
        known : Tensor (N, C, size, size) bool
        white : Tensor (N, D, C, size, size)
            White noise of D draws.

        Returns
        -------
        mean, std : Tensor (N, C, size, size)
            Of what would be observed in the hole, noise included; `x` and 0 elsewhere.
        departures : Tensor (N, D, C, size, size)
            Of draws from the mean.
        """
        mean, std = torch.where(known, x, 0.0), torch.zeros_like(x)
        departures = torch.zeros_like(white)
        for n, c in (~known).flatten(2).any(2).nonzero().tolist():
            hole = ~known[n, c]
            values = self._condition(
                mean[n, c].flatten(), hole.flatten(), sigma[n, c].flatten(), c, white[n, :, c, hole]
            )
            for plane, value in zip((mean[n, c], std[n, c], departures[n, :, c]), values, strict=True):
                plane[..., hole] = value.to(x.dtype)
        return mean, std, departures

    def _condition(
        self, x: Tensor, u: Tensor, sigma: Tensor, band: int, white: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Mean, std (U,) and departures (D, U) in the hole `u` of one window, whose `x` is 0 there."""
        seen = sigma[~u] if bool((~u).any()) else sigma
        noise, share = float(seen.double().square().mean()), float((~u).double().mean())
        along = self.basis.T @ x.to(self.basis.dtype)
        a2 = self._amplitude(along.square().double(), noise, band, share)
        rows = self.basis[u]
        for turn in range(TURNS + 1):
            gain = a2 * self.power / (a2 * self.power + noise)  # Q = (1 - V gain Vᵀ) / n
            q_uu = (torch.eye(len(rows), dtype=rows.dtype) - (rows * gain) @ rows.T).double() / noise
            pull = ((rows * gain) @ along).double() / noise  # -Q_uk x_k, x_u being 0
            factor = torch.linalg.cholesky(q_uu)
            mean = torch.cholesky_solve(pull[:, None], factor)[:, 0]
            root = torch.linalg.solve_triangular(factor, torch.eye(len(rows), dtype=torch.float64), upper=False)
            if turn < TURNS:  # the amplitude, of the window as it is expected to be (EM: Dempster et al. 1977)
                full = along + rows.T @ mean.to(rows.dtype)
                open_ = (rows.T @ root.T.to(rows.dtype)).square().sum(1)
                a2 = self._amplitude((full.square() + open_).double(), noise, band, 1.0)
        return mean, root.square().sum(0).sqrt(), white.double() @ root

    def _amplitude(self, along: Tensor, noise: float, band: int | None, share: float) -> float:
        """The most probable a², given squares along the axes (rank,) of a window of which a `share` was observed."""
        grid = GRID * noise
        power = share * self.power.double() + (1.0 - share)  # a hole leaks power from each axis to all others
        total = grid[:, None] * power + noise
        probability = -0.5 * (along / max(share, 1e-6) / total + total.log()).sum(1) * share
        if band is not None:
            centre, width = self.amplitude[band].double()
            probability = probability - 0.5 * ((grid.log() - centre) / width).square()
        return float(grid[probability.argmax()])


def _symmetric(covariance: Tensor, size: int) -> Tensor:
    """The mean over the eight symmetries of the square."""
    place = torch.arange(size**2).view(size, size)
    turns = [place.rot90(k) for k in range(4)]
    orders = [one.flatten() for turn in turns for one in (turn, turn.flip(1))]
    return torch.stack([covariance[order][:, order] for order in orders]).mean(0)

"""Gaussian processes over windows of pixels, conditioned on what was observed.

A window is a·x, x ~ N(0, K), with a covariance K of signal and noise together, measured on real windows of which each
counts alike, and an amplitude a of its own. With Q = K⁻¹, u the pixels of the hole and k those that were observed,

    x_u | x_k ~ N(-Q_uu⁻¹ Q_uk x_k, a² Q_uu⁻¹),    a² = x_kᵀ (K_kk)⁻¹ x_k / |k|

(Rasmussen & Williams 2006, eq. A.6, in terms of the precision, whose size is that of the hole). The mean is the linear
estimator of least mean square error (LMMSE), whatever a is. K is kept as its largest axes and white noise for the rest
(Tipping & Bishop 1999, eq. 7).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from catalogs.checks import within

__all__ = ["WindowProcess"]

RIDGE = 1e-3  # least variance along an axis, in units of the mean
PRIOR = 20.0  # pixels that the typical amplitude counts for beside those observed


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
        Variances along them beyond that of the rest, falling.
    rest : Tensor ()
        Variance along all other axes.
    amplitude : Tensor (C,)
        Geometric mean of a over training windows.
    """

    basis: Tensor
    power: Tensor
    rest: Tensor
    amplitude: Tensor

    def __init__(self, bands: int, size: int, rank: int = 512) -> None:
        super().__init__()
        within("size", size, 8, 64, "pixels")
        self.size, rank = size, min(rank, size**2 - 1)
        self.register_buffer("basis", torch.zeros(size**2, rank))
        self.register_buffer("power", torch.zeros(rank))
        self.register_buffer("rest", torch.ones(()))
        self.register_buffer("amplitude", torch.ones(bands))

    @torch.no_grad()
    def fit(self, images: Tensor) -> None:
        """Measure K and the amplitudes on windows (N, C, size, size).

        K is made symmetric under the eight symmetries of the square.
        """
        flat = images.flatten(2).transpose(0, 1).reshape(-1, self.size**2).double()
        square = flat.square().mean(1)
        flat, square = flat[square > 0], square[square > 0]
        covariance = (flat / square[:, None]).T @ flat / len(flat)
        powers, axes = torch.linalg.eigh(_symmetric(covariance, self.size))
        powers = powers.flip(0).clamp(min=RIDGE)
        rank = self.basis.shape[1]
        self.rest.copy_(powers[rank:].mean())
        self.power.copy_((powers[:rank] - self.rest.double()).clamp(min=0.0))
        self.basis.copy_(axes.flip(1)[:, :rank])
        for band in range(images.shape[1]):
            whole = images[:, band].flatten(1)
            self.amplitude[band] = self._squares(whole).div(self.size**2).clamp(min=1e-12).log().mean().div(2).exp()

    @torch.no_grad()
    def forward(self, x: Tensor, known: Tensor, white: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Fill windows, band by band.

        Parameters
        ----------
        x : Tensor (N, C, size, size)
            Pixels, anything where they are not known.
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
            values = self._condition(mean[n, c].flatten(), hole.flatten(), c, white[n, :, c, hole])
            for plane, value in zip((mean[n, c], std[n, c], departures[n, :, c]), values, strict=True):
                plane[..., hole] = value.to(x.dtype)
        return mean, std, departures

    def _condition(self, x: Tensor, u: Tensor, band: int, white: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mean, std (U,) and departures (D, U) in the hole `u` of one window, whose `x` is 0 there."""
        rows, gain = self.basis[u], self._gain()
        q_uu = torch.eye(len(rows), dtype=torch.float64) - ((rows * gain) @ rows.T).double()
        factor = torch.linalg.cholesky(q_uu / self.rest.double())
        pull = ((rows * gain) @ (self.basis.T @ x.to(rows.dtype))).double() / self.rest.double()  # -Q_uk x_k
        mean = torch.cholesky_solve(pull[:, None], factor)[:, 0]
        full = x.to(rows.dtype).clone()
        full[u] = mean.to(rows.dtype)
        total = self._squares(full[None])[0] + PRIOR * self.amplitude[band].square()  # x̂ᵀ Q x̂ = x_kᵀ (K_kk)⁻¹ x_k
        amplitude = (total / (int((~u).sum()) + PRIOR)).sqrt().double()
        root = torch.linalg.solve_triangular(factor, torch.eye(len(rows), dtype=torch.float64), upper=False)
        return mean, amplitude * root.square().sum(0).sqrt(), amplitude * (white.double() @ root)

    def _gain(self) -> Tensor:
        """Q = (1 - V gain Vᵀ) / rest."""
        return self.power / (self.power + self.rest)

    def _squares(self, windows: Tensor) -> Tensor:
        """xᵀ Q x of whole windows (N, size²)."""
        along = (windows @ self.basis).square() @ (1.0 - self._gain())
        beyond = (windows - windows @ self.basis @ self.basis.T).square().sum(1)
        return (along + beyond) / self.rest


def _symmetric(covariance: Tensor, size: int) -> Tensor:
    """The mean over the eight symmetries of the square."""
    place = torch.arange(size**2).view(size, size)
    turns = [place.rot90(k) for k in range(4)]
    orders = [one.flatten() for turn in turns for one in (turn, turn.flip(1))]
    return torch.stack([covariance[order][:, order] for order in orders]).mean(0)

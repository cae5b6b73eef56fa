"""Satellites and aeroplanes that cross the field."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from catalogs.checks import within
from simulators._kernels.glare import add_trail
from simulators.sensor.base import FLAGS, Effect, Exposure

__all__ = ["Trails"]

_FAINTEST = 0.3  # electrons in a pixel, below which a trail is neither drawn nor flagged


@dataclass(frozen=True)
class Trails(Effect):
    """Moving lights whose trails cross the frame, convolved with a Moffat PSF.

    A satellite's light swings along its way as it tumbles; an aeroplane has two steady lights beside each other and one
    that blinks between them. The cross-section is the PSF integrated along the trail, again a Moffat profile with its
    power less by one half.

    Parameters
    ----------
    rate : float
        Mean number in an exposure of the frame.
    faintest, brightest : float
        Light for each pixel of length [electron], drawn evenly in its logarithm.
    fwhm, beta : float
        Of the PSF [pixel], and its slope.
    swing : float
        Largest relative amplitude of a tumbling satellite's light.
    aeroplanes : float
        Share of the trails that are aeroplanes'.
    ends : float
        Share of the trails that begin or end within the frame, where the shutter opened or closed.
    """

    rate: float = 0.1
    faintest: float = 100.0
    brightest: float = 2e4
    fwhm: float = 3.5
    beta: float = 3.5
    swing: float = 0.6
    aeroplanes: float = 0.1
    ends: float = 0.2
    flags: ClassVar[tuple[str, ...]] = ("trail",)

    def __post_init__(self) -> None:
        within("Trails rate", self.rate, 0.0, 100.0)
        within("Trails faintest", self.faintest, 1e-3, 1e9, "electron per pixel")
        within("Trails brightest", self.brightest, self.faintest, 1e9, "electron per pixel")
        within("Trails fwhm", self.fwhm, 0.5, 100.0, "pixel")
        within("Trails beta", self.beta, 1.1, 100.0)
        within("Trails swing", self.swing, 0.0, 1.0)
        within("Trails aeroplanes", self.aeroplanes, 0.0, 1.0)
        within("Trails ends", self.ends, 0.0, 1.0)

    @property
    def off(self) -> bool:
        """See `Effect.off`."""
        return self.rate == 0.0

    def apply(self, exposure: Exposure) -> None:
        """See `Effect.apply`."""
        count = exposure.count("trails", self.rate)
        ends = exposure.uniform("trails.ends", (count, 3))
        for draws, end in zip(exposure.uniform("trails", (count, 7)), ends, strict=True):
            self._draw(exposure, self._span(exposure, *end), *draws)

    def _span(self, exposure: Exposure, kind: float, place: float, side: float) -> tuple[float, float]:
        """Where a trail begins and ends along its line, from the point nearest to the frame's centre [pixel]."""
        reach = math.hypot(*exposure.frame) / 2
        end = (place - 0.5) * reach if kind < self.ends else -math.inf
        return (end, math.inf) if side < 0.5 else (-math.inf, -end)

    def _draw(
        self,
        exposure: Exposure,
        span: tuple[float, float],
        turn: float,
        place: float,
        light: float,
        kind: float,
        swing: float,
        *rest: float,
    ) -> None:
        """One trail from its uniform numbers."""
        (ny, nx), (row, column) = exposure.frame, exposure.corner
        angle = math.pi * turn
        cosine, sine = math.cos(angle), math.sin(angle)
        offset = (place - 0.5) * (nx * abs(sine) + ny * abs(cosine))  # evenly among the lines that cross the frame
        flux = self.faintest * (self.brightest / self.faintest) ** light
        period, phase = 10.0 * self.fwhm * 10.0 ** (2.0 * rest[0]), rest[1]
        steady = (0.0, period, phase, 0.0, self.fwhm, *span)
        if kind >= self.aeroplanes:
            parts = [(0.0, flux, (self.swing * swing, *steady[1:]))]
        else:
            beside = self.fwhm * (2.0 + 3.0 * swing)
            blinking = (1.0, period, phase, self.fwhm / period, self.fwhm, *span)
            parts = [(-beside, flux / 4, steady), (beside, flux / 4, steady), (0.0, flux, blinking)]
        for across, share, shape in parts:
            x = (nx - 1) / 2 - (offset + across) * sine - column
            y = (ny - 1) / 2 + (offset + across) * cosine - row
            self._add(exposure, (x, y, cosine, sine), share, shape)

    def _add(self, exposure: Exposure, line: tuple[float, ...], flux: float, shape: tuple[float, ...]) -> None:
        """One light of `flux` [electron per pixel of length]."""
        image, _, mask = exposure.lit
        width = self.fwhm / (2.0 * math.sqrt(2.0 ** (1.0 / self.beta) - 1.0))
        logs = math.lgamma(self.beta - 0.5) - math.lgamma(self.beta - 1.0)
        peak = flux * math.exp(logs) / (math.sqrt(math.pi) * width)
        power = 0.5 - self.beta
        reach = width * math.sqrt(max((_FAINTEST / peak) ** (1.0 / power) - 1.0, 0.0))
        add_trail(image, mask, np.uint8(FLAGS["trail"]), line, (peak, width, power, reach), shape)

"""Satellites and aeroplanes that cross the field."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from catalogs.checks import within
from simulators._kernels.glare import add_trail, trail_profile
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
        (image, _, mask), bit = exposure.lit, np.uint8(FLAGS["trail"])
        count = exposure.count("trails", self.rate)
        ends = exposure.uniform("trails.ends", (count, 3))
        for (turn, place, *draws), end in zip(exposure.uniform("trails", (count, 7)), ends, strict=True):
            for across, flux, shape in self._lights(draws, self._span(exposure.frame, *end)):
                profile = trail_profile(flux, self.fwhm, self.beta, _FAINTEST)
                add_trail(image, mask, bit, _line(exposure, turn, place, across), profile, shape)

    def _span(self, frame: tuple[int, int], kind: float, place: float, side: float) -> tuple[float, float]:
        """Where a trail begins and ends along its line, from the point nearest to the frame's centre [pixel]."""
        end = (place - 0.5) * math.hypot(*frame) / 2 if kind < self.ends else -math.inf
        return (end, math.inf) if side < 0.5 else (-math.inf, -end)

    def _lights(self, draws: list[float], span: tuple[float, float]) -> list[tuple[float, float, tuple[float, ...]]]:
        """Lights of a trail from its uniform numbers: how far beside its line, flux, and shape as of `add_trail`."""
        light, kind, swing, wait, phase = draws
        flux = self.faintest * (self.brightest / self.faintest) ** light
        period = 10.0 * self.fwhm * 10.0 ** (2.0 * wait)
        rest = self.fwhm, *span
        if kind >= self.aeroplanes:
            return [(0.0, flux, (self.swing * swing, period, phase, 0.0, *rest))]
        beside, steady = self.fwhm * (2.0 + 3.0 * swing), (0.0, period, phase, 0.0, *rest)
        blinking = (1.0, period, phase, self.fwhm / period, *rest)
        return [(-beside, flux / 4, steady), (beside, flux / 4, steady), (0.0, flux, blinking)]


def _line(exposure: Exposure, turn: float, place: float, across: float) -> tuple[float, ...]:
    """A point of the image on a line, `across` [pixel] beside it, and cos, sin of its direction; turns are even, and
    lines of a direction evenly among those that cross the frame.
    """
    (ny, nx), (row, column) = exposure.frame, exposure.corner
    cosine, sine = math.cos(math.pi * turn), math.sin(math.pi * turn)
    offset = (place - 0.5) * (nx * abs(sine) + ny * abs(cosine)) + across
    return (nx - 1) / 2 - offset * sine - column, (ny - 1) / 2 + offset * cosine - row, cosine, sine

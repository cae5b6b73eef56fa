"""Satellites and aeroplanes that cross the field."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import ClassVar

import numpy as np

from catalogs.checks import within
from simulators._kernels.glare import add_crossing
from simulators.sensor.base import FLAGS, Effect, Exposure

__all__ = ["Trails"]


@dataclass(frozen=True)
class Trails(Effect):
    """Moving lights whose trails cross the frame, convolved with a Moffat PSF.

    A satellite's light swings along its way as it tumbles; an aeroplane has two steady lights beside each other and one
    that blinks between them. The cross-section is the PSF integrated along the trail; what is below 0.3 electrons in a
    pixel is neither drawn nor flagged.

    The PSF's width is LSST's median of 0.7 arcsec. All else is a choice: 0.03 of Hubble's exposures have a trail (Kruk
    et al. 2023, Nature Astronomy 7, 262), of ZTF's in twilight 0.005 in 2019 and 0.2 in 2021 (Mroz et al. 2022, ApJL
    924, L30); a satellite of r = 9 at half a degree per second leaves 5,000 electrons in a pixel of LSST; SAAO's streak
    in docs/sensor.md has 233 adu, swings by half and begins and ends within the frame.

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
        draws = np.hstack([exposure.uniform("trails", (count, 7)), exposure.uniform("trails.ends", (count, 3))])
        model = tuple(float(number) for number in astuple(self)[1:])
        for drawn in draws:
            add_crossing(image, mask, bit, exposure.frame, exposure.corner, model, tuple(drawn))

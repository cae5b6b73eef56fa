"""Charged particles in the silicon."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from catalogs.checks import within
from simulators._kernels.particles import MARGIN, stop_electrons, track_muons
from simulators.sensor.base import FLAGS, Effect, Exposure

__all__ = ["CosmicRays"]


@dataclass(frozen=True)
class CosmicRays(Effect):
    """Straight tracks of muons and the wandering ones of electrons from natural radioactivity (Groom 2002, Exp. Astron.
    14, 45).

    Muons come with cos^2 of the zenith angle onto a horizontal chip and leave what one of 4 GeV leaves (Particle Data
    Group 2022, "Cosmic rays" and "Passage of particles through matter"): 67 electrons per um in small transfers, and
    delta rays with a spectrum E^-2, whose sum is Landau's distribution. Electrons of gamma rays start anywhere in the
    silicon in any direction, with energies even up to the Compton edge of 40K's line at 1461 keV, 1243 keV, and scatter
    until they stop. Charge diffuses in proportion to the square root of its way to the gates.

    Parameters
    ----------
    muons, electrons : float
        Per cm^2 and minute; 1 muon is the rate at sea level. The rate of electrons is that of the site and of the glass
        and steel around the chip.
    pixel, depth : float
        Side of a pixel and depth of the silicon [um].
    diffusion : float
        Rms of the diffusion across the whole depth [pixel].
    hardest : float
        Highest energy of the electrons [keV].
    """

    muons: float = 1.5
    electrons: float = 1.5
    pixel: float = 10.0
    depth: float = 100.0
    diffusion: float = 0.4
    hardest: float = 1243.0
    flags: ClassVar[tuple[str, ...]] = ("cosmic_ray",)

    def __post_init__(self) -> None:
        within("CosmicRays muons", self.muons, 0.0, 1e5, "per cm2 and minute")
        within("CosmicRays electrons", self.electrons, 0.0, 1e5, "per cm2 and minute")
        within("CosmicRays pixel", self.pixel, 1.0, 100.0, "um")
        within("CosmicRays depth", self.depth, 1.0, 1000.0, "um")
        within("CosmicRays diffusion", self.diffusion, 0.0, 5.0, "pixel")
        within("CosmicRays hardest", self.hardest, 1.0, 5000.0, "keV")

    @property
    def off(self) -> bool:
        """See `Effect.off`."""
        return self.muons == 0.0 and self.electrons == 0.0

    def apply(self, exposure: Exposure) -> None:
        """See `Effect.apply`."""
        image, _, mask = exposure.lit
        keys, sample, bit = exposure.keys("cosmic_rays"), exposure.words[0], np.uint8(FLAGS["cosmic_ray"])
        chip = (self.pixel, self.depth, self.diffusion)
        area = math.prod(n + 2 * MARGIN for n in image.shape) * (self.pixel * 1e-4) ** 2 * exposure.time / 60.0
        track_muons(exposure.count("muons", self.muons * area), keys, sample, chip, image, mask, bit)
        number = exposure.count("electrons", self.electrons * area)
        stop_electrons(number, keys, sample, chip, self.hardest, image, mask, bit)

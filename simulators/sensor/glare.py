"""Light that is not the sky's own picture: sky level, fringes and reflections of bright stars."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from catalogs.checks import within
from simulators._kernels._jit import run
from simulators._kernels.glare import add_annulus, add_fringes, bright_cells
from simulators.sensor.base import FLAGS, Effect, Exposure

__all__ = ["Fringing", "Ghosts", "Sky"]

_CELL = 32  # pixels, within which bright light is one star's
_GRID = 16  # pixels between the points where the thickness of the chip is evaluated
_WAVES = 24


@dataclass(frozen=True)
class Sky(Effect):
    """A flat sky of `level` [electron] in the exposure, for expected images without it."""

    level: float = 300.0

    def __post_init__(self) -> None:
        within("Sky level", self.level, 0.0, 1e7, "electron")

    @property
    def off(self) -> bool:
        """See `Effect.off`."""
        return self.level == 0.0

    def apply(self, exposure: Exposure) -> None:
        """See `Effect.apply`."""
        image = exposure.lit[0]
        image += np.float32(self.level)


@dataclass(frozen=True)
class Fringing(Effect):
    """Interference of the sky's emission lines in the thin chip: `amplitude` [electron] times the cosine of
    4 pi thickness / wavelength.

    The thickness is a smooth random surface of the chip; fringes are about `scale` [pixel] apart. The sky must be
    brighter than the amplitude. Both numbers are choices: on LSST's chips fringes are 0.0004 to 0.002 of the sky in y
    (Guo et al. 2023, PASP 135, 034503), on thin ones several per cent in i and z.
    """

    amplitude: float = 5.0
    scale: float = 60.0

    def __post_init__(self) -> None:
        within("Fringing amplitude", self.amplitude, 0.0, 1e6, "electron")
        within("Fringing scale", self.scale, 4.0, 1e4, "pixel")

    @property
    def off(self) -> bool:
        """See `Effect.off`."""
        return self.amplitude == 0.0

    def apply(self, exposure: Exposure) -> None:
        """See `Effect.apply`."""
        image = exposure.lit[0]
        places = zip(exposure.corner, image.shape, strict=True)
        y, x = ((c // _GRID + np.arange(n // _GRID + 3)) * _GRID for c, n in places)
        beyond = tuple(c % _GRID for c in exposure.corner)
        direction, offset, length = exposure.pattern("fringing", (3, _WAVES))
        wave = 1.0 / (self.scale * (4.0 + 12.0 * length))  # cycles per pixel: the surface is smoother than its fringes
        angle = 2.0 * math.pi * direction
        inner = (wave * np.cos(angle))[:, None] * x, (wave * np.sin(angle))[:, None] * y + offset[:, None]
        height = np.sin(2.0 * math.pi * (inner[0][:, None, :] + inner[1][:, :, None]))
        slope = math.sqrt(2.0 * math.pi**2 * float(np.sum(wave**2)))  # rms of a sum of the sines
        phase = (height.sum(axis=0) / (slope * self.scale)).astype(np.float32)
        run(add_fringes, len(image), np.float32(self.amplitude), _GRID, *beyond, phase, image, share=64)


@dataclass(frozen=True)
class Ghosts(Effect):
    """Out-of-focus reflections of bright stars: images of the pupil, a ring across the optical axis from the star.

    All numbers are choices, a telescope's own are known from its optics: two reflections of 3 % each leave 1e-3, pupils
    are obscured by 0.3 to 0.6, and rings are larger the further apart the two surfaces are.

    Parameters
    ----------
    fraction : float
        Share of a star's light in its ghost.
    bright : float
        Light above this in a pixel [electron] makes ghosts.
    radius : float
        Of the ring [pixel].
    obscuration : float
        Its inner over its outer radius.
    magnification : float
        Distance of the ghost from the chip's centre over that of the star, on the other side.
    faintest : float
        Ghosts with less light than this in a pixel [electron] are left out, unflagged.
    """

    fraction: float = 1e-3
    bright: float = 5e4
    radius: float = 80.0
    obscuration: float = 0.4
    magnification: float = 0.8
    faintest: float = 1.0
    flags: ClassVar[tuple[str, ...]] = ("ghost",)

    def __post_init__(self) -> None:
        within("Ghosts fraction", self.fraction, 0.0, 0.1)
        within("Ghosts bright", self.bright, 1.0, 1e12, "electron")
        within("Ghosts radius", self.radius, 1.0, 1e4, "pixel")
        within("Ghosts obscuration", self.obscuration, 0.0, 0.95)
        within("Ghosts magnification", self.magnification, -10.0, 10.0)
        within("Ghosts faintest", self.faintest, 0.0, 1e6, "electron")

    @property
    def off(self) -> bool:
        """See `Effect.off`."""
        return self.fraction == 0.0

    def apply(self, exposure: Exposure) -> None:
        """See `Effect.apply`."""
        image, _, mask = exposure.lit
        light, x, y = bright_cells(image, self.bright, _CELL).reshape(3, -1)
        area = math.pi * self.radius**2 * (1.0 - self.obscuration**2)
        centre = [(n - 1) / 2 - c for n, c in zip(exposure.frame[::-1], exposure.corner[::-1], strict=True)]
        for i in np.flatnonzero(self.fraction * light > self.faintest * area):
            at = (c - self.magnification * (m[i] / light[i] - c) for c, m in zip(centre, (x, y), strict=True))
            radii = self.obscuration * self.radius, self.radius
            add_annulus(image, mask, np.uint8(FLAGS["ghost"]), *at, *radii, self.fraction * light[i] / area)

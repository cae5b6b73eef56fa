"""Full wells and slow charge."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from catalogs.checks import within
from simulators._kernels._jit import run
from simulators._kernels.transfer import bloom, defer_columns, defer_rows
from simulators.sensor.base import FLAGS, Effect, Exposure

__all__ = ["ChargeTransfer", "Saturation"]


@dataclass(frozen=True)
class Saturation(Effect):
    """Pixels hold `full_well` [electron]; what is more blooms along the column, half each way, until it finds room or
    leaves the chip.
    """

    full_well: float = 1.0e5
    flags: ClassVar[tuple[str, ...]] = ("saturated", "bleed")

    def __post_init__(self) -> None:
        if self.full_well != math.inf:
            within("Saturation full_well", self.full_well, 0.0, 1e30, "electron", open_low=True)

    @property
    def off(self) -> bool:
        """See `Effect.off`."""
        return math.isinf(self.full_well)

    def apply(self, exposure: Exposure) -> None:
        """See `Effect.apply`."""
        image, _, mask = exposure.lit
        bloom(image, mask, np.float32(self.full_well), *(np.uint8(FLAGS[name]) for name in self.flags))


@dataclass(frozen=True)
class ChargeTransfer(Effect):
    """Traps on the way to the amplifier hold a share of the charge and give it back to later pixels: trails.

    Of one species, linear in the charge, and never full (Janesick 2001, "Scientific Charge-Coupled Devices", ch. 5).
    Columns move down to the register at y = 0, and its charge to the left end of each amplifier.

    Parameters
    ----------
    parallel, serial : float
        Share of the charge lost in a transfer along columns, and along the register: 1e-5 to 1e-6 in a good chip, 1e-7
        in LSST's (see `sensor_of`).
    release : float
        Transfers within which a trap gives back all but 1/e. A choice: Hubble's ACS has traps of 0.74, 7.7 and 37
        (Massey et al. 2014, MNRAS 439, 887; arcticpy).
    """

    parallel: float = 1e-6
    serial: float = 1e-6
    release: float = 2.0

    def __post_init__(self) -> None:
        within("ChargeTransfer parallel", self.parallel, 0.0, 0.1)
        within("ChargeTransfer serial", self.serial, 0.0, 0.1)
        within("ChargeTransfer release", self.release, 0.01, 1e4, "transfers")

    @property
    def off(self) -> bool:
        """See `Effect.off`."""
        return self.parallel == 0.0 and self.serial == 0.0

    def apply(self, exposure: Exposure) -> None:
        """See `Effect.apply`."""
        image, given = exposure.image, np.float32(-math.expm1(-1.0 / self.release))
        if self.parallel:
            defer_columns(image, self.parallel, given, exposure.corner[0], exposure.sky)
        if self.serial:
            for columns, before in exposure.segments:
                place = (columns.start, columns.stop, before, exposure.sky)
                run(defer_rows, len(image), *place, self.serial, given, image, share=64)

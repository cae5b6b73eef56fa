"""PSFs that vary over a frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalogs.checks import within
from simulators.psf.base import PSF
from simulators.psf.library import PSFLibrary

__all__ = ["PSFField"]

Array = NDArray[np.float64]
Entry = PSF | tuple[PSF, ...]


@dataclass(frozen=True, eq=False)
class PSFField:
    """PSFs on a grid of equal cells that cover a frame; an object has that of the cell in which its centre lies.

    Within a cell the PSF is constant, from one to the next it steps: cells must be small where it changes fast.

    Parameters
    ----------
    psf : function or nested sequence
        A function of the cell's centre, x and y [arcsec] from the frame's centre, that gives a PSF or one for each
        band; or rows of such, from low to high y, each from low to high x.
    cells : (int, int)
        Cells along y and x, of a function; 1 to 64 each.

    Raises
    ------
    ValueError
        For cells out of range, rows of different lengths, or entries that are no PSFs.
    """

    psf: Callable[[float, float], Any] | Sequence[Sequence[Any]]
    cells: tuple[int, int] = (4, 4)

    def __post_init__(self) -> None:
        if not callable(self.psf):
            rows = [list(row) for row in self.psf]
            if not rows or len({len(row) for row in rows}) != 1:
                raise ValueError(f"PSFField has rows of {[len(row) for row in rows]} PSFs; all must have one length")
            PSFLibrary([entry for row in rows for entry in row])
            object.__setattr__(self, "psf", tuple(tuple(row) for row in rows))
            object.__setattr__(self, "cells", (len(rows), len(rows[0])))
        if len(self.cells) != 2 or any(cell != int(cell) for cell in self.cells):
            raise ValueError(f"PSFField cells = {self.cells!r} are not two whole numbers")
        within("PSFField cells", self.cells, 1, 64)

    def entries(self, bands: int, height: float, width: float) -> tuple[tuple[PSF, ...], ...]:
        """PSFs of each band, cell by cell along x, then y, of a frame of this size [arcsec]."""
        if callable(self.psf):
            y, x = ((np.arange(n) + 0.5) / n - 0.5 for n in self.cells)
            listed = [self.psf(float(b * width), float(a * height)) for a in y for b in x]
        else:
            listed = [entry for row in self.psf for entry in row]
        return PSFLibrary(listed).per_band(bands)

    def cell_of(self, x: Array, y: Array, height: float, width: float) -> NDArray[np.int64]:
        """Number of the cell at x, y [arcsec]; beyond the frame, of the nearest one."""
        rows, columns = self.cells
        row = np.clip(np.floor((y / height + 0.5) * rows), 0, rows - 1)
        column = np.clip(np.floor((x / width + 0.5) * columns), 0, columns - 1)
        return np.asarray(row * columns + column, dtype=np.int64)

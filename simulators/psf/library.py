"""PSFs that vary from sample to sample."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from simulators.psf.base import PSF

__all__ = ["PSFLibrary"]


@dataclass(frozen=True)
class PSFLibrary:
    """PSFs for a simulator to take one from for each sample, by the label ``psf_index``.

    `draw` gives every sample an entry at random; labels of one's own name the entry, so that
    ``PSFLibrary([Gaussian(fwhm) for fwhm in seeing])`` with ``psf_index = np.arange(n)`` is a seeing for every sample.

    Parameters
    ----------
    entries : iterable of PSF or of sequences of PSF
        Each is one PSF for all bands, or one per band.

    Raises
    ------
    ValueError
        For an empty library, or an entry that is not made of PSFs.
    """

    entries: Iterable[PSF | Iterable[PSF]]

    def __post_init__(self) -> None:
        entries = tuple(entry if not hasattr(entry, "__iter__") else tuple(entry) for entry in self.entries)
        if not entries:
            raise ValueError("PSFLibrary has no entries: give at least one PSF")
        for i, entry in enumerate(entries):
            for psf in entry if isinstance(entry, tuple) else (entry,):
                if not isinstance(psf, PSF):
                    raise ValueError(f"PSFLibrary entry {i} holds {psf!r}, which is not a PSF")
        object.__setattr__(self, "entries", entries)

    def __len__(self) -> int:
        assert isinstance(self.entries, tuple)
        return len(self.entries)

    def per_band(self, bands: int) -> tuple[tuple[PSF, ...], ...]:
        """One PSF for each of `bands` bands, of every entry.

        Raises
        ------
        ValueError
            For an entry with another number of PSFs.
        """
        entries = tuple((entry,) * bands if isinstance(entry, PSF) else tuple(entry) for entry in self.entries)
        for i, entry in enumerate(entries):
            if len(entry) != bands:
                where = f"psf entry {i}" if len(entries) > 1 else "psf"
                raise ValueError(f"{where} has {len(entry)} entries for {bands} bands: give one, or one per band")
        return entries

    def for_bands(self, bands: int) -> Self:
        """The same library with one PSF per band in every entry."""
        return type(self)(self.per_band(bands))

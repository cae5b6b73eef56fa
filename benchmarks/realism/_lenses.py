"""Real lensed quasars that Hubble saw in F814W, as tiles, and a simulator like those of them that train."""

from __future__ import annotations

import functools
import io
import zipfile
from dataclasses import dataclass

import numpy as np
from _common import DATA
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from catalogs import Band, Survey
from simulators import StrongLens, streams
from simulators._background import autocorrelation
from simulators.psf import PixelPSF, PSFLibrary

SCALE, SIZE, TILE, STRIDE = 0.04, 96, 32, 12  # arcsec; pixels: of whole lenses, of tiles, between tiles
ZERO_POINT, EXPOSURE = 25.13, 1400.0  # AB mag of 1 electron/s of WFC3/UVIS in F814W; s, as of most of these images
QUADS = ("j0259_f814W", "j0659_f814w", "j1131_f814W", "j1537_f814w", "j2145_F814W", "j2344_f814W", "psj0147_f814W",
         "wgd2038_814w")  # fmt: skip
LICENCE = "images from dangilman/samana (MIT) and ajshajib/dolphin (BSD-3); Hubble data, MAST"
RING = "lensed_quasar_F814W"
BLANK, LIT = 0.25, 20.0  # share of the pixels that are sky; least of a tile's brightest pixel, smoothed [sigma]
SHARP = 0.1  # peak of a PSF that is sampled as the images are, and clean
FAINT, KEPT_APART = 4.0, 20  # largest pixel of the sky [sigma]; pixels between images side by side
RANK = 10  # of a PSF
PEAK, MAGNIFIED = (
    0.13,
    6.0,
)  # share of a point source's light in its brightest pixel; the brightest image's magnification
Array = NDArray[np.float64]
Tiles = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Lens:
    """A real lens, sky subtracted, in units of its noise `sigma` [electron/s], and its PSF, pixels included."""

    name: str
    image: Array
    psf: Array
    sky: NDArray[np.bool_]
    sigma: float

    @classmethod
    def of(cls, name: str, image: Array, psf: Array) -> Lens:
        """The darkest quarter of the smoothed image is sky."""
        smooth = gaussian_filter(image, 4.0)
        sky = smooth < np.quantile(smooth, BLANK)
        rest = (image - smooth)[sky]
        sigma = 1.4826 * float(np.median(np.abs(rest - np.median(rest))))
        return cls(name, (image - np.median(image[sky])) / sigma, psf / psf.sum(), sky, sigma)


@functools.cache
def lenses() -> tuple[Lens, ...]:
    """Nine lenses, each with four images of a quasar, on pixels of 0.04 arcsec."""
    import h5py

    folder = DATA / "lenses"
    with h5py.File(folder / "quads_hst_jwst.h5") as file:
        found = [
            Lens.of(name, *(file[name][part][()].astype(float) for part in ("image_data", "psf_model")))
            for name in QUADS
        ]
    with zipfile.ZipFile(folder / "dolphin_example_lenses_h5.zip") as archive:
        image, psf = (h5py.File(io.BytesIO(archive.read(f"{kind}_{RING}.h5"))) for kind in ("image", "psf"))
        found.append(Lens.of(RING, image["image_data"][()], psf["kernel_point_source"][()]))
    return tuple(found)


def split(seed: int) -> tuple[list[Lens], list[Lens]]:
    """Six lenses that train and three held out: seeds 1, 2 and 3 hold out each lens once."""
    every = lenses()
    return [one for k, one in enumerate(every) if (k - seed) % 3], [
        one for k, one in enumerate(every) if not (k - seed) % 3
    ]


def corners(image: Array, stride: int = STRIDE) -> list[tuple[int, int]]:
    """Rows and columns of the tiles of an image [sigma] in which there is more than sky."""
    smooth = gaussian_filter(image, 1.0)
    starts = [range((side - TILE) % stride // 2, side - TILE + 1, stride) for side in image.shape]
    return [(y, x) for y in starts[0] for x in starts[1] if smooth[y : y + TILE, x : x + TILE].max() > LIT]


def tiles(image: Array, places: list[tuple[int, int]]) -> Tiles:
    """(N, 1, TILE, TILE) of an image (y, x)."""
    return np.array([image[None, y : y + TILE, x : x + TILE] for y, x in places], dtype=np.float32)


def real_tiles(chosen: list[Lens]) -> Tiles:
    return np.concatenate([tiles(lens.image, corners(lens.image)) for lens in chosen])


def correlation(chosen: list[Lens]) -> Array:
    """Of the noise, from the sky of the lenses' images, side by side."""
    height = max(lens.image.shape[0] for lens in chosen)
    planes = []
    for lens in chosen:
        rows, columns = lens.image.shape
        empty = lens.sky & (np.abs(lens.image) < FAINT)
        plane = np.zeros((2, height, columns + KEPT_APART))
        plane[:, :rows, :columns] = np.where(empty, lens.image - lens.image[empty].mean(), 0.0), empty
        planes.append(plane)
    residual, empty = np.concatenate(planes, axis=2)
    return autocorrelation(residual.astype(np.float32), empty > 0)


def survey(chosen: list[Lens]) -> Survey:
    """What the lenses' images have in common; photon noise is shared among pixels as the sky's is."""
    acf = correlation(chosen)
    band = Band(
        "F814W", psf_fwhm=0.08, background_sigma=float(np.median([lens.sigma for lens in chosen])),
        electrons_per_unit=EXPOSURE * float(acf.sum()), zero_point=ZERO_POINT,
        autocorrelation=tuple(tuple(float(value) for value in row) for row in acf),
    )  # fmt: skip
    return Survey("HST WFC3 UVIS", SCALE, (band,), unit="electron / s")


def without_pixel(psf: Array) -> PixelPSF:
    """A PSF as it is in images, the pixels' response and most of its noise taken out.

    A pixel sees (1, 22, 1) / 24 of a parabola's samples: unlike a pixel's true response, that can be undone to the last
    wave without ringing. `RANK` singular values are left.
    """
    response = [(22.0 + 2.0 * np.cos(2 * np.pi * np.fft.fftfreq(side))) / 24.0 for side in psf.shape]
    sharp = np.fft.ifft2(np.fft.fft2(psf) / np.outer(*response)).real
    u, values, v = np.linalg.svd(sharp)
    return PixelPSF((u[:, :RANK] * values[:RANK]) @ v[:RANK], SCALE)


def psfs(chosen: list[Lens]) -> list[Array]:
    """Two PSFs that are sampled as the images are: those of some others are finer, or spoiled by a pixel."""
    return [lens.psf for lens in chosen if lens.psf.max() > SHARP][:2]


@dataclass(frozen=True, eq=False)
class LikeThem:
    """A population of quadruply imaged quasars as bright as the `brightest` images [electron/s] of the lenses given."""

    brightest: Array

    def __call__(self, seed: int, ids: NDArray[np.int64], survey: Survey) -> dict[str, Array]:
        def between(low: float, high: float, name: str, shape: tuple[int, ...] = ()) -> Array:
            return low + (high - low) * streams.uniform(seed, ids, f"quads.{name}", shape)

        def flux(bright: float, faint: float, name: str) -> Array:
            return 10.0 ** (-0.4 * (between(bright, faint, name) - ZERO_POINT))

        one = np.ones(len(ids))
        theta_e, away = between(0.5, 1.2, "theta_E"), between(0.0, 1.0, "place", (2,))
        radius = 0.15 * theta_e * np.sqrt(away[:, 0])
        angle = 2 * np.pi * away[:, 1]
        lens = {"lens_x": between(-0.1, 0.1, "x"), "lens_y": between(-0.1, 0.1, "y")}
        like = np.minimum((between(0.0, 1.0, "like") * len(self.brightest)).astype(int), len(self.brightest) - 1)
        quasar = self.brightest[like] / MAGNIFIED * np.exp(0.4 * streams.normal(seed, ids, "quads.quasar"))
        return {
            **lens, "theta_E": theta_e, "gamma": between(1.9, 2.1, "gamma"),
            "light_x": lens["lens_x"], "light_y": lens["lens_y"], "light_n": between(2.0, 5.0, "light n"),
            "light_flux": flux(18.5, 21.5, "light")[:, None],
            "light_radius": theta_e * between(0.4, 1.2, "light radius"),
            "source_x": lens["lens_x"] + radius * np.cos(angle), "source_y": lens["lens_y"] + radius * np.sin(angle),
            "source_flux": flux(22.0, 25.0, "source")[:, None], "source_radius": between(0.08, 0.4, "source radius"),
            "source_n": between(1.0, 3.0, "source n"), "quasar_flux": quasar[:, None], "sigma_v": 250.0 * one,
        }  # fmt: skip


def four_images(truth: object, _: object) -> NDArray[np.bool_]:
    """A cut: four images brighter than the source."""
    return (np.abs(truth["image_magnification"].values) > 1.0).sum(axis=1) == 4


def simulator(chosen: list[Lens]) -> StrongLens:
    """Lensed quasars like those of the lenses given, in their noise and under their PSFs."""
    measured = survey(chosen)
    peaks = np.array([lens.image.max() * lens.sigma for lens in chosen]) / PEAK
    return StrongLens(
        survey=measured, size=SIZE, quasar=True, population=LikeThem(peaks), select=four_images,
        psf=PSFLibrary([without_pixel(psf) for psf in psfs(chosen)]),
    )  # fmt: skip

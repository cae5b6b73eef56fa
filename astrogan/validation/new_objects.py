"""Objects that a refiner has invented: detections in refined images that the raw ones do not have."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrogan.validation.noise import as_stamps, border, robust_sigma
from astrogan.validation.tables import Measurement
from catalogs.checks import within

__all__ = ["new_objects"]

FAINTER = 0.6  # share of the threshold at which an object of the raw image counts as seen there
CONTRAST = 0.01  # of deblending
Array = NDArray[np.float64]


def new_objects(
    raw: ArrayLike, refined: ArrayLike, *, threshold: float = 5.0, fwhm: float = 3.0, match: float = 2.0
) -> Measurement:
    """Share of the detections above `threshold` sigma in refined images that raw ones lack, by a matched filter.

    An object is not new where the raw image has one above 0.6 thresholds (3 of 5 sigma) within `match` pixels, so that
    noise which lifts a known object over the threshold does not count; nor where it has one above the threshold itself,
    as objects that are two at 5 sigma can be one at 3.

    Parameters
    ----------
    raw, refined : (N, C, y, x)
        The same objects before and after, in one unit; bands are summed with the raw ones' inverse variances.
    threshold : float
        [sigma of the filtered background], which is measured on the borders of each set.
    fwhm : float
        Of the Gaussian filter [pixel].
    match : float
        Largest distance [pixel].

    Returns
    -------
    Measurement
        0 where nothing is detected; the error is over images (a ratio's, Cochran 1977, eq. 2.39), at least that of one
        object.
    """
    x, y = as_stamps("raw", raw), as_stamps("refined", refined)
    if x.shape != y.shape:
        raise ValueError(f"raw {x.shape} and refined {y.shape} do not match")
    within("threshold", threshold, 1.0, 1e3, "sigma")
    within("fwhm", fwhm, 0.5, 20.0, "pixels")
    sigma = np.median(robust_sigma(x[..., border(*x.shape[-2:])])[1], axis=0)
    weight = 1 / np.where(sigma > 0, sigma, np.inf) ** 2
    before, after = (np.einsum("ncyx,c->nyx", images, weight) for images in (x, y))
    kernel = _gaussian(fwhm)
    levels = zip(*(_detect(before, kernel, share * threshold) for share in (FAINTER, 1.0)), strict=True)
    known, found = [np.concatenate(both) for both in levels], _detect(after, kernel, threshold)
    new = np.array([_unmatched(new, old, match) for new, old in zip(found, known, strict=True)], dtype=float)
    every = np.array([len(one) for one in found], dtype=float)
    total = every.sum()
    if total == 0:
        return Measurement(0.0, 0.0)
    share = new.sum() / total
    error = np.sqrt(len(new) / max(len(new) - 1, 1) * ((new - share * every) ** 2).sum()) / total
    return Measurement(float(share), float(max(error, 1 / total)))


def _gaussian(fwhm: float) -> NDArray[np.float32]:
    half = int(np.ceil(1.5 * fwhm))
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    return np.asarray(np.exp(-4 * np.log(2) * (x**2 + y**2) / fwhm**2), dtype=np.float32)


def _detect(images: Array, kernel: NDArray[np.float32], threshold: float) -> list[Array]:
    """Places (k, 2) of the objects of every image (N, y, x)."""
    import sep
    from scipy.ndimage import correlate

    level = robust_sigma(images[:, border(*images.shape[1:])].astype(np.float32))[0]
    filtered = correlate(images - level[:, None, None], kernel[None].astype(np.float64), mode="nearest")
    noise = np.median(robust_sigma(filtered[:, border(*images.shape[1:])].astype(np.float32))[1])
    places = []
    for image in np.ascontiguousarray(filtered / max(float(noise), 1e-30)):
        rows = sep.extract(image, threshold, filter_kernel=None, minarea=1, deblend_cont=CONTRAST)
        places.append(np.column_stack([rows["xpeak"], rows["ypeak"]]).astype(float))
    return places


def _unmatched(found: Array, known: Array, match: float) -> int:
    if not len(found):
        return 0
    if not len(known):
        return len(found)
    distance = np.hypot(*(found[:, None] - known[None]).transpose(2, 0, 1))
    return int((distance.min(axis=1) > match).sum())

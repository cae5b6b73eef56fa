"""Labels of pixels: which component each shows, where arcs are, and each component's own image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalogs import Band
from simulators.grid import PixelGrid
from simulators.layout import Layout
from simulators.neighbours import each_neighbour
from simulators.psf import PSF

__all__ = ["ARC_SIGMAS", "SEGMENTATION_SIGMAS", "component_images", "pixel_labels", "stacked_sigmas"]

Array = NDArray[np.float64]
SEGMENTATION_SIGMAS = 1.0  # a pixel belongs to a component where the whole image reaches this
ARC_SIGMAS = 1.0  # and to an arc where the lensed sources exceed this


def stacked_sigmas(images: Array, bands: Sequence[Band]) -> Array:
    """Expected images in sigmas of the background: sum of f / sigma^2 over sqrt(sum of 1 / sigma^2) over bands.

    Parameters
    ----------
    images : array (..., band, y, x)

    Returns
    -------
    array (..., y, x)
        Bands stacked with inverse-variance weights, as detection does.
    """
    weights = 1.0 / np.maximum([band.background_sigma for band in bands], 1e-30) ** 2
    return np.asarray((images * weights[:, None, None]).sum(axis=-3) / np.sqrt(weights.sum()))


def component_images(
    layout: Layout, labels: dict[str, Array], draw: Callable[[str, dict[str, Array]], Array]
) -> dict[str, Array]:
    """Expected image of each component, (S, B, y, x): each part, and where it has several components each of these.

    Parameters
    ----------
    layout : Layout
    labels : mapping
        Checked labels.
    draw : function
        (part, labels) -> its expected image.
    """
    images = {}
    for part, names in layout.parts.items():
        dimension = layout.splits.get(part)
        several = [name for name in names if dimension and layout.dimensions.get(name) == dimension]
        for k in range(labels[several[0]].shape[1] if several else 0):
            one = labels | {name: labels[name][:, k : k + 1] for name in several}
            images[f"{part.removesuffix('s')}_{k}"] = draw(part, one)
        if not several:
            images[part] = draw(part, labels)
    return images


def pixel_labels(
    images: Mapping[str, Array],
    labels: dict[str, Array],
    bands: Sequence[Band],
    drawing: tuple[PixelGrid, tuple[PSF, ...], str],
    arcs: tuple[str, ...],
) -> dict[str, NDArray[Any]]:
    """The planes that ``labels="pixel"`` adds to any simulator's samples.

    Parameters
    ----------
    images : mapping of str to array
        Expected image of each component, (S, B, y, x); that of all neighbours, ``neighbours``, is the last.
    labels : mapping
        Checked labels.
    bands : sequence of Band
    drawing : PixelGrid, PSFs, accuracy
    arcs : tuple of str
        What the names of lensed components begin with.

    Returns
    -------
    mapping of str to array
        - ``part``: names of the components, as ``light``, ``source_0`` or ``galaxy``, and ``neighbours``, (part,);
        - ``component_image``: the expected image of each, float32 (S, part, B, y, x); their sum is the expected image,
          of several sources within the accuracy of rays;
        - ``segmentation``: int16 (S, y, x), 1 + the number of the component that is brightest (each neighbour by
          itself: the first has the number of the part ``neighbours``, the others follow), 0 where the whole image is
          below `SEGMENTATION_SIGMAS`;
        - where there are arcs ``arc_mask``: uint8 (S, y, x), 1 where the lensed sources exceed `ARC_SIGMAS`.

        Sigmas are those of `stacked_sigmas`, of expected images: behind the PSF and without noise.
    """
    planes: dict[str, NDArray[Any]] = {
        "part": np.array(list(images)),
        "component_image": np.stack([image.astype(np.float32) for image in images.values()], axis=1),
    }
    own = [stacked_sigmas(image, bands) for name, image in images.items() if name != "neighbours"]
    brightest, number = np.max(own, axis=0), 1 + np.argmax(own, axis=0)
    if "neighbours" in images:
        for k, rows, image in each_neighbour(labels, *drawing):
            light = stacked_sigmas(image, bands)
            ahead = light > brightest[rows]
            number[rows] = np.where(ahead, len(own) + 1 + k, number[rows])
            brightest[rows] = np.where(ahead, light, brightest[rows])
    whole = stacked_sigmas(np.sum(list(images.values()), axis=0), bands)
    planes["segmentation"] = np.where(whole < SEGMENTATION_SIGMAS, 0, number).astype(np.int16)
    if arcs:
        lensed = np.sum([image for name, image in images.items() if name.startswith(arcs)], axis=0)
        planes["arc_mask"] = (stacked_sigmas(lensed, bands) > ARC_SIGMAS).astype(np.uint8)
    return planes

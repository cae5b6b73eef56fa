"""Images, critical curves, caustics and arrival times of any deflector."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catalogs.checks import within
from simulators._images import find_images
from simulators.cosmology import days, time_delay_distance
from simulators.deflectors import Deflector

__all__ = [
    "Images",
    "Window",
    "arrival_times",
    "caustics",
    "critical_curves",
    "einstein_radius",
    "image_positions",
    "time_delay_distance",
]

Array = NDArray[np.float64]
BISECTIONS = 50
OFF_CENTRE = 0.5 - 1.0 / math.sqrt(5.0)  # of a step: keeps grid points off singular centres, which love round numbers


@dataclass(frozen=True)
class Window:
    """The square of the sky that is searched: centre x, y and `size` [arcsec], looked at every `step` [arcsec].

    Around critical curves and singular centres the search for images refines the step by itself; the search for
    critical curves misses those that are smaller than a step.
    """

    size: float = 10.0
    step: float = 0.1
    x: float = 0.0
    y: float = 0.0

    def __post_init__(self) -> None:
        within("Window size", self.size, 0.0, 1e4, "arcsec", open_low=True)
        within("Window step", self.step, self.size / 4000.0, self.size / 4.0, "arcsec")
        within("Window x", self.x, -1e4, 1e4, "arcsec")
        within("Window y", self.y, -1e4, 1e4, "arcsec")

    def axes(self) -> tuple[Array, Array]:
        """Grid coordinates in x and in y [arcsec], a step apart, which reach over the window's edges."""
        count = math.ceil(self.size / self.step) + 2
        axis = (np.arange(count, dtype=np.float64) - 0.5 * (count - 1) + OFF_CENTRE) * self.step
        return axis + self.x, axis + self.y


@dataclass(frozen=True)
class Images:
    """The images of one source, the first to arrive first.

    Parameters
    ----------
    x, y : array, shape (images,)
        Positions [arcsec].
    magnification : array, shape (images,)
        Negative where parity flips (saddle points of the arrival time).
    fermat : array, shape (images,)
        Fermat potential |deflection|^2 / 2 - potential [arcsec^2].
    """

    x: Array
    y: Array
    magnification: Array
    fermat: Array

    def __len__(self) -> int:
        return len(self.x)

    @property
    def parity(self) -> Array:
        """1 for minima and maxima of the arrival time, -1 for saddle points, shape (images,)."""
        return np.asarray(np.sign(self.magnification))

    def delays(self, distance: float) -> Array:
        """Days after the first image for a `time_delay_distance` [Mpc], shape (images,)."""
        within("time-delay distance", distance, 0.0, 1e7, "Mpc", open_low=True)
        return np.asarray(days(distance) * (self.fermat - self.fermat.min(initial=np.inf)))


def image_positions(
    lens: Deflector, x: ArrayLike, y: ArrayLike, window: Window | None = None, *, faintest: float = 1e-6
) -> list[Images]:
    """All images in the window of one point source behind each of N lenses.

    Parameters
    ----------
    lens : Deflector
        N lenses.
    x, y : array_like
        Positions of the sources [arcsec], shape (N,) or one for all.
    window : Window
        10 arcsec around the origin by default.
    faintest : float
        Images of a smaller absolute magnification are left out, such as those in the centre of a cusp.

    Returns
    -------
    list of Images, length N

    Raises
    ------
    ValueError
        For positions that are not finite or do not go with N lenses.
    """
    window = Window() if window is None else window
    within("faintest", faintest, 0.0, 1.0)
    sources = np.stack(
        [np.broadcast_to(_per_lens(name, value, len(lens)), len(lens)) for name, value in (("x", x), ("y", y))]
    )
    found = []
    for index in range(len(lens)):
        one = lens.take(index)
        px, py = find_images(one, sources[:, index], *window.axes())
        magnification = one.magnification(px, py)[0]
        keep = (np.abs(magnification) >= faintest) & np.isfinite(magnification)
        fermat = _fermat(one, px, py)[0]
        order = np.flatnonzero(keep)[np.argsort(fermat[keep], kind="stable")]
        found.append(Images(px[order], py[order], magnification[order], fermat[order]))
    return found


def _per_lens(name: str, value: ArrayLike, lenses: int) -> Array:
    """Source positions, one for each lens or one for all."""
    array = within(f"source {name}", value, -1e4, 1e4, "arcsec")
    if array.shape not in ((), (1,), (lenses,)):
        raise ValueError(
            f"source {name} has shape {array.shape}; it must be one value or one for each of {lenses} lenses"
        )
    return array


def _fermat(lens: Deflector, x: ArrayLike, y: ArrayLike) -> Array:
    """Fermat potential [arcsec^2] of rays through x, y [arcsec], shape (N, *x.shape)."""
    ax, ay = lens.deflection(x, y)
    return np.asarray(0.5 * (ax * ax + ay * ay) - lens.potential(x, y))


def arrival_times(lens: Deflector, x: ArrayLike, y: ArrayLike, distance: float) -> Array:
    """Arrival times of images at x, y [arcsec], up to a constant [days], shape (N, *x.shape).

    (Schneider 1985, A&A 143, 413; Blandford & Narayan 1986, ApJ 310, 568.) Differences between the images of one source
    are its time delays.

    Parameters
    ----------
    lens : Deflector
    x, y : array_like
    distance : float
        ``time_delay_distance(z_lens, z_source, cosmology)``, or that of a `MultiPlane` [Mpc].
    """
    within("time-delay distance", distance, 0.0, 1e7, "Mpc", open_low=True)
    return days(distance) * _fermat(lens, x, y)


def _determinant(lens: Deflector, x: Array, y: Array) -> Array:
    """Determinant of the Jacobian, 1 / magnification, of one lens, shape of x."""
    return np.asarray(np.linalg.det(lens.jacobian(x, y))[0])


def _on_zero(lens: Deflector, low: Array, high: Array) -> Array:
    """Points (2, M) between `low` and `high` where the determinant changes sign, by bisection."""
    sign = np.sign(_determinant(lens, *low))
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        same = np.sign(_determinant(lens, *middle)) == sign
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return 0.5 * (low + high)


def _closed_curves(lens: Deflector, window: Window) -> list[Array]:
    """Critical curves of one lens, each (M, 2): marching squares, then every vertex along its edge of the grid."""
    from skimage.measure import find_contours

    ax, ay = window.axes()
    determinant = _determinant(lens, *np.meshgrid(ax, ay))
    curves = []
    for contour in find_contours(np.clip(determinant, -1.0, 1.0), 0.0):
        low, high = np.floor(contour).astype(int), np.ceil(contour).astype(int)
        ends = [np.stack([ax[end[:, 1]], ay[end[:, 0]]]) for end in (low, high)]
        points = _on_zero(lens, *ends)
        if (np.abs(_determinant(lens, *points)) < 1e-6).all():  # the sign may also change at a singular centre
            curves.append(np.ascontiguousarray(points.T))
    return sorted(curves, key=lambda curve: -np.ptp(curve, axis=0).max())


def _area(curve: Array) -> float:
    """Area within a closed curve (M, 2), whose first point is repeated at its end, by a periodic cubic spline."""
    from scipy.interpolate import CubicSpline

    lengths = np.hypot(*np.diff(curve, axis=0).T)
    keep = np.r_[True, lengths > 1e-3 * lengths.max()]  # an edge of the grid may be cut twice at one place
    points = np.r_[curve[keep][:-1], curve[:1]]
    along = np.r_[0.0, np.cumsum(np.hypot(*np.diff(points, axis=0).T))]
    spline = CubicSpline(along, points, bc_type="periodic")
    nodes, weights = np.polynomial.legendre.leggauss(4)
    width = 0.5 * np.diff(along)[:, None]
    at = along[:-1, None] + width * (nodes + 1.0)
    (x, y), (dx, dy) = np.moveaxis(spline(at), -1, 0), np.moveaxis(spline(at, 1), -1, 0)
    return float(0.5 * ((x * dy - y * dx) * weights * width).sum())


def critical_curves(lens: Deflector, window: Window | None = None) -> list[list[Array]]:
    """Critical curves of each of N lenses, where the magnification is infinite.

    Returns
    -------
    list of N lists of arrays of shape (M, 2)
        Points x, y [arcsec], exact but for rounding, the largest curve first. A curve that does not leave the
        window ends where it begins.
    """
    window = Window() if window is None else window
    return [_closed_curves(lens.take(index), window) for index in range(len(lens))]


def caustics(lens: Deflector, window: Window | None = None) -> list[list[Array]]:
    """Critical curves as `critical_curves` gives them, traced to the source plane."""
    traced = []
    for index, curves in enumerate(critical_curves(lens, window)):
        one = lens.take(index)
        traced.append([np.stack(one.source(*curve.T), axis=-1)[0] for curve in curves])
    return traced


def einstein_radius(lens: Deflector, window: Window | None = None) -> Array:
    """Radius [arcsec] of the circle of the area within the largest critical curve, shape (N,).

    NaN where there is none or it leaves the window.
    """
    radii = np.full(len(lens), math.nan)
    for index, curves in enumerate(critical_curves(lens, window)):
        if curves and len(curves[0]) > 4 and np.array_equal(curves[0][0], curves[0][-1]):
            radii[index] = math.sqrt(abs(_area(curves[0])) / math.pi)
    return radii

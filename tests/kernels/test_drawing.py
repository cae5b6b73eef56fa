"""Drawing kernels against slow, obvious versions; small enough to run without compilation."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from simulators._kernels import deflectors, light, sersic
from simulators._kernels._jit import JIT_ENABLED, run, set_threads, threads
from simulators._kernels.product import add_product

spec = importlib.util.spec_from_file_location("naive", Path(__file__).parents[1] / "naive.py")
naive = importlib.util.module_from_spec(spec)
spec.loader.exec_module(naive)
pytestmark = pytest.mark.kernels
RNG = np.random.Generator(np.random.PCG64(3))
SIZE = 6


def transforms(bands, modes, k, skew):
    """Complex transforms of real PSFs at (kx, ky) and (kx, -ky), zero beyond the last of k."""
    above, below = RNG.uniform(0, 1, (2, bands, modes, modes)) + 1j * skew * RNG.normal(0, 1, (2, bands, modes, modes))
    above[:, 0, 0] = 1.0
    below = below if skew else above.copy()
    below[..., 0], below[:, 0] = above[..., 0], np.conj(above[:, 0])
    inside = np.hypot(k[:, None], k[None, :]) <= k[-1]
    return above * inside, below * inside


def plan_of(size, modes, above, below, skew, period):
    """A plan with nodes that interpolate linearly, whose replicas are `period` away; its parts by name."""
    k, axis, count = np.arange(modes) * 0.4, np.arange(size) - (size - 1) / 2, light.NODES
    half = np.pad(axis[: (size + 1) // 2], (0, -((size + 1) // 2) % 4))
    parts = [f((above + sign * np.conj(below)) / 2) for sign in (1, -1) for f in (np.real, np.imag)]
    nodes = np.linspace(-1, 1, count) * axis[-1]
    spread, flipped = (np.stack([np.interp(at, nodes, row) for row in np.eye(count)]) for at in (axis, half))
    own, other = flipped[: count // 2], flipped[: count // 2 - 1 : -1]
    places = period * np.array([[x, y] for x in (-1, 0, 1) for y in (-1, 0, 1) if (x, y) != (0, 0)])
    waves = (wave(np.outer(k, at)) for at in (axis, half) for wave in (np.cos, np.sin))
    places, x, y = (value.astype(np.float32) for value in (places, np.tile(nodes, count), np.repeat(nodes, count)))
    psf = np.stack(parts, axis=1) if skew else above.real[:, None].copy()
    return light.Plan(
        *(k, np.ones(modes), 0.0, psf, *waves, x, y, places),
        *(*np.full((2, 64), 1e6, np.float32), np.zeros((len(above), count, count)), 0.25, spread),
        *(0.5 * np.stack([own + other, own - other]), np.zeros(modes + size, dtype=np.int64)),
    )


def case(samples=2, size=SIZE, bands=2, modes=8, skew=False, period=1e3, light_at=0.3):
    """Arguments of the kernels for profiles of random parameters, by name, and the complex transforms of the PSFs at
    (kx, ky) and (kx, -ky).
    """
    above, below = transforms(bands, modes, np.arange(modes) * 0.4, skew)
    centre = RNG.normal(0, light_at, (samples, 2))
    profiles = np.tile([0.0, 0.0, 1.0, 0.2, 0.1, 0.8, 0.5, 2.4, 0.7, 1e24, 0.0, 0.0, 0.0, 0.0], (samples, 1))
    profiles[:, :2] = centre
    arguments = {
        "table": np.sort(RNG.uniform(0, 1, (6, 40)), axis=1)[:, ::-1].copy(),
        "plan": plan_of(size, modes, above, below, skew, period),
        "samples": np.arange(samples)[::-1].copy(),
        "position": RNG.uniform(1, 3, samples),
        "shape": np.hstack([RNG.normal(0, 1, (samples, 4)), np.full((samples, 1), 0.1), centre]),
        "sources": profiles.astype(np.float32),
        "far": np.zeros(samples, dtype=np.float32),
        "flux": RNG.uniform(1, 2, (samples, bands)),
    }
    return arguments, above, below, np.arange(size) - (size - 1) / 2


@pytest.mark.parametrize("size", [SIZE, SIZE + 1])
@pytest.mark.parametrize("skew", [False, True])
def test_profiles(skew, size):
    given, above, below, axis = case(size=size, skew=skew)
    out = np.ones((2, 2, size, size))
    light.add_profiles(0, 2, *given.values(), out)
    for s in range(2):
        matrix, (x0, y0) = given["shape"][s, :4].reshape(2, 2), given["shape"][s, 5:]
        for b in range(2):
            rest = (given["flux"][s, b], x0, y0, given["plan"].k, given["plan"].k, above[b], axis, below[b])
            one = naive.fourier_image(given["table"], given["position"][s], matrix, *rest)
            assert np.allclose(out[given["samples"][s], b], 1 + one, atol=1e-10)


def test_single_precision_is_the_same_image():
    given, *_ = case()
    double, single = np.zeros((2, 2, SIZE, SIZE)), np.zeros((2, 2, SIZE, SIZE), np.float32)
    light.add_profiles(0, 2, *given.values(), double)

    def short(value):
        return value.astype(np.float32) if getattr(value, "dtype", None) == np.float64 else value

    plan = light.Plan(*(np.float32(v) if isinstance(v, float) else short(v) for v in given["plan"]))
    rest = {name: short(value) for name, value in given.items() if name not in ("plan", "position")}
    given |= {**rest, "plan": plan}
    light.add_profiles(0, 2, *given.values(), single)
    assert np.allclose(single, double, atol=3e-6 * np.abs(double).max())


def test_what_folds_back_is_taken_off():
    """Replicas' light between the nodes, which here are linear, the PSF's wings and what is farther away."""
    given, *_ = case(period=2.0, light_at=0.0)
    images = []
    for period in (2.0, 1e3):
        places = np.sign(given["plan"].places) * np.float32(period)
        wings = np.full_like(given["plan"].wings, 0.3 if period == 2.0 else 0.0)
        given["far"][:] = 0.1 if period == 2.0 else 0.0
        plan = given["plan"]._replace(places=places, wings=wings)
        out = np.zeros((2, 2, SIZE, SIZE))
        light.add_profiles(0, 2, *(given | {"plan": plan}).values(), out)
        images.append(out)
    x, y = (plane.astype(float) for plane in (given["plan"].node_x, given["plan"].node_y))
    row = given["sources"][0].astype(float)
    light_seen = np.full(x.size, 0.1)
    for px, py in np.sign(given["plan"].places) * 2.0:
        u, v = row[2] * (x - px) + row[3] * (y - py), row[4] * (x - px) + row[5] * (y - py)
        light_seen += row[8] * 2.0 ** (-row[7] * (u * u + v * v) ** row[6])
    spread = given["plan"].spread
    folded = spread.T @ (0.3 + 0.25 * light_seen.reshape(light.NODES, light.NODES)) @ spread
    for s in range(2):
        expected = given["flux"][s][:, None, None] * folded
        assert np.allclose((images[1] - images[0])[given["samples"][s]], expected, rtol=1e-5)


def test_modes_without_light_are_left_out():
    """Fewer of a large profile's, whose transform is compact; the sum of what is dropped is what was allowed."""
    given, *_ = case(modes=40)
    row, k = np.exp(-np.linspace(0, 1, 400) / (1.0001 - np.linspace(0, 1, 400))), np.arange(40) * 0.4
    plan = given["plan"]._replace(k=k, strength=np.maximum(k, 0.05), dropped=1e-3)
    counts = []
    for axis in (0.5, 1.0, 2.0):
        strength = np.interp(axis * k / (1 + axis * k), np.linspace(0, 1, 400), row) * plan.strength
        counts.append(light.count_modes(plan, row, axis))
        assert strength[counts[-1] :].sum() <= 1e-3 * strength.sum() < strength[counts[-1] - 5 :].sum()
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]
    assert not np.any(np.array(counts) % 4)


def test_no_samples_is_no_work():
    given, *_ = case(samples=0)
    light.add_profiles(0, 0, *given.values(), np.zeros((0, 2, SIZE, SIZE)))


def test_product():
    left, right, out = RNG.normal(0, 1, (12, 8)), RNG.normal(0, 1, (12, 5)), RNG.normal(0, 1, (8, 5))
    first, last = np.array([0, 4]), np.array([12, 8])
    expected = out.copy()
    for m in range(8):
        span = slice(first[m // 4], last[m // 4])
        expected[m] += left[span, m] @ right[span]
    add_product(left, right, first, last, out)
    assert np.allclose(out, expected, atol=1e-12)


def test_a_singular_isothermal_sphere_deflects_by_its_einstein_radius():
    angle = np.linspace(0.1, 6.2, 9)
    x, y = 0.7 * np.cos(angle), 0.7 * np.sin(angle)
    lens = np.array([[1.2, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0]])
    out = np.empty((2, 1, 9))
    deflectors.epl_field(0, 1, x[None], y[None], lens, out)
    ax, ay = out
    assert np.allclose(np.hypot(ax, ay), 1.2)
    assert np.allclose(ax * y - ay * x, 0, atol=1e-12)


def test_brightness_falls_outwards():
    source = np.array([[0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.5, 1.678, 1.0]])
    out = np.empty((1, 5))
    sersic.brightness(0, 1, np.linspace(0, 3, 5), np.zeros(5), source, np.array([2.0]), out)
    assert np.allclose(out[0], 2 * np.exp(-1.678 * np.linspace(0, 3, 5)))


@pytest.mark.skipif(not JIT_ENABLED, reason="threads need compiled kernels")
def test_parts_and_threads_change_no_bit():
    given, *_ = case(samples=30)
    images = []
    for count in (1, threads()):
        out = np.zeros((30, 2, SIZE, SIZE))
        with set_threads(count):
            run(light.add_profiles, 30, *given.values(), out)
        images.append(out.tobytes())
    assert images[0] == images[1]

"""Drawing kernels against slow, obvious versions; small enough to run without compilation."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from simulators._kernels import deflectors, light, sersic
from simulators._kernels._jit import JIT_ENABLED, set_threads

spec = importlib.util.spec_from_file_location("naive", Path(__file__).parents[1] / "naive.py")
naive = importlib.util.module_from_spec(spec)
spec.loader.exec_module(naive)
pytestmark = pytest.mark.kernels
RNG = np.random.Generator(np.random.PCG64(3))
SIZE = 6


def fourier_case(samples=2):
    table = np.sort(RNG.uniform(0, 1, (6, 40)), axis=1)[:, ::-1].copy()
    kx, ky = np.arange(4) * 0.5, np.arange(4) * 0.5
    axis = np.arange(SIZE) - (SIZE - 1) / 2
    waves = [wave(np.outer(k, axis)) for k in (kx, ky) for wave in (np.cos, np.sin)]
    psf = RNG.uniform(0, 1, (2, 4, 4))
    position, shape = RNG.uniform(1, 3, samples), RNG.normal(0, 1, (samples, 4))
    flux, x0, y0 = RNG.uniform(1, 2, (samples, 2)), RNG.normal(0, 0.3, samples), RNG.normal(0, 0.3, samples)
    return (table, position, shape, flux, x0, y0, kx, ky, psf, *waves), axis


@pytest.mark.parametrize("pair", ["serial", "parallel"])
def test_profiles(pair):
    case, axis = fourier_case()
    out = np.zeros((2, 2, SIZE, SIZE))
    getattr(light, f"add_profiles_{pair}")(*case, out)
    table, position, shape, flux, x0, y0, kx, ky, psf = case[:9]
    for s in range(2):
        for b in range(2):
            matrix = shape[s].reshape(2, 2)
            one = naive.fourier_image(table, position[s], matrix, flux[s, b], x0[s], y0[s], kx, ky, psf[b], axis)
            assert np.allclose(out[s, b], one, atol=1e-10)


@pytest.mark.parametrize("pair", ["serial", "parallel"])
def test_profiles_under_a_psf_of_any_shape(pair):
    case, axis = fourier_case()
    table, position, shape, flux, x0, y0, kx, ky = case[:8]
    above, below = RNG.normal(0, 1, (2, 2, 4, 4)) + 1j * RNG.normal(0, 1, (2, 2, 4, 4))
    below[..., 0] = above[..., 0]  # ky = 0
    parts = [f((above + sign * below) / 2) for sign in (1, -1) for f in (np.real, np.imag)]
    out = np.zeros((2, 2, SIZE, SIZE))
    getattr(light, f"add_skew_profiles_{pair}")(*case[:8], np.stack(parts, axis=1), *case[9:], out)
    for s in range(2):
        for b in range(2):
            rest = (shape[s].reshape(2, 2), flux[s, b], x0[s], y0[s], kx, ky, above[b], axis, below[b])
            assert np.allclose(out[s, b], naive.fourier_image(table, position[s], *rest), atol=1e-10)


def test_a_real_even_psf_is_a_psf_of_any_shape():
    case, _ = fourier_case()
    even, any_shape = np.zeros((2, 2, SIZE, SIZE)), np.zeros((2, 2, SIZE, SIZE))
    light.add_profiles_serial(*case, even)
    parts = np.zeros((2, 4, 4, 4))
    parts[:, 0] = case[8]
    light.add_skew_profiles_serial(*case[:8], parts, *case[9:], any_shape)
    assert np.allclose(even, any_shape, atol=1e-12)


def test_profiles_add_to_what_is_there():
    case, _ = fourier_case()
    fresh, full = np.zeros((2, 2, SIZE, SIZE)), np.ones((2, 2, SIZE, SIZE))
    light.add_profiles_serial(*case, fresh)
    light.add_profiles_serial(*case, full)
    assert np.allclose(full, fresh + 1, atol=1e-12)


def test_no_samples_is_no_work():
    case, _ = fourier_case(samples=0)
    light.add_profiles_serial(*case, np.zeros((0, 2, SIZE, SIZE)))


def test_a_singular_isothermal_sphere_deflects_by_its_einstein_radius():
    angle = np.linspace(0.1, 6.2, 9)
    x, y = 0.7 * np.cos(angle), 0.7 * np.sin(angle)
    lens = np.array([[1.2, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0]])
    out = np.empty((2, 1, 9))
    deflectors.epl_field_pair[0](x[None], y[None], lens, out)
    ax, ay = out
    assert np.allclose(np.hypot(ax, ay), 1.2)
    assert np.allclose(ax * y - ay * x, 0, atol=1e-12)


def test_brightness_falls_outwards():
    source = np.array([[0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.5, 1.678, 1.0]])
    out = np.empty((1, 5))
    sersic.brightness_serial(np.linspace(0, 3, 5), np.zeros(5), source, np.array([2.0]), out)
    assert np.allclose(out[0], 2 * np.exp(-1.678 * np.linspace(0, 3, 5)))


@pytest.mark.skipif(not JIT_ENABLED, reason="threads need compiled kernels")
def test_thread_count_changes_no_bit():
    case, _ = fourier_case(samples=7)
    images = []
    for threads in (1, 2):
        out = np.zeros((7, 2, SIZE, SIZE))
        with set_threads(min(threads, 2)):
            light.add_profiles_parallel(*case, out)
        images.append(out.tobytes())
    out = np.zeros((7, 2, SIZE, SIZE))
    light.add_profiles_serial(*case, out)
    assert images[0] == images[1] == out.tobytes()

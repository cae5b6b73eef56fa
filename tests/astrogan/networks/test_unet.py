"""U-Nets and their Fourier units: laws of the torus, and what an output pixel sees."""

import numpy as np
import pytest
import torch

from astrogan.networks.blocks import generator
from astrogan.networks.fourier import FourierUnit
from astrogan.networks.unet import UNet


def awake(network, seed=1):
    """The network with all weights drawn anew, none zero, in double precision."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(0.2 * torch.randn(weight.shape, generator=rng))
    return network.double().requires_grad_(False)


@pytest.fixture(scope="module")
def image():
    return torch.randn(2, 3, 32, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("fourier", [True, False])
def test_starts_as_the_zero_function_and_keeps_the_size(image, fourier):
    out = UNet(3, 2, width=6, fourier=fourier).double()(image)
    assert out.shape == (2, 2, 32, 40)
    assert not out.any()


def test_fourier_unit_starts_as_the_identity_and_commutes_with_translations(image):
    unit = FourierUnit(generator(0), 6, total=2).double()
    x = image.repeat(1, 2, 1, 1)
    assert torch.equal(unit(x), x)
    unit = awake(unit)
    moved = unit(x.roll((5, -7), (2, 3)))
    assert torch.allclose(moved, unit(x).roll((5, -7), (2, 3)), atol=1e-10)


def test_fourier_unit_is_the_naive_transform(image):
    """Against sums over all pixels with exponentials, without any fast transform."""
    unit = awake(FourierUnit(generator(0), 3, total=1))
    x = image[:1, :, :4, :6]
    phi = lambda t: np.where(t > 0, t, 0.2 * t)
    mix = lambda layer, t: np.einsum("oi,i...->o...", layer.weight[:, :, 0, 0], t) + layer.bias.numpy()[:, None, None]
    waves = [np.exp(-2j * np.pi * np.outer(np.arange(n), np.arange(n)) / n) / np.sqrt(n) for n in (4, 6)]
    spectrum = np.einsum("ky,cyx,lx->ckl", waves[0], mix(unit.entry, phi(x[0].numpy())), waves[1])
    a = (unit.mix[0] + 1j * unit.mix[1]).numpy()[0, 0] * spectrum
    a = a * phi(np.abs(a) + unit.bias.numpy()) / np.abs(a)
    a[..., 4:] = a[:, (-np.arange(4)) % 4][..., [2, 1]].conj()  # the spectrum of a real image,
    for column in (0, 3):  # of which what is not Hermitian is dropped
        a[..., column] = 0.5 * (a[..., column] + a[:, (-np.arange(4)) % 4, column].conj())
    back = np.einsum("ky,ckl,lx->cyx", waves[0].conj(), a, waves[1].conj()).real
    assert np.allclose(unit(x)[0].numpy(), x[0].numpy() + mix(unit.exit, back), atol=1e-4)


def test_commutes_with_translations_by_its_factor(image):
    net = awake(UNet(3, 1, width=6))
    moved = net(image.roll((4, 8), (2, 3)))
    assert torch.allclose(moved, net(image).roll((4, 8), (2, 3)), atol=1e-9 * float(moved.abs().max()))


def test_reach_is_what_a_pixel_sees_and_fourier_units_see_all():
    x = torch.zeros(1, 1, 96, 96, dtype=torch.float64)
    touched = x.clone()
    touched[..., 48, 48] = 1.0
    net = awake(UNet(1, 1, width=4, levels=2, fourier=False))
    rows = torch.nonzero((net(touched) - net(x)).abs().amax((0, 1, 3)))[:, 0]
    assert rows.min() >= 48 - net.reach
    assert rows.max() <= 48 + net.reach
    assert rows.max() - rows.min() > net.reach
    wide = awake(UNet(1, 1, width=4, levels=2))
    assert (wide(touched) - wide(x)).abs().amin() > 0


def test_sides_that_cannot_be_halved_are_refused():
    with pytest.raises(ValueError, match=r"\(30, 32\) pixels: sides must be multiples of 4"):
        UNet(1, 1, width=4)(torch.zeros(1, 1, 30, 32))
    with pytest.raises(ValueError, match="levels = 7"):
        UNet(1, 1, levels=7)

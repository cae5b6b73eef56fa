"""Tracks of charged particles in silicon: muons with their delta rays, and electrons that scatter to a stop."""

from __future__ import annotations

import math

import numpy as np

from simulators._kernels._jit import kernel
from simulators._kernels.philox import philox_block
from simulators._kernels.variates import normal_of, uniform_of

__all__ = ["ELECTRONS", "MARGIN", "stop_electrons", "track_muons"]

ELECTRONS = 2**32  # elements between those of muons and those of electrons
MARGIN = 100  # pixels beyond the image from where tracks may come
STEP = 2.0  # um along a track
# Numbers from the Particle Data Group's review of 2022 (PDG): muons at sea level have 4 GeV on average ("Cosmic rays"),
# where in silicon (I = 173 eV, the density effect of Sternheimer et al. 1984) the restricted energy loss ("Passage of
# particles through matter") is 241 eV/um in transfers below 1 keV.
HARD = 1.0  # keV
XI = 0.01783  # keV/um, K Z rho / 2 A: transfers above E are XI / E per um of path (PDG, delta rays)
HARDEST = 1000.0  # keV: of what leaves its energy in the silicon
PAIR = 0.00362  # keV for each electron (PDG, silicon detectors)
SOFT = 0.2414 / PAIR  # electrons/um
RANGE, POWER = 0.0171, 1.75  # range [um] = RANGE E[keV]^POWER in silicon (Everhart & Hoff 1971, J. Appl. Phys. 42)
REST_MASS = 511.0  # keV
LENGTH = 93700.0  # um, a radiation length of silicon
HIGHLAND = 13600.0 * (1.0 + 0.038 * math.log(100.0 / LENGTH)) / math.sqrt(LENGTH)  # keV um^-1/2, over some 100 um
_4 = np.int64(4)


@kernel
def word_of_track(keys, sample, element, draw):
    """The next word of the track's stream; draw (1,) counts."""
    block = philox_block(np.uint64(draw[0] // _4 + 1), np.uint64(element), sample, keys)
    word = block[draw[0] % _4]
    draw[0] += 1
    return word


@kernel
def drop(charge, x, y, spread, stream, image, mask, bit):
    """Four packets of `charge` [electron] that diffuse by `spread` [pixel] on their way to the gates."""
    keys, sample, element, draw = stream
    for _ in range(4):
        column = math.floor(x + spread * normal_of(word_of_track(keys, sample, element, draw)) + 0.5)
        row = math.floor(y + spread * normal_of(word_of_track(keys, sample, element, draw)) + 0.5)
        if 0 <= row < image.shape[0] and 0 <= column < image.shape[1] and charge > 0.0:
            image[row, column] += np.float32(0.25 * charge)
            mask[row, column] |= bit


@kernel
def stop_electron(energy, place, heading, chip, stream, image, mask, bit):
    """An electron of `energy` [keV] from `place` (x, y, z) [um] along `heading` until it stops or leaves the silicon.

    It follows its range and scatters by Highland's formula (PDG, multiple scattering). `chip`: pixel and depth [um],
    spread of charge from the far side [pixel].
    """
    keys, sample, element, draw = stream
    pixel, depth, spread = chip
    while energy > 0.0:
        left = RANGE * energy**POWER - STEP
        rest = (left / RANGE) ** (1.0 / POWER) if left > 0.0 else 0.0
        wide = spread * math.sqrt(place[2] / depth)
        drop((energy - rest) / PAIR, place[0] / pixel, place[1] / pixel, wide, stream, image, mask, bit)
        angle = HIGHLAND * math.sqrt(STEP) * (energy + REST_MASS) / (energy * (energy + 2.0 * REST_MASS))
        for axis in range(3):
            heading[axis] += min(angle, 1.0) * normal_of(word_of_track(keys, sample, element, draw))
        length = math.sqrt(heading[0] ** 2 + heading[1] ** 2 + heading[2] ** 2)
        for axis in range(3):
            heading[axis] /= length
            place[axis] += STEP * heading[axis]
        energy = rest if 0.0 < place[2] < depth else 0.0


@kernel
def isotropic(stream, heading):
    keys, sample, element, draw = stream
    up = 2.0 * uniform_of(word_of_track(keys, sample, element, draw)) - 1.0
    turn = 2.0 * math.pi * uniform_of(word_of_track(keys, sample, element, draw))
    flat = math.sqrt(1.0 - up * up)
    heading[0], heading[1], heading[2] = flat * math.cos(turn), flat * math.sin(turn), up


@kernel
def within_reach(u, side):
    """A place [pixel] on an image's side or within `MARGIN` of it."""
    return u * (side + 2 * MARGIN) - MARGIN - 0.5


@kernel
def track_muons(count, keys, sample, chip, image, mask, bit):
    """Muons through a horizontal chip: cos^2 of the zenith angle in solid angle, foreshortened by the chip once more.

    Transfers above `HARD` become electrons across the track with a spectrum E^-2, which makes the Landau tail.
    """
    pixel, depth, spread = chip
    ny, nx = image.shape
    place, heading, draw = np.empty(3), np.empty(3), np.zeros(1, np.int64)
    for i in range(count):
        draw[0] = 0
        stream = (keys, sample, i, draw)
        x0 = within_reach(uniform_of(word_of_track(keys, sample, i, draw)), nx) * pixel
        y0 = within_reach(uniform_of(word_of_track(keys, sample, i, draw)), ny) * pixel
        down = max(uniform_of(word_of_track(keys, sample, i, draw)) ** 0.25, 0.01)
        turn = 2.0 * math.pi * uniform_of(word_of_track(keys, sample, i, draw))
        flat = math.sqrt(1.0 - down * down)
        for step in range(int(depth / down / STEP) + 1):
            along = min(STEP, depth / down - step * STEP)
            way = step * STEP + 0.5 * along
            x, y, z = x0 + way * flat * math.cos(turn), y0 + way * flat * math.sin(turn), depth - way * down
            wide = spread * math.sqrt(max(z, 0.0) / depth)
            drop(SOFT * along, x / pixel, y / pixel, wide, stream, image, mask, bit)
            chance = uniform_of(word_of_track(keys, sample, i, draw)) * HARD / (XI * along)
            if chance < 1.0:
                isotropic(stream, heading)
                place[0], place[1], place[2] = x, y, z
                stop_electron(min(HARD / max(chance, 1e-9), HARDEST), place, heading, chip, stream, image, mask, bit)


@kernel
def stop_electrons(count, keys, sample, chip, hardest, image, mask, bit):
    """Electrons set free in the silicon by gamma rays, evenly in place, direction and energy up to `hardest` [keV]."""
    pixel, depth, _ = chip
    ny, nx = image.shape
    place, heading, draw = np.empty(3), np.empty(3), np.zeros(1, np.int64)
    for i in range(count):
        draw[0] = 0
        element = ELECTRONS + i
        stream = (keys, sample, element, draw)
        isotropic(stream, heading)
        place[0] = within_reach(uniform_of(word_of_track(keys, sample, element, draw)), nx) * pixel
        place[1] = within_reach(uniform_of(word_of_track(keys, sample, element, draw)), ny) * pixel
        place[2] = uniform_of(word_of_track(keys, sample, element, draw)) * depth
        energy = uniform_of(word_of_track(keys, sample, element, draw)) * hardest
        stop_electron(energy, place, heading, chip, stream, image, mask, bit)

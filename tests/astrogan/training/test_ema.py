from __future__ import annotations

import pytest
import torch
from torch import nn

from astrogan.training import Ema


def one_weight(value: float) -> nn.ModuleDict:
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, value)
    layer.register_buffer("calls", torch.tensor(value))
    return nn.ModuleDict({"net": layer})


def test_half_life_halves_the_distance_whatever_the_batch_size():
    for batch in (10, 50):
        networks = one_weight(1.0)
        ema = Ema(networks, ["net"], half_life=100.0, ramp=1e9)
        with torch.no_grad():
            networks["net"].weight.fill_(0.0)
        for step in range(200 // batch):
            ema.update(networks, added=batch, seen=1 + step * batch)
        assert ema.networks["net"].weight.item() == pytest.approx(0.25, rel=1e-5)


def test_ramp_forgets_the_initial_weights_and_ends_at_the_half_life():
    networks = one_weight(1.0)
    ema = Ema(networks, ["net"], half_life=1000.0, ramp=0.05)
    assert ema.decay(32, 0) == 0.0
    assert ema.decay(32, 640) == pytest.approx(0.5)
    assert ema.decay(32, 1e7) == pytest.approx(0.5 ** (32 / 1000.0))
    with torch.no_grad():
        networks["net"].weight.fill_(7.0)
    ema.update(networks, added=32, seen=0)
    assert ema.networks["net"].weight.item() == 7.0


def test_buffers_are_copied_and_the_average_has_no_gradients_and_is_apart():
    networks = one_weight(1.0)
    ema = Ema(networks, ["net"], half_life=1000.0)
    networks["net"].calls.fill_(9.0)
    ema.update(networks, added=1, seen=10)
    average = ema.networks["net"]
    assert average.calls == 9.0
    assert not average.weight.requires_grad
    assert not average.training
    assert average.weight.data_ptr() != networks["net"].weight.data_ptr()


def test_unknown_names_and_negative_half_lives_are_refused():
    with pytest.raises(ValueError, match="unknown network 'nets': did you mean 'net'"):
        Ema(one_weight(1.0), ["nets"], half_life=1.0)
    with pytest.raises(ValueError, match="ema_half_life = -1"):
        Ema(one_weight(1.0), ["net"], half_life=-1.0)

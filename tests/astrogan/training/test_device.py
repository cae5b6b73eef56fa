from __future__ import annotations

import pytest
import torch
from torch import nn

from astrogan.training import mixed_precision, pick_device
from astrogan.training.device import has_fast_bfloat16


def test_auto_takes_a_device_that_computes():
    device = pick_device("auto")
    assert torch.ones(2, device=device).sum().item() == 2.0
    assert pick_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize(("name", "said"), [("gpu", "unknown device 'gpu'"), ("cudas:0", "did you mean 'cuda'")])
def test_unknown_devices_are_refused(name, said):
    with pytest.raises(ValueError, match=said):
        pick_device(name)


def test_absent_and_surplus_devices_are_refused():
    if torch.cuda.is_available():
        with pytest.raises(ValueError, match="unknown device 'cuda:99'"):
            pick_device("cuda:99")
    else:
        with pytest.raises(ValueError, match="not available on this machine; 'auto' would take"):
            pick_device("cuda:0")


def test_mixed_precision_follows_the_switch_or_the_hardware():
    layer, x, cpu = nn.Conv2d(1, 1, 3), torch.zeros(1, 1, 8, 8), torch.device("cpu")
    kinds = []
    for enabled in (True, False, None):
        with mixed_precision(cpu, enabled):
            kinds.append(layer(x).dtype)
    assert kinds == [torch.bfloat16, torch.float32, torch.bfloat16 if has_fast_bfloat16("cpu") else torch.float32]


@pytest.mark.parametrize(
    ("capabilities", "fast"),
    [
        ({"cpu_name": "Intel Xeon", "avx512_bf16": True, "amx_bf16": False}, False),
        ({"cpu_name": "Intel Xeon", "avx512_bf16": True, "amx_bf16": True}, True),
        ({"cpu_name": "AMD EPYC 9655P", "avx512_bf16": True}, True),
        ({"cpu_name": "AMD EPYC 7763", "avx512_bf16": False}, False),
        ({}, False),
    ],
)
def test_fast_bfloat16_needs_amx_or_amds_avx512(monkeypatch, capabilities, fast):
    has_fast_bfloat16.cache_clear()
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert has_fast_bfloat16("cpu") is fast
    has_fast_bfloat16.cache_clear()
    assert has_fast_bfloat16("mps") is False

"""Model files: safetensors for the weights, a JSON card beside them that says what they are."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from astrogan.dataset.files import replace_file

__all__ = ["load_model", "save_model"]

MAX_BYTES = 2**31


def save_model(path: str | Path, network: nn.Module, card: dict[str, Any]) -> None:
    """Write ``<path>`` (.safetensors) and ``<path with .json>``; the card names the weights' digest.

    Raises
    ------
    ValueError
        For another suffix.
    """
    from safetensors.torch import save

    path = Path(path)
    if path.suffix != ".safetensors":
        raise ValueError(f"{path.name}: a model file ends in .safetensors")
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    data = save(state)
    replace_file(path, data)
    full = {**card, "weights_sha256": hashlib.sha256(data).hexdigest()}
    replace_file(path.with_suffix(".json"), (json.dumps(full, indent=2) + "\n").encode())


def load_model(path: str | Path, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Card and weights of a model of `kind`.

    Raises
    ------
    FileNotFoundError
        Where the weights or their card are missing.
    ValueError
        Where a file is damaged, too large, of another kind, not finite, or does not match its card's digest.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    path = Path(path)
    card_path = path.with_suffix(".json")
    for file in (path, card_path):
        if not file.is_file():
            raise FileNotFoundError(f"{file} does not exist; a model is <name>.safetensors with its card <name>.json")
        if file.stat().st_size > MAX_BYTES:
            raise ValueError(f"{file} has {file.stat().st_size} bytes; at most {MAX_BYTES} are read")
    data = path.read_bytes()
    try:
        card = json.loads(card_path.read_text())
        state = load(data)
    except (SafetensorError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is not a safetensors model with a JSON card: {error}") from None
    if not isinstance(card, dict) or card.get("model") != kind:
        raise ValueError(f"{card_path} is not the card of a {kind}")
    if card.get("weights_sha256") != hashlib.sha256(data).hexdigest():
        raise ValueError(f"{path} does not match the digest in its card: the weights were changed or damaged")
    bad = [name for name, tensor in state.items() if not math.isfinite(float(tensor.double().sum()))]
    if bad:
        raise ValueError(f"{path} has weights that are not finite: {', '.join(bad)}")
    return card, state

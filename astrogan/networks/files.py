"""Model files: safetensors for the weights, a JSON card beside them that says what they are."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from astrogan.dataset.files import replace_file

__all__ = ["CARD_VERSION", "kind_of", "load_model", "save_model", "weights_path"]

MAX_BYTES = 2**31
CARD_VERSION = 2  # 2 added training_digests, and the configuration of conditions and limits
PICKLED = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".joblib", ".npy")
SUFFIX = ".safetensors"


def weights_path(path: str | Path) -> Path:
    """The path of a model's weights, if its name ends as it must.

    Raises
    ------
    ValueError
        For another ending; those of pickles are named as such.
    """
    path = Path(path)
    if path.suffix.lower() in PICKLED:
        raise ValueError(f"{path.name}: pickled models can run code when read; a model file ends in {SUFFIX}")
    if path.suffix != SUFFIX:
        raise ValueError(f"{path.name}: a model file ends in {SUFFIX}")
    return path


def save_model(path: str | Path, network: nn.Module, card: dict[str, Any]) -> None:
    """Write ``<path>`` (.safetensors) and ``<path with .json>``; the card names the weights' digest.

    Raises
    ------
    ValueError
        For another suffix.
    """
    from safetensors.torch import save

    path = weights_path(path)
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    data = save(state)
    replace_file(path, data)
    full = {**card, "schema_version": CARD_VERSION, "weights_sha256": hashlib.sha256(data).hexdigest()}
    replace_file(path.with_suffix(".json"), (json.dumps(full, indent=2) + "\n").encode())


def kind_of(path: str | Path) -> str:
    """What kind of model a file holds, by its card; "" where that cannot be read, for `load_model` says why."""
    try:
        card = json.loads(weights_path(path).with_suffix(".json").read_text())
        return str(card["model"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""


def load_model(path: str | Path, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Card and weights of a model of `kind`.

    Raises
    ------
    FileNotFoundError
        Where the weights or their card are missing.
    ValueError
        Where a file is a pickle, damaged, too large, of another kind, not finite, or does not match its card's digest,
        or the card is of another version than this package writes.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    path = weights_path(path)
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
    except (SafetensorError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        pickled = data[:4] == b"PK\x03\x04" or data[:1] == b"\x80"
        what = "a pickled model by another name, which can run code when read" if pickled else str(error)
        raise ValueError(f"{path} is not a safetensors model with a JSON card: {what}") from None
    _check_card(card, card_path, kind)
    if card.get("weights_sha256") != hashlib.sha256(data).hexdigest():
        raise ValueError(f"{path} does not match the digest in its card: the weights were changed or damaged")
    bad = [name for name, tensor in state.items() if not math.isfinite(float(tensor.double().sum()))]
    if bad:
        raise ValueError(f"{path} has weights of a model that are not finite: {', '.join(bad)}")
    return card, state


def _check_card(card: Any, path: Path, kind: str) -> None:
    if not isinstance(card, dict) or card.get("model") != kind:
        raise ValueError(f"{path} is not the card of a model of kind {kind}")
    version = card.get("schema_version")
    if version == CARD_VERSION:
        return
    if isinstance(version, int) and version > CARD_VERSION:
        raise ValueError(f"{path}: model card of schema_version {version}, newer than {CARD_VERSION}: update astrogan")
    older = "without a schema_version" if version is None else f"of schema_version {version!r}"
    raise ValueError(f"{path}: model card {older}, older than {CARD_VERSION}: train the model again")

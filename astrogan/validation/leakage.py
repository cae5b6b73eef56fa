"""Real images that a model was trained on may not judge it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["LeakageError", "refuse_leaks", "training_fingerprints"]


class LeakageError(ValueError):
    """Images that judge a model were used to train it."""


def training_fingerprints(card: Mapping[str, Any]) -> frozenset[str]:
    """Fingerprints of the real images in a model's card, under ``real_stamps.fingerprints``.

    Raises
    ------
    ValueError
        If the card has none: nothing could be checked.
    """
    found = card.get("real_stamps")
    names = found.get("fingerprints") if isinstance(found, Mapping) else None
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise ValueError(
            f"the card of model {card.get('name', '?')!r} has no real_stamps.fingerprints: whether it was trained on "
            "these real images cannot be checked"
        )
    return frozenset(names)


def refuse_leaks(real: ArrayLike, known: Iterable[str], what: str = "real") -> None:
    """Refuse real images (N, C, y, x) of which any band is among the fingerprints `known`.

    Raises
    ------
    LeakageError
        Saying how many are.
    """
    from astrogan.dataset.fingerprints import fingerprints

    names = fingerprints(real)
    shared = int(np.isin(names, list(known)).any(axis=1).sum())
    if shared:
        raise LeakageError(
            f"leak: {shared} of the {len(names)} {what} images were used to train the model; judge it by others"
        )

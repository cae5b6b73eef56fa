"""Real images that a model was trained on may not judge it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["LeakageError", "refuse_leaks"]


class LeakageError(ValueError):
    """Images that judge a model were used to train it."""


def refuse_leaks(real: ArrayLike, card: Mapping[str, Any], what: str = "real") -> None:
    """Refuse real images (N, C, y, x) that a model's card names among its training images.

    An image is known by the digest of its pixels and, where the card has them, by the fingerprint of any of its bands,
    which other units and cut-outs do not change.

    Raises
    ------
    LeakageError
        Saying how many there are.
    ValueError
        If the card names no training images: nothing could be checked.
    """
    from astrogan.dataset.fingerprints import fingerprints, stamp_digests

    found = card.get("training_digests")
    digests = found.get("real") if isinstance(found, Mapping) else None
    if not isinstance(digests, list | tuple) or not digests or not isinstance(found, Mapping):
        raise ValueError(
            f"the card of model {card.get('name', '?')!r} has no training_digests of real images: whether they were "
            "used in training cannot be checked"
        )
    pixels = np.asarray(real, dtype=np.float32)
    same = np.isin(stamp_digests(pixels), list(digests))
    same |= np.isin(fingerprints(pixels), list(found.get("fingerprints", ()))).any(axis=1)
    shared = int(same.sum())
    if shared:
        raise LeakageError(
            f"leak: {shared} of the {len(same)} {what} images were used to train the model; judge it by others"
        )

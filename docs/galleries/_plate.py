"""What the galleries share: where pictures go and how they are kept small."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

matplotlib.use("Agg")
plt.rcParams.update({"font.size": 9, "axes.linewidth": 0.6, "font.family": "DejaVu Sans"})

IMAGES = Path(__file__).resolve().parents[1] / "images"
MOST_BYTES = 400_000


def save(figure: Figure, name: str, dpi: int = 100) -> None:
    """Write docs/images/NAME.png, with a palette of 256 colours where it would be too large without."""
    held = io.BytesIO()
    figure.savefig(held, format="png", dpi=dpi)
    plt.close(figure)
    picture = Image.open(held).convert("RGB")
    path = IMAGES / f"{name}.png"
    picture.save(path, optimize=True)
    if path.stat().st_size > MOST_BYTES:
        picture.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB")
    if path.stat().st_size > MOST_BYTES:
        raise SystemExit(f"{path} is larger than {MOST_BYTES} bytes")

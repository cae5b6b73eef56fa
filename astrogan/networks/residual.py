"""The trunk of refiners: a residual network that keeps the size and starts as the zero function."""

from __future__ import annotations

from torch import Tensor, nn

from astrogan.networks.blocks import ResidualBlock, activation, conv, generator, wrap
from catalogs.checks import within

__all__ = ["ResidualTrunk"]

SMALLEST = 24


class ResidualTrunk(nn.Module):
    """Fully convolutional residual trunk (Shrivastava et al. 2017, section 3, without norms and with Fixup).

    Every layer pads circularly. Zero padding marks the border, and reflection makes a pixel's neighbours copies of
    each other (white noise through a 3-pixel mean leaves a border variance 5/3 of the inner one); a critic learns
    either. On a torus the trunk commutes with translations, so noise comes out equally textured at every pixel. The
    seam itself is seen only by a critic that wraps too; the critics here do not pad at all.

    Parameters
    ----------
    inputs, outputs
        Channels in (bands, noise maps, noise planes, conditions) and out.
    width, blocks
        Channels inside, and number of residual blocks.
    seed
        Of the initial weights.
    """

    def __init__(self, inputs: int, outputs: int, *, width: int = 24, blocks: int = 3, seed: int = 0) -> None:
        super().__init__()
        for name, value in (("inputs", inputs), ("outputs", outputs), ("width", width), ("blocks", blocks)):
            within(name, value, 1, 4096)
        rng = generator(seed)
        self.entry = conv(rng, inputs, width, 3)
        self.blocks = nn.Sequential(*(ResidualBlock(rng, width, total=blocks, torus=True) for _ in range(blocks)))
        self.exit = conv(rng, width, outputs, 3, gain=0.0)
        self.halo = 2 + 2 * blocks
        """Pixels that an output pixel sees to each side: tiles with this overlap join exactly."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H, W), all zeros before training.

        Raises
        ------
        ValueError
            If H or W is below 24 pixels.
        """
        within("image size", x.shape[-2:], SMALLEST, 1e6, "pixel")
        out: Tensor = self.exit(wrap(activation(self.blocks(self.entry(wrap(x))))))
        return out

"""One loop for all deflectors: a formula at every point of every lens."""

from simulators._kernels._jit import kernel


def field_loop(formula):
    """A loop over formula(x, y, lens, values), which fills values (K,) for one point and one lens.

    It takes the first and last lens, x, y (S, P), lenses (S, ...) and out (K, S, P).
    """

    @kernel
    def loop(first, last, x, y, lenses, out):
        for s in range(first, last):
            for p in range(out.shape[2]):
                formula(x[s, p], y[s, p], lenses[s], out[:, s, p])

    return loop

"""One loop for all deflectors: a formula at every point of every lens."""

from simulators._kernels._jit import compile_pair, prange


def field_pair(formula):
    """(serial, parallel) loops over formula(x, y, lens, values), which fills values (K,) for one point and one lens.

    The loops take x, y (S, P), lenses (S, ...) and out (K, S, P).
    """

    def loop(x, y, lenses, out):
        for s in prange(out.shape[1]):
            for p in range(out.shape[2]):
                formula(x[s, p], y[s, p], lenses[s], out[:, s, p])

    return compile_pair(loop)

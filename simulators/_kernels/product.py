"""Matrix products of small, fixed-order sums: sixteen terms for each pass through memory."""

from simulators._kernels._jit import fast_kernel


@fast_kernel
def add_product(left, right, first, last, out):
    """Add the sum over k of left[k, m] right[k, :] to out[m, :], for k in [first[m // 4], last[m // 4]).

    left (K, M), right (K, n), out (M, n); M and the ranges of k are multiples of four.
    """
    for m in range(0, out.shape[0], 4):
        o0, o1, o2, o3 = out[m], out[m + 1], out[m + 2], out[m + 3]
        for k in range(first[m // 4], last[m // 4], 4):
            r0, r1, r2, r3 = right[k], right[k + 1], right[k + 2], right[k + 3]
            l0, l1, l2, l3 = left[k], left[k + 1], left[k + 2], left[k + 3]
            a0, a1, a2, a3 = l0[m], l1[m], l2[m], l3[m]
            b0, b1, b2, b3 = l0[m + 1], l1[m + 1], l2[m + 1], l3[m + 1]
            c0, c1, c2, c3 = l0[m + 2], l1[m + 2], l2[m + 2], l3[m + 2]
            d0, d1, d2, d3 = l0[m + 3], l1[m + 3], l2[m + 3], l3[m + 3]
            for p in range(o0.shape[0]):
                x0, x1, x2, x3 = r0[p], r1[p], r2[p], r3[p]
                o0[p] += (a0 * x0 + a1 * x1) + (a2 * x2 + a3 * x3)
                o1[p] += (b0 * x0 + b1 * x1) + (b2 * x2 + b3 * x3)
                o2[p] += (c0 * x0 + c1 * x1) + (c2 * x2 + c3 * x3)
                o3[p] += (d0 * x0 + d1 * x1) + (d2 * x2 + d3 * x3)

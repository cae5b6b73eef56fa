"""How kernels are compiled: the one module that imports numba, and the one place for its options.

numba's own cache misses changes in other files and then serves stale kernels, so it is off. Where the environment
variable ASTROGAN_KERNEL_CACHE names a folder when Python starts, kernels are kept there, each under a digest of all
that it is made of.
"""

from __future__ import annotations

import functools
import itertools
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba.core import bytecode, caching, codegen, compiler, serialize, sigutils
from numba.core.dispatcher import Dispatcher
from numba.core.registry import cpu_target

from simulators._kernels._cache import Store, UnknownValueError, digest_of, fingerprint

__all__ = [
    "JIT_ENABLED",
    "fast_inline_kernel",
    "fast_kernel",
    "inline_kernel",
    "kernel",
    "run",
    "run_all",
    "run_each",
    "set_threads",
    "step_kernel",
    "threads",
]

JIT_ENABLED = not numba.config.DISABLE_JIT
_CACHE = os.environ.get("ASTROGAN_KERNEL_CACHE") if JIT_ENABLED else None
if _CACHE:
    # numba numbers the functions of each process from 1, and their number tells machine code of the same name apart:
    # closures of one factory, stored by two processes, would share a name.
    bytecode.FunctionIdentity._unique_ids = iter(lambda: int.from_bytes(os.urandom(8), "little"), None)
PARTS = 4  # for each thread, so that none waits long for the others
_threads: list[int] = [numba.config.NUMBA_NUM_THREADS]

_STRICT = {"error_model": "numpy", "nogil": True, "cache": False, "no_cfunc_wrapper": True}  # no callbacks from C
# What is left out of fastmath (nnan, ninf) would let the compiler delete tests for NaN and infinity.
_FAST = {**_STRICT, "fastmath": {"nsz", "arcp", "contract", "afn", "reassoc"}}
_forked: list[bool] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _forked.append(True))


_finalize = codegen.CPUCodeLibrary._finalize_final_module


def _finalize_apart(library: codegen.CPUCodeLibrary) -> None:
    """Let machine code call the copies of other kernels that were optimised with it.

    In numba the first copy that a process loads stands for all of its name. Which that is depends on what came from a
    cache, and copies that were optimised in different places differ in the last bit of their results.
    """
    functions = [one for one in library._final_module.functions if not one.is_declaration]
    if functions and library._shared_module is None:
        library._shared_module = library._final_module.clone()  # what others are linked with stays as numba makes it
        for one in library._shared_module.functions:
            if not one.is_declaration and one.linkage == codegen.ll.Linkage.external:
                one.linkage = "linkonce_odr"
        for one in functions:
            if one.linkage == codegen.ll.Linkage.linkonce_odr:
                one.linkage = "internal"
    _finalize(library)


codegen.CPUCodeLibrary._finalize_final_module = _finalize_apart


def _compile(function: Callable, options: dict[str, Any]) -> Callable:
    """Compile, or under NUMBA_DISABLE_JIT interpret with the silence of compiled arithmetic (wrapping, 1/0 = inf)."""
    if not JIT_ENABLED:
        return np.errstate(all="ignore")(function)
    compiled = numba.njit(**options)(function)
    if _CACHE:
        compiled._cache = _KernelCache(compiled)
    inner = numba.njit(**options, pipeline_class=_Inner)(function)
    compiled.get_call_template, compiled.get_overload = inner.get_call_template, inner.get_overload
    return compiled


class _Inner(compiler.Compiler):
    """Compiles a kernel for others alone: without what unpacks Python's arguments, which is a fifth of the time."""

    def define_pipelines(self) -> Any:
        """The usual ones."""
        state = self.state
        state.flags.no_cpython_wrapper = True  # of this kernel alone: what it calls sees a copy made before
        state.library = _InnerLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        return super().define_pipelines()


class _InnerLibrary(codegen.JITCodeLibrary):
    """What other libraries are linked with: optimised, but no machine code is made of it."""

    def _finalize_final_module(self) -> None:
        """Give the engine the kernel's environments, and nothing that runs."""
        whole = self._final_module
        environments = [str(one) for one in whole.global_variables if one.name.startswith("_ZN08NumbaEnv")]
        self._final_module = codegen.ll.parse_assembly("\n".join(environments))
        self._final_module.name = whole.name
        super()._finalize_final_module()
        self._final_module = whole


class _KernelCache(caching._Cache):
    """What numba asks for a kernel before it compiles one, and gives it afterwards."""

    cache_path = _CACHE

    def __init__(self, kernel: Dispatcher) -> None:
        self._kernel = kernel

    def load_overload(self, signature: Any, target: Any) -> Any:
        """The kernel compiled for these arguments, or None."""
        target.refresh()
        name = self._name(signature)
        data = _store().read(name) if name else None
        if data is None:
            return None
        try:
            result = compiler.CompileResult._rebuild(target, *serialize.cloudpickle.loads(data))
        except Exception as error:  # whatever it is, compiling is the way out
            _store().warn(repr(error))
            return None
        return result if result.signature.args == sigutils.normalize_signature(signature)[0] else None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Store a kernel, unless it holds addresses of this process."""
        name = self._name(signature)
        if name and not result.library.has_dynamic_globals:
            _store().write(name, serialize.dumps(result._reduce()))

    def enable(self) -> None:
        """Nothing: it is on."""

    disable = flush = enable

    def _name(self, signature: Any) -> str | None:
        """Digest of what the kernel's code follows from, `_store`'s aside; None if that is not known."""
        types = repr([str(one) for one in sigutils.normalize_signature(signature)[0]])
        try:
            known = fingerprint(
                self._kernel, lambda x: (x.py_func, x.targetoptions) if isinstance(x, Dispatcher) else None
            )
        except UnknownValueError:
            return None
        return None if " at 0x" in types else digest_of(known.encode(), types.encode())


@functools.cache
def _store() -> Store:
    """The files of these sources, versions, settings and this processor."""
    sources = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))]
    versions = (sys.version, *(version(name) for name in ("numba", "llvmlite", "numpy")))
    settings = [(name, repr(value)) for name, value in sorted(vars(numba.config).items()) if name.isupper()]
    processor = cpu_target.target_context.codegen().magic_tuple()
    rest = (versions, [pair for pair in settings if "THREADS" not in pair[0]], processor)
    return Store(Path(_CACHE).expanduser() / digest_of(*sources, repr(rest).encode())[:32])


def kernel(function: Callable) -> Callable:
    """Compile with strict IEEE arithmetic; 1/0 is inf, as for numpy arrays."""
    return _compile(function, _STRICT)


def inline_kernel(function: Callable) -> Callable:
    """Compile a scalar formula as `kernel`, always inlined: loops over it vectorise however long it is."""
    return _compile(function, {**_STRICT, "forceinline": True})


def fast_kernel(function: Callable) -> Callable:
    """Compile with sums reordered and contracted for speed; NaN and infinity keep their meaning."""
    return _compile(function, _FAST)


def fast_inline_kernel(function: Callable) -> Callable:
    """Compile a scalar formula as `fast_kernel`, always inlined."""
    return _compile(function, {**_FAST, "forceinline": True})


def step_kernel(function: Callable) -> Callable:
    """Compile within each caller, with its arithmetic: for steps of a kernel that would else be optimised once more."""
    return _compile(function, {**_FAST, "inline": "always"})


def run(loop: Callable, count: int, *args: Any, share: int = 1) -> None:
    """Call ``loop(first, last, *args)`` for 0 .. `count`: in parts of at least `share`, by threads where that is safe.

    In one part in forked processes (which may not start threads), outside the main thread (whoever started it shares
    the machine already) and where `set_threads(1)` is in force.
    """
    run_all([(loop, count, *args)], share)


def run_all(loops: Sequence[tuple[Any, ...]], share: int = 1) -> None:
    """`run` loops (each with its count and arguments) that do not wait for one another."""
    jobs = []
    for loop, count, *args in loops:
        parts = min(PARTS * threads(), count // share)
        if _alone() or parts < 2:
            loop(0, count, *args)
            continue
        bounds = [count * part // parts for part in range(parts + 1)]
        jobs += [_pool(threads()).submit(loop, *ends, *args) for ends in itertools.pairwise(bounds)]
    for job in jobs:
        job.result()


def run_each(function: Callable[[int], object], count: int) -> None:
    """Call ``function(i)``, which calls kernels, for i in 0 .. `count`: by threads where `run` would use them."""
    if _alone() or count < 2:
        for i in range(count):
            function(i)
        return
    for job in [_pool(threads()).submit(function, i) for i in range(count)]:
        job.result()


def _alone() -> bool:
    """Whether kernels are called in one part, by the thread that asks for them."""
    outside = threading.current_thread() is not threading.main_thread()
    return bool(_forked) or threads() == 1 or outside or not JIT_ENABLED


def threads() -> int:
    """How many threads `run` uses."""
    return _threads[-1]


@functools.cache
def _pool(count: int) -> ThreadPoolExecutor:
    """Threads that call kernels, which run side by side since kernels let go of Python's lock."""
    return ThreadPoolExecutor(count, thread_name_prefix="kernel")


@contextmanager
def set_threads(count: int) -> Iterator[None]:
    """Let `run` use `count` threads within the block.

    Raises
    ------
    ValueError
        `count` is below 1 or above the number of threads that numba would use, ``NUMBA_NUM_THREADS``.
    """
    if not 1 <= count <= _threads[0]:
        raise ValueError(f"count = {count} is outside [1, {_threads[0]}] threads")
    _threads.append(count)
    try:
        yield
    finally:
        _threads.pop()

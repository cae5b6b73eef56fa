"""Compiled kernels on disk, without numba: what a kernel is known by, and files that are whole or not used."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

__all__ = ["Store", "UnknownValueError", "digest_of", "fingerprint"]

_CHECK = 32  # bytes of a SHA-256 before the data of a file
_VERSIONED = ("numpy", "math")  # modules of which the version says everything
_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...), np.dtype)


class UnknownValueError(ValueError):
    """A kernel uses something of which this module cannot tell whether it has changed."""


def digest_of(*words: bytes) -> str:
    """SHA-256 of words; where one ends and the next begins is part of it."""
    total = hashlib.sha256()
    for word in words:
        total.update(len(word).to_bytes(8, "little") + word)
    return total.hexdigest()


def fingerprint(function: Callable, kernel_of: Callable[[Any], tuple[Callable, dict] | None]) -> str:
    """Digest of a function as it is in memory: its code, and the values of all globals, closures and kernels it uses.

    `kernel_of` gives the function and the options of a kernel, and None for anything else.

    Raises
    ------
    UnknownValueError
        It uses a value that is neither plain, an array, a function, a kernel, a class nor a module.
    """
    walk = _Walk(kernel_of)
    walk.add(function)
    return digest_of(*walk.words)


class _Walk:
    """Collects words that say what a function is."""

    def __init__(self, kernel_of: Callable[[Any], tuple[Callable, dict] | None]) -> None:
        self.words: list[bytes] = []
        self._seen: dict[Any, int] = {}
        self._kernel_of = kernel_of

    def add(self, value: Any, names: tuple[str, ...] = ()) -> None:
        """Add a value; of a module, those of its attributes that are among `names`."""
        kernel = self._kernel_of(value)
        if kernel is not None:
            value, options = kernel
            self._put("kernel")
            self.add(options)
        if isinstance(value, _PLAIN):
            self._put(type(value).__name__, value)
        elif isinstance(value, np.ndarray | np.generic):
            self._put(type(value).__name__, value.dtype.str, value.shape, value.tobytes())
        elif isinstance(value, tuple | list | dict | set | frozenset):
            self._add_all(value)
        elif isinstance(value, type):
            self._put("class", value.__module__, value.__qualname__, getattr(value, "_fields", ()))
        elif isinstance(value, BuiltinFunctionType):
            self._put("builtin", value.__module__, value.__qualname__)
        elif isinstance(value, FunctionType) and self._is_new(id(value)):
            self._add_function(value)
        elif isinstance(value, ModuleType) and self._is_new((id(value), names)):
            self._add_module(value, names)
        elif not isinstance(value, FunctionType | ModuleType):
            raise UnknownValueError(f"a value of {type(value)}")

    def _put(self, *words: Any) -> None:
        self.words.append(repr(words).encode())

    def _is_new(self, key: Any) -> bool:
        """Whether `key` is met for the first time; else the time it was met is what is added."""
        if key in self._seen:
            self._put("again", self._seen[key])
            return False
        self._seen[key] = len(self._seen)
        return True

    def _add_all(self, values: Any) -> None:
        self._put("all", type(values).__qualname__, len(values))
        if isinstance(values, dict):
            values = [part for key in sorted(values) for part in (key, values[key])]
        for value in sorted(values) if isinstance(values, set | frozenset) else values:
            self.add(value)

    def _add_function(self, function: FunctionType) -> None:
        self._put("function", function.__module__, function.__qualname__)
        self.add((function.__defaults__, function.__kwdefaults__))
        for cell in function.__closure__ or ():
            self.add(cell.cell_contents)
        self._add_code(function.__code__, function.__globals__)

    def _add_code(self, code: CodeType, space: dict[str, Any]) -> None:
        counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
        self._put(code.co_code, counts, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                self._add_code(constant, space)
            else:
                self.add(constant)
        for name in code.co_names:
            if name in space:
                self._put(name)
                self.add(space[name], code.co_names)

    def _add_module(self, module: ModuleType, names: tuple[str, ...]) -> None:
        self._put("module", module.__name__)
        if module.__name__.split(".")[0] not in _VERSIONED:
            for name in names:
                if name in vars(module):
                    self._put(name)
                    self.add(vars(module)[name], names)


class Store:
    """Files of bytes in a folder of this user's own, written whole, by any number of processes at once.

    Whatever goes wrong costs one warning, and the file.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._readable, self._writable, self._warned = folder, True, True, False
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._readable = self._writable = self._is_own()
        except OSError as error:
            self._readable = self._writable = False
            self.warn(error)

    def _is_own(self) -> bool:
        """Whether only this user or the system's can have put files here: they are run."""
        if not hasattr(os, "getuid"):
            return True
        state = self._folder.stat()
        own = state.st_uid in (os.getuid(), 0) and not state.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if not own:
            self.warn("others may write there")
        return own

    def warn(self, reason: object) -> None:
        """Say once what keeps kernels from being stored or found."""
        if not self._warned:
            self._warned = True
            warnings.warn(f"kernels are compiled, not cached in {self._folder}: {reason}", RuntimeWarning, stacklevel=2)

    def read(self, name: str) -> bytes | None:
        """The bytes written under `name`, None where there are none or they are damaged."""
        if not self._readable:
            return None
        try:
            whole = (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            self.warn(error)
            return None
        if whole[:_CHECK] != _check(name, whole[_CHECK:]):
            self.warn(f"{name} is damaged")
            return None
        return whole[_CHECK:]

    def write(self, name: str, data: bytes) -> None:
        """Put a file in place at once; after a failure none is written any more."""
        if not self._writable:
            return
        temporary = None
        try:
            handle, temporary = tempfile.mkstemp(prefix=".", dir=self._folder)
            with os.fdopen(handle, "wb") as file:
                file.write(_check(name, data) + data)
            os.replace(temporary, self._folder / name)
        except OSError as error:
            self._writable = False
            self.warn(error)
            if temporary is not None:
                Path(temporary).unlink(missing_ok=True)


def _check(name: str, data: bytes) -> bytes:
    """What a file starts with: its name is part of it, so that no file passes for another."""
    return bytes.fromhex(digest_of(name.encode(), data))

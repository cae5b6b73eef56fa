"""Compiled kernels of jobs are kept on disk, so that each worker loads them in a second instead of compiling them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["VARIABLE", "keep_kernels", "kernel_folder"]

VARIABLE = "ASTROGAN_KERNEL_CACHE"


def kernel_folder() -> Path:
    """``astrogan/kernels`` in the user's folder for caches, where this system has it."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "astrogan" / "kernels"


def keep_kernels() -> None:
    """Let this process, and those it starts, keep kernels in `kernel_folder`; call it before kernels are loaded.

    The environment variable `VARIABLE` names another folder; empty, it keeps nothing.
    """
    try:
        os.environ.setdefault(VARIABLE, str(kernel_folder()))
    except RuntimeError:  # a user without a home: kernels are compiled each time
        os.environ.setdefault(VARIABLE, "")

"""Kernels of jobs on disk: where, unless told otherwise, and that workers find them there."""

from __future__ import annotations

from pathlib import Path

import pytest

from astrogan.jobs import kernels


@pytest.mark.parametrize(
    ("platform", "variables", "folder"),
    [
        ("linux", {"HOME": "/home/ada"}, "/home/ada/.cache/astrogan/kernels"),
        ("linux", {"HOME": "/home/ada", "XDG_CACHE_HOME": "/scratch"}, "/scratch/astrogan/kernels"),
        ("darwin", {"HOME": "/Users/ada"}, "/Users/ada/Library/Caches/astrogan/kernels"),
        ("win32", {"LOCALAPPDATA": "/C/Local"}, "/C/Local/astrogan/kernels"),
    ],
)
def test_the_folder_is_the_user_s(platform, variables, folder, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(kernels.sys, "platform", platform)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert kernels.kernel_folder() == Path(folder)


@pytest.mark.parametrize("chosen", [None, "", "/elsewhere"])
def test_the_variable_has_the_last_word(chosen, monkeypatch):
    monkeypatch.setenv(kernels.VARIABLE, "x")  # so that it is put back
    monkeypatch.delenv(kernels.VARIABLE)
    if chosen is not None:
        monkeypatch.setenv(kernels.VARIABLE, chosen)
    kernels.keep_kernels()
    kept = kernels.os.environ[kernels.VARIABLE]
    assert kept == (str(kernels.kernel_folder()) if chosen is None else chosen)


def test_a_run_looks_there(run, job, monkeypatch):
    monkeypatch.setenv(kernels.VARIABLE, "x")
    monkeypatch.delenv(kernels.VARIABLE)
    assert run("run", job, "--out", "made", "--workers", 0, "--set", "simulate.samples=9")[0] == 0
    assert kernels.os.environ[kernels.VARIABLE] == str(kernels.kernel_folder())

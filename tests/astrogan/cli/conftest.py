"""The command line, run in this process."""

from __future__ import annotations

import sys

import pytest

from astrogan.cli import main


@pytest.fixture
def run(monkeypatch, capsys):
    def run(*arguments):
        """Exit code, stdout and stderr of a command."""
        monkeypatch.setattr(sys, "argv", ["astrogan", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        return stop.value.code, *capsys.readouterr()

    return run

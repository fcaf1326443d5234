"""The file that says which process `hub_serve` is."""

from __future__ import annotations

import os

import pytest

from realtime import pid_file
from realtime.errors import CannotServe


def test_a_pid_file_is_believed_only_while_its_process_holds_it(tmp_path):
    path = tmp_path / "pid"
    with pid_file.held(path):
        assert pid_file.read(path) == os.getpid()
        with pytest.raises(CannotServe, match="belongs to"), pid_file.held(path):
            pass
    with pytest.raises(CannotServe, match="cannot be read"):
        pid_file.read(path)
    path.write_text("4242\n")
    with pytest.raises(CannotServe, match="left over"):
        pid_file.read(path)

"""How a Lambda function starts."""

from __future__ import annotations

import subprocess
import sys

_START = "import gc, handlers.api; print(gc.isenabled(), sum(made['collections'] for made in gc.get_stats()))"


def test_nothing_that_is_imported_is_searched_for_garbage() -> None:
    """The API's function hardly searches for garbage while it is imported, but does so afterwards."""
    ended = subprocess.run([sys.executable, "-c", _START], capture_output=True, text=True, check=True)
    is_enabled, collections = ended.stdout.split()

    assert "True" == is_enabled
    assert int(collections) < 40

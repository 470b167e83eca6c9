"""Captures a script's error message for a bad command line."""

from __future__ import annotations

import io
from contextlib import redirect_stderr
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def refusal(parse: Callable[[], object]) -> str:
    """Returns the error message of `parse`, which must exit with code 2."""
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            parse()
    except SystemExit as ended:
        return said.getvalue() if ended.code == 2 else f"exit code {ended.code}"
    return "not refused"

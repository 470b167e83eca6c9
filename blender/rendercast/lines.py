# SPDX-License-Identifier: GPL-3.0-or-later
"""Wraps text for Blender's panels, which do not wrap it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def words(sentence: str) -> list[str]:
    """Splits a sentence into words, each with the space before it."""
    return re.findall(r"\s*\S+", sentence)


def wrap(pieces: Iterable[str], fits: Callable[[str], bool]) -> list[str]:
    """Joins pieces to lines that fit. A piece longer than a line is split."""
    lines = [""]
    for piece in pieces:
        if fits(lines[-1] + piece):
            lines[-1] += piece
            continue
        left = piece.lstrip()
        if not lines[-1]:
            lines.pop()
        while not fits(left) and len(left) > 1:
            most = max((length for length in range(1, len(left)) if fits(left[:length])), default=1)
            lines.append(left[:most])
            left = left[most:]
        lines.append(left)
    return lines

# SPDX-License-Identifier: GPL-3.0-or-later
"""Breaks text into lines, which Blender's panels do not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def words(sentence: str) -> list[str]:
    """A sentence in pieces, each with the space before it."""
    return re.findall(r"\s*\S+", sentence)


def in_lines(pieces: Iterable[str], fits: Callable[[str], bool]) -> list[str]:
    """Joins the pieces to lines that fit; one that is too long for a line is broken within."""
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

"""Tests of how the panel breaks its texts."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "blender"))

from rendercast.lines import in_lines, words


def up_to(letters: int):
    return lambda line: len(line) <= letters


class InLines(unittest.TestCase):
    def test_what_fits_is_one_line(self) -> None:
        self.assertEqual(in_lines(words("all of it fits"), up_to(14)), ["all of it fits"])

    def test_a_sentence_breaks_between_words(self) -> None:
        self.assertEqual(in_lines(words("trying again; it is away"), up_to(9)), ["trying", "again; it", "is away"])

    def test_an_address_breaks_before_its_path_if_that_will_do(self) -> None:
        self.assertEqual(in_lines(["http://box:8080", "/watch/main"], up_to(20)), ["http://box:8080", "/watch/main"])

    def test_what_is_too_long_for_a_line_is_broken_within(self) -> None:
        self.assertEqual(in_lines(["http://box:8080", "/watch"], up_to(8)), ["http://b", "ox:8080", "/watch"])
        self.assertEqual(in_lines(words("see http://box now"), up_to(8)), ["see", "http://b", "ox now"])

    def test_nothing_is_lost_where_nothing_fits(self) -> None:
        self.assertEqual("".join(in_lines(words("a b cde"), up_to(0))), "abcde")


if __name__ == "__main__":
    unittest.main()

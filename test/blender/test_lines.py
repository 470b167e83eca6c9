"""Tests of how the panel wraps its text."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "blender"))

from rendercast.lines import words, wrap


def up_to(letters: int):
    return lambda line: len(line) <= letters


class Wrap(unittest.TestCase):
    def test_what_fits_is_one_line(self) -> None:
        self.assertEqual(wrap(words("all of it fits"), up_to(14)), ["all of it fits"])

    def test_a_sentence_breaks_between_words(self) -> None:
        self.assertEqual(wrap(words("trying again; it is away"), up_to(9)), ["trying", "again; it", "is away"])

    def test_an_address_breaks_before_its_path_if_that_will_do(self) -> None:
        self.assertEqual(wrap(["http://box:8080", "/watch/main"], up_to(20)), ["http://box:8080", "/watch/main"])

    def test_what_is_too_long_for_a_line_is_broken_within(self) -> None:
        self.assertEqual(wrap(["http://box:8080", "/watch"], up_to(8)), ["http://b", "ox:8080", "/watch"])
        self.assertEqual(wrap(words("see http://box now"), up_to(8)), ["see", "http://b", "ox now"])

    def test_nothing_is_lost_where_nothing_fits(self) -> None:
        self.assertEqual("".join(wrap(words("a b cde"), up_to(0))), "abcde")


if __name__ == "__main__":
    unittest.main()

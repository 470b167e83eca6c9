"""Tests of addresses, stream names and tokens as users enter them."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "blender"))

from rendercast.address import Address, AddressError, check_stream, check_token, parse_address


class ParseAddress(unittest.TestCase):
    def test_what_is_one(self) -> None:
        for text, expected in {
            "http://localhost:8080": Address("localhost", 8080),
            "  http://localhost:8080/ ": Address("localhost", 8080),
            "localhost": Address("localhost", 8080),
            "192.168.1.7:9000": Address("192.168.1.7", 9000),
            "http://render.local": Address("render.local", 80),
            "https://render.example": Address("render.example", 443, secure=True),
            "http://[::1]:8080": Address("::1", 8080),
            # Full-width letters, as some keyboards type them.
            "ｌｏｃａｌｈｏｓｔ:9000": Address("localhost", 9000),
            "bücher.example": Address("xn--bcher-kva.example", 8080),
            "render_node-7": Address("render_node-7", 8080),
            "unix:/run/rendercast.sock": Address("localhost", path="/run/rendercast.sock"),
        }.items():
            self.assertEqual(parse_address(text), expected, text)

    def test_what_is_none(self) -> None:
        for text in ("", "http://", "http://:8080", "local host", "http://x:99999", "x:0", "http://[::1", "unix:"):
            with self.assertRaisesRegex(AddressError, "address", msg=text):
                parse_address(text)

    def test_what_no_host_can_be_called(self) -> None:
        for text in ("foo..bar", f"http://{'x' * 64}", ".", "a\0b", "a!b", "http://[1:2]", "x\u2024\u2024y"):
            with self.assertRaisesRegex(AddressError, "address", msg=text):
                parse_address(text)

    def test_what_is_more(self) -> None:
        for text in ("http://localhost:8080/watch/main", "http://localhost:8080?x", "http://me:secret@host"):
            with self.assertRaisesRegex(AddressError, "must end after the port"):
                parse_address(text)
        with self.assertRaisesRegex(AddressError, "not ftp://"):
            parse_address("ftp://host")


class Addresses(unittest.TestCase):
    def test_how_they_are_written(self) -> None:
        self.assertEqual(str(Address("::1", 8080)), "[::1]:8080")
        self.assertEqual(Address("render.local", 80).url, "http://render.local")
        self.assertEqual(Address("localhost", path="/run/x").authority, "localhost")
        self.assertEqual(Address("localhost").viewer_url("main"), "http://localhost:8080/watch/main")

    def test_which_are_this_machine(self) -> None:
        for text in ("localhost", "127.0.0.1", "127.1.2.3", "[::1]", "unix:/run/x", "a.localhost"):
            self.assertTrue(parse_address(text).loopback, text)
        for text in ("192.168.1.7", "render.local", "[fe80::1]", "localhost.example"):
            self.assertFalse(parse_address(text).loopback, text)


class Names(unittest.TestCase):
    def test_streams(self) -> None:
        for name in ("main", "a", "Cell-7_b.2", "x" * 64):
            self.assertEqual(check_stream(name), name)
        for name in ("", "-a", "a b", "é", "a/b", "x" * 65, "main\n"):
            with self.assertRaises(AddressError, msg=name):
                check_stream(name)

    def test_tokens_cannot_smuggle_headers_in(self) -> None:
        self.assertEqual(check_token("s3cret~!"), "s3cret~!")
        for token in ("a b", "a\r\nX: y", "é"):
            with self.assertRaises(AddressError, msg=token):
                check_token(token)


if __name__ == "__main__":
    unittest.main()

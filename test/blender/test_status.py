"""Tests of the number of viewers that the server's events report."""

from __future__ import annotations

import sys
import time
import unittest
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "blender"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from rendercast import status
from rendercast.address import Address
from rendercast.status import StatusReader, read_events, viewers_of
from rude_server import RudeServer
from strict_server import StrictServer, until

if TYPE_CHECKING:
    import socket


class ReadEvents(unittest.TestCase):
    def test_names_data_comments_and_line_ends(self) -> None:
        lines = b": hello\r\nevent: stream\r\ndata: one\r\ndata: two\r\n\r\ndata:three\n\nevent: none\n\n"
        self.assertEqual(
            list(read_events(lines.splitlines(keepends=True))), [("stream", "one\ntwo"), ("message", "three")]
        )

    def test_an_event_that_is_cut_off_is_none(self) -> None:
        self.assertEqual(list(read_events([b"event: stream\n", b"data: half"])), [])


class ViewersOf(unittest.TestCase):
    def test_the_number(self) -> None:
        self.assertEqual(viewers_of('{"viewers": 3}'), 3)

    def test_nested_too_deep_is_unknown(self) -> None:
        self.assertIsNone(viewers_of('{"viewers": 0, "x": ' + "[" * 100_000))

    def test_anything_else_is_unknown(self) -> None:
        for text in ("", "[]", "{}", '{"viewers": -1}', '{"viewers": true}', '{"viewers": "3"}', "nonsense"):
            self.assertIsNone(viewers_of(text), text)


class Reader(unittest.TestCase):
    def reader(self, server: StrictServer | RudeServer) -> StatusReader:
        made = StatusReader(Address("127.0.0.1", server.port), "main", "token")
        self.addCleanup(made.stop)
        made.start()
        return made

    def test_it_follows_the_stream(self) -> None:
        events = ['event: stream\ndata: {"viewers": 0}\n\n', "event: other\ndata: {}\n\n"]
        events.append('event: stream\ndata: {"viewers": 2}\n\n')
        with StrictServer(events=events) as server:
            reader = self.reader(server)
            self.assertTrue(until(lambda: reader.viewers == 2))

    def test_it_asks_again_while_there_is_no_such_stream(self) -> None:
        with StrictServer() as server:
            reader = self.reader(server)
            server.wait(lambda: server.followers >= 2)
            self.assertIsNone(reader.viewers)

    def test_a_server_that_is_gone_leaves_the_number_unknown(self) -> None:
        with StrictServer(events=['event: stream\ndata: {"viewers": 2}\n\n']) as server:
            reader = self.reader(server)
            self.assertTrue(until(lambda: reader.viewers == 2))
        self.assertTrue(until(lambda: reader.viewers is None))

    def test_an_event_that_is_nested_too_deep_is_none(self) -> None:
        deep = 'event: stream\ndata: {"viewers": 0, "x": ' + "[" * 100_000 + "\n\n"
        with StrictServer(events=[deep, 'event: stream\ndata: {"viewers": 2}\n\n']) as server:
            reader = self.reader(server)
            self.assertTrue(until(lambda: reader.viewers == 2))
            self.assertEqual(server.followers, 1)

    def test_what_has_no_end_is_read_no_further(self) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        chunked = head + b"Transfer-Encoding: chunked\r\n\r\n"
        for name, began in {
            "a line": head + b"\r\ndata: ",
            "a chunk": chunked + b"-1\r\n",
            "a chunk's size": chunked,
            "a header": head + b"X: ",
        }.items():
            with self.subTest(name), RudeServer(self.endless(began)) as server:
                self.reader(server)
                self.assertTrue(until(lambda server=server: server.ends >= 1))
                # Most of it is in the system's buffers.
                self.assertLess(server.most, 32 * 1024 * 1024)
                self.assertTrue(until(lambda server=server: server.connections >= 2))

    def endless(self, began: bytes):
        def rude(server: RudeServer, connection: socket.socket) -> None:
            connection.sendall(began)
            server.drip(connection, b"x" * 65536, 0)

        return rude

    def test_comments_keep_no_number_alive(self) -> None:
        def rude(server: RudeServer, connection: socket.socket) -> None:
            connection.sendall(b'HTTP/1.1 200 OK\r\n\r\nevent: stream\ndata: {"viewers": 0}\n\n')
            server.drip(connection, b":\n")

        with patch.object(status, "EVENT_TIMEOUT", 0.3), RudeServer(rude) as server:
            reader = self.reader(server)
            self.assertTrue(until(lambda: reader.viewers == 0))
            self.assertTrue(until(lambda: reader.viewers is None))

    def test_it_stops_at_once(self) -> None:
        with StrictServer(events=['event: stream\ndata: {"viewers": 2}\n\n']) as server:
            reader = self.reader(server)
            self.assertTrue(until(lambda: reader.viewers == 2))
            began = time.monotonic()
            reader.stop()
            self.assertLess(time.monotonic() - began, 1)


if __name__ == "__main__":
    unittest.main()

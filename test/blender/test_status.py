"""Tests of the number of viewers, as the server's events tell it."""

from __future__ import annotations

import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "blender"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from rendercast.address import Address
from rendercast.status import StatusReader, read_events, viewers_of
from strict_server import StrictServer, until


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

    def test_anything_else_is_unknown(self) -> None:
        for text in ("", "[]", "{}", '{"viewers": -1}', '{"viewers": true}', '{"viewers": "3"}', "nonsense"):
            self.assertIsNone(viewers_of(text), text)


class Reader(unittest.TestCase):
    def reader(self, server: StrictServer) -> StatusReader:
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

    def test_it_stops_at_once(self) -> None:
        with StrictServer(events=['event: stream\ndata: {"viewers": 2}\n\n']) as server:
            reader = self.reader(server)
            self.assertTrue(until(lambda: reader.viewers == 2))
            began = time.monotonic()
            reader.stop()
            self.assertLess(time.monotonic() - began, 1)


if __name__ == "__main__":
    unittest.main()

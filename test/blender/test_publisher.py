"""Tests of the publisher against a strict server and against misbehaving ones."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "blender"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from rendercast import publisher as publishing
from rendercast.address import Address, parse_address
from rendercast.frames import Frame, image_frame, raw_frame
from rendercast.publisher import Publisher
from rendercast.telemetry import Telemetry
from rude_server import RudeServer
from strict_server import PATIENCE, Part, StrictServer, until


def pixels(width: int, height: int, shade: int = 7) -> bytes:
    return bytes([shade]) * (width * height * 4)


def small(shade: int = 7, telemetry: bytes | None = None) -> Frame:
    return raw_frame(pixels(4, 2, shade), 4, 2, telemetry=telemetry)


class Releases:
    """Counts the frames that were released."""

    def __init__(self) -> None:
        self.count = 0
        self._changed = threading.Condition()

    def __call__(self) -> None:
        with self._changed:
            self.count += 1
            self._changed.notify_all()

    def wait(self, count: int) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self.count >= count, PATIENCE)


class PublisherTest(unittest.TestCase):
    def setUp(self) -> None:
        self.server = StrictServer()
        self.addCleanup(self.server.close)

    def publisher(self, **more: object) -> Publisher:
        made = Publisher(Address("127.0.0.1", self.server.port), "main", **more)
        self.addCleanup(made.stop)
        made.start()
        return made

    def connected(self, **more: object) -> Publisher:
        made = self.publisher(**more)
        self.assertTrue(until(lambda: made.connected))
        return made

    def tearDown(self) -> None:
        self.assertEqual(self.server.faults, [])


class Publishing(PublisherTest):
    def test_a_frame_arrives_with_all_that_belongs_to_it(self) -> None:
        publisher = self.connected(token="s3cret")
        publisher.send(
            raw_frame(
                bytes(range(24)), 2, 4, pixels="rgb", rows="bottom-up", captured=1795370000.1235, telemetry=b'{"a":1}'
            )
        )
        self.server.wait(lambda: self.server.frames)
        request, part = self.server.requests[0], self.server.frames[0]
        self.assertEqual(request.line, "POST /streams/main HTTP/1.1")
        self.assertEqual(request.headers["authorization"], "Bearer s3cret")
        self.assertEqual(request.headers["host"], f"127.0.0.1:{self.server.port}")
        self.assertEqual(part.body, bytes(range(24)))
        self.assertEqual(
            part.headers,
            {
                "content-type": "application/x-raw-pixels; format=rgb; width=2; height=4; rows=bottom-up",
                "content-length": "24",
                "x-frame-number": "1",
                "x-captured": "1795370000123.500",
                "x-telemetry": '{"a":1}',
            },
        )

    def test_a_picture_file_goes_as_it_is(self) -> None:
        self.connected().send(image_frame(b"\xff\xd8--rendercast-frame\r\n", "image/jpeg"))
        self.server.wait(lambda: self.server.frames)
        self.assertEqual(self.server.frames[0].body, b"\xff\xd8--rendercast-frame\r\n")

    def test_without_a_token_none_is_sent(self) -> None:
        self.connected()
        self.server.wait(lambda: self.server.requests)
        self.assertNotIn("authorization", self.server.requests[0].headers)

    def test_it_takes_over_if_it_is_to(self) -> None:
        self.connected(token="t", takeover=True)
        self.server.wait(lambda: self.server.requests)
        self.assertEqual(self.server.requests[0].line, "POST /streams/main?takeover HTTP/1.1")

    def test_the_body_ends_after_the_last_frame(self) -> None:
        publisher = self.connected()
        publisher.send(small(1))
        self.assertTrue(publisher.stop())
        self.assertEqual([part.body[0] for part in self.server.frames], [1])
        self.assertTrue(self.server.requests[0].ended)
        self.assertEqual(publisher.status.state, "ended")
        self.assertEqual((publisher.status.sent, publisher.status.dropped), (1, 0))

    def test_it_sends_a_keepalive_each_second(self) -> None:
        self.connected()
        began = time.monotonic()
        self.server.wait(lambda: len(self.server.parts) >= 2)
        self.assertGreater(time.monotonic() - began, publishing.KEEPALIVE_INTERVAL)
        self.assertTrue(all(part.idle for part in self.server.parts))

    def test_telemetry_of_any_language_goes_through(self) -> None:
        telemetry = Telemetry()
        telemetry.publish({"état": "préhension ✓ 機械", "line": "one\r\ntwo"})
        self.connected().send(small(telemetry=telemetry.take()))
        self.server.wait(lambda: self.server.frames)
        got = json.loads(self.server.frames[0].headers["x-telemetry"])
        self.assertEqual(got, {"état": "préhension ✓ 機械", "line": "one\r\ntwo"})

    def test_a_large_frame_arrives_whole_and_its_bytes_are_given_back(self) -> None:
        released = Releases()
        data = bytes(range(256)) * (1920 * 1080 * 4 // 256)
        self.connected().send(raw_frame(memoryview(data), 1920, 1080, done=released))
        self.server.wait(lambda: self.server.frames)
        self.assertEqual(self.server.frames[0].body, data)
        self.assertTrue(released.wait(1))
        self.assertEqual(released.count, 1)

    def test_over_a_unix_socket(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/socket"
            with StrictServer(path=path) as server:
                publisher = Publisher(parse_address(f"unix:{path}"), "main")
                publisher.start()
                self.assertTrue(until(lambda: publisher.connected))
                publisher.send(small())
                self.assertTrue(publisher.stop())
                self.assertEqual(len(server.frames), 1)
                self.assertTrue(server.requests[0].ended)


class SlowServer(PublisherTest):
    def test_the_newest_frame_wins_and_every_frame_is_given_back(self) -> None:
        publisher = self.connected()
        self.server.reading.clear()
        released = Releases()
        for shade in range(20):
            publisher.send(raw_frame(pixels(640, 480, shade), 640, 480, done=released))
            # The first frame fills the system's buffers; wait until the thread has begun to send it.
            if shade == 0:
                self.assertTrue(publisher.wait_until_taken(PATIENCE))
        self.server.reading.set()
        self.assertTrue(released.wait(20))
        self.assertTrue(publisher.stop())
        shades = [part.body[0] for part in self.server.frames]
        self.assertEqual(shades[0], 0)
        self.assertEqual(shades[-1], 19)
        self.assertLess(len(shades), 20)
        self.assertEqual(shades, sorted(shades))
        self.assertEqual(publisher.status.sent, len(shades))
        self.assertEqual(publisher.status.dropped, 20 - len(shades))
        # The numbers show which frames were dropped.
        self.assertEqual([part.number for part in self.server.frames], [shade + 1 for shade in shades])
        self.assertEqual(released.count, 20)

    def test_stopping_does_not_wait_for_a_server_that_does_not_read(self) -> None:
        publisher = self.connected()
        self.server.reading.clear()
        released = Releases()
        publisher.send(raw_frame(pixels(1920, 1080), 1920, 1080, done=released))
        self.assertTrue(publisher.wait_until_taken(PATIENCE))
        began = time.monotonic()
        self.assertFalse(publisher.stop(within=0.2))
        self.assertLess(time.monotonic() - began, 5)
        self.assertTrue(released.wait(1))

    def test_a_frame_sent_after_the_end_is_given_back(self) -> None:
        publisher = self.connected()
        publisher.stop()
        released = Releases()
        publisher.send(raw_frame(pixels(4, 2), 4, 2, done=released))
        self.assertEqual(released.count, 1)


class Refusals(PublisherTest):
    def test_a_wrong_token_is_final_and_shows_the_servers_message(self) -> None:
        self.server.answers = [(401, "Publishing from another machine takes the token.\n")]
        publisher = self.publisher()
        self.assertTrue(until(lambda: publisher.status.state == "refused"))
        self.assertIn("refused: Publishing from another machine takes the token.", publisher.status.problem)
        self.assertEqual(len(self.server.requests), 1)

    def test_a_stream_with_another_source_is_final(self) -> None:
        self.server.answers = [(409, "The stream 'main' has another source: use another name.\n")]
        publisher = self.publisher()
        self.assertTrue(until(lambda: publisher.status.state == "refused"))
        self.assertIn("use another name.", publisher.status.problem)
        self.assertEqual(publisher.status.connections, 0)

    def test_a_refusal_of_the_last_frame_is_reported(self) -> None:
        self.server.verdict = (413, "Too large.")
        publisher = self.connected()
        publisher.send(small())
        self.assertTrue(publisher.stop())
        self.assertEqual(publisher.status.state, "refused")
        self.assertIn("refused: Too large.", publisher.status.problem)

    def test_the_servers_message_is_one_printable_line(self) -> None:
        self.server.answers = [(400, "One\nline\x1b[2J, " + "long " * 1000)]
        publisher = self.publisher()
        self.assertTrue(until(lambda: publisher.status.state == "refused"))
        self.assertIn("refused: One line [2J, long", publisher.status.problem)
        self.assertLess(len(publisher.status.problem), 700)

    def test_it_waits_for_another_publisher_to_go(self) -> None:
        self.server.answers = [(409, "A publisher is there already."), (409, "A publisher is there already.")]
        publisher = self.publisher()
        self.assertTrue(until(lambda: "there already; retrying" in publisher.status.problem))
        self.assertEqual((publisher.status.state, publisher.status.connections), ("waiting", 0))
        self.server.wait(lambda: len(self.server.requests) == 3)
        self.assertTrue(until(lambda: publisher.connected))
        publisher.send(small(3))
        self.server.wait(lambda: self.server.frames)
        self.assertEqual(publisher.status[:2], ("live", ""))
        self.assertEqual(publisher.status.connections, 1)

    @patch.object(publishing, "REFUSAL_WAIT", 0)
    def test_an_answer_within_a_frame_is_reported(self) -> None:
        self.server.answers = [(413, "2000x2000 is more than the 1000000 pixels allowed.")]
        publisher = self.publisher()
        released = Releases()
        while publisher.status.state != "refused":
            self.assertNotEqual(publisher.status.state, "ended")
            publisher.send(raw_frame(pixels(2000, 2000), 2000, 2000, done=released))
            publisher.wait_until_taken(PATIENCE)
        self.assertIn("more than the 1000000 pixels", publisher.status.problem)

    def test_a_sentence_of_another_language_is_shown(self) -> None:
        self.server.answers = [(400, "Die Länge ‚x‘ lügt.")]
        publisher = self.publisher()
        self.assertTrue(until(lambda: publisher.status.state == "refused"))
        self.assertIn("Die Länge ‚x‘ lügt.", publisher.status.problem)


class LostConnections(PublisherTest):
    def test_an_absent_server_is_reported_and_found_when_it_starts(self) -> None:
        port = self.server.port
        self.server.close()
        publisher = Publisher(Address("127.0.0.1", port), "main")
        self.addCleanup(publisher.stop)
        publisher.start()
        self.assertTrue(until(lambda: publisher.status.state == "away"))
        self.assertEqual(publisher.status.problem, f"Cannot reach the server at 127.0.0.1:{port}; retrying")
        with StrictServer(port) as server:
            self.assertTrue(until(lambda: publisher.connected))
            publisher.send(small(9))
            server.wait(lambda: server.frames)
            self.assertEqual(publisher.status.problem, "")
            self.assertTrue(publisher.stop())

    def test_it_comes_back_after_a_lost_connection_and_counts_on(self) -> None:
        publisher = self.connected()
        publisher.send(small(1))
        self.server.wait(lambda: len(self.server.frames) == 1)
        self.server.hang_up()
        self.server.wait(lambda: len(self.server.requests) == 2)
        self.assertTrue(until(lambda: publisher.status.connections == 2 and publisher.connected))
        publisher.send(small(2))
        self.server.wait(lambda: len(self.server.frames) == 2)
        first, second = self.server.frames
        self.assertLess(first.number, second.number)

    def test_a_frame_that_waited_while_the_server_was_away_is_not_shown_late(self) -> None:
        port = self.server.port
        self.server.close()
        publisher = Publisher(Address("127.0.0.1", port), "main")
        self.addCleanup(publisher.stop)
        released = Releases()
        publisher.start()
        self.assertTrue(until(lambda: publisher.status.state == "away"))
        publisher.send(raw_frame(pixels(4, 2), 4, 2, done=released))
        self.assertTrue(released.wait(1))
        self.assertEqual(publisher.status.dropped, 1)

    def test_stopping_while_the_server_is_away_takes_no_time(self) -> None:
        port = self.server.port
        self.server.close()
        publisher = Publisher(Address("127.0.0.1", port), "main")
        publisher.start()
        self.assertTrue(until(lambda: publisher.status.state == "away"))
        self.assertTrue(publisher.stop())

    def test_it_retries_after_a_server_hangs_up_silently(self) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        with listener:
            publisher = Publisher(Address("127.0.0.1", listener.getsockname()[1]), "main")
            publisher.start()
            for _ in range(2):
                connection, _address = listener.accept()
                connection.close()
            self.assertTrue(until(lambda: "retrying" in publisher.status.problem))
            publisher.stop()


class Unreachable(unittest.TestCase):
    def publisher(self, address: Address) -> Publisher:
        made = Publisher(address, "main")
        self.addCleanup(made.stop)
        made.start()
        self.assertTrue(until(lambda: made.status.problem))
        return made

    def test_an_unknown_host_is_distinguished_from_a_failed_lookup(self) -> None:
        for code, said in {
            socket.EAI_NONAME: "There is no host rendr.local; check the address",
            socket.EAI_AGAIN: "Cannot look up the host rendr.local now; retrying",
        }.items():
            with patch("socket.getaddrinfo", side_effect=socket.gaierror(code, "of the system")):
                publisher = self.publisher(Address("rendr.local"))
                self.assertEqual(publisher.status[:2], ("away", said))

    def test_an_unforeseen_error_is_reported(self) -> None:
        publisher = self.publisher(Address("foo..bar"))
        self.assertEqual(publisher.status.state, "refused")
        self.assertRegex(publisher.status.problem, r"^Publishing to foo\.\.bar:8080 failed \(\w+Error: ")


class RudeServers(unittest.TestCase):
    def publisher(self, server: RudeServer) -> Publisher:
        made = Publisher(Address("127.0.0.1", server.port), "main")
        self.addCleanup(made.stop)
        made.start()
        return made

    def test_an_endless_response_is_no_connection(self) -> None:
        for data in (b"x", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b""):

            def rude(server: RudeServer, connection: socket.socket, data: bytes = data) -> None:
                connection.sendall(b"HTTP/1.1 ")
                server.drip(connection, data)

            with self.subTest(data), patch.object(publishing, "RESPONSE_TIMEOUT", 0.5), RudeServer(rude) as server:
                publisher = self.publisher(server)
                self.assertTrue(until(lambda publisher=publisher: publisher.status.state == "away"))
                self.assertTrue(until(lambda publisher=publisher: publisher.status.problem))
                self.assertTrue(until(lambda server=server: server.connections >= 2))
                self.assertEqual(publisher.status.connections, 0)
                publisher.stop()

    def test_the_stream_is_not_live_while_the_server_responds(self) -> None:
        def rude(server: RudeServer, connection: socket.socket) -> None:
            speak.wait()
            server.drip(connection, b"H")

        speak = threading.Event()
        with RudeServer(rude) as server:
            publisher = self.publisher(server)
            self.assertTrue(until(lambda: publisher.connected))
            speak.set()
            self.assertTrue(until(lambda: publisher.status.state == "away"))
            # It can be stopped while the response is incomplete.
            publisher.stop(0.1)
            self.assertEqual(publisher.status.state, "ended")

    def test_the_response_has_a_size_limit(self) -> None:
        def rude(server: RudeServer, connection: socket.socket) -> None:
            head = b"HTTP/1.1 503 Busy\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n"
            connection.sendall(head)
            server.drip(connection, b"x" * 65536, 0)

        with RudeServer(rude) as server:
            publisher = self.publisher(server)
            self.assertTrue(until(lambda: server.ends >= 1))
            # Most of it is in the system's buffers.
            self.assertLess(server.most, 32 * 1024 * 1024)
            self.assertTrue(until(lambda: publisher.status.problem))


@unittest.skipUnless(shutil.which("openssl"), "makes the certificate by openssl")
class Secure(unittest.TestCase):
    def test_tls_itself_says_nothing_against_it(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            pem = f"{folder}/server.pem"
            command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext"
            own = ["subjectAltName=IP:127.0.0.1", "-keyout", pem, "-out", f"{folder}/certificate.pem"]
            subprocess.run([*command.split(), *own], check=True, capture_output=True)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(f"{folder}/certificate.pem", pem)
            trusting = patch.dict("os.environ", SSL_CERT_FILE=f"{folder}/certificate.pem")
            with trusting, StrictServer(tls=context) as server:
                publisher = Publisher(Address("127.0.0.1", server.port, secure=True), "main")
                self.addCleanup(publisher.stop)
                publisher.start()
                self.assertTrue(until(lambda: publisher.connected))
                publisher.send(small(5))
                server.wait(lambda: server.frames)
                self.assertTrue(publisher.stop())
                self.assertEqual((publisher.status.connections, server.faults), (1, []))
                self.assertTrue(server.requests[0].ended)

                server.answers = [(401, "No.")]
                refused = Publisher(Address("127.0.0.1", server.port, secure=True), "main")
                self.addCleanup(refused.stop)
                refused.start()
                self.assertTrue(until(lambda: refused.status.state == "refused"))
                self.assertIn("refused: No.", refused.status.problem)


class Unstarted(unittest.TestCase):
    def test_it_can_be_stopped(self) -> None:
        self.assertTrue(Publisher(Address("127.0.0.1", 1), "main").stop())


class Parts(unittest.TestCase):
    def test_the_strict_server_is_strict(self) -> None:
        with StrictServer() as server:
            connection = socket.create_connection(("127.0.0.1", server.port))
            body = b"--b\r\nContent-Type: application/x-raw-pixels; format=rgb; width=1; height=1; rows=top-down\r\n"
            body += b"Content-Length: 2\r\n\r\nab\r\n"
            head = "POST /streams/main HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
            head += "Content-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n"
            with connection:
                connection.sendall(head.encode() + b"%x\r\n%s\r\n" % (len(body), body))
                server.wait(lambda: server.faults)
            self.assertIn("2 bytes of", server.faults[0])

    def test_a_part_knows_what_it_is(self) -> None:
        self.assertTrue(Part({"content-type": "application/x-idle"}, b"").idle)


if __name__ == "__main__":
    unittest.main()

"""A server that sends malformed and endless responses."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

from strict_server import end

if TYPE_CHECKING:
    from collections.abc import Callable


class RudeServer:
    """Reads each request's headers, then calls `rude` until it fails or the server is closed."""

    def __init__(self, rude: Callable[[RudeServer, socket.socket], None]) -> None:
        self._rude = rude
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.closed = threading.Event()
        self.connections = 0
        self.ends = 0
        """Connections that the other side closed."""
        self.most = 0
        """The largest number of bytes sent on one connection."""
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._listener.getsockname()[1]

    def drip(self, connection: socket.socket, data: bytes, seconds: float = 0.02) -> None:
        """Sends `data` repeatedly, with a pause of `seconds`, until the server is closed."""
        sent = 0
        while not self.closed.wait(seconds):
            connection.sendall(data)
            sent += len(data)
            self.most = max(self.most, sent)

    def __enter__(self) -> RudeServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed.set()
        end(self._listener)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += connection.recv(65536) or b"\r\n\r\n"
                self._rude(self, connection)
            except OSError:
                self.ends += 1

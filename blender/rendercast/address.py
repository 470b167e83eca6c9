# SPDX-License-Identifier: GPL-3.0-or-later
"""Parses what the user enters: the server's address, the stream's name and the token."""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

DEFAULT_PORT = 8080
"""Used if an address has neither a port nor a scheme."""

_HOST = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_STREAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class AddressError(ValueError):
    """An invalid address, name or token. The message is a sentence for the user."""


@dataclass(frozen=True)
class Address:
    """A server: a host and port, or a Unix socket."""

    host: str
    port: int = DEFAULT_PORT
    secure: bool = False
    path: str | None = None
    """Of a Unix socket. If it is set, host and port are unused."""

    @property
    def authority(self) -> str:
        """Host and port as in a URL."""
        if self.path is not None:
            return "localhost"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """`http://HOST:PORT`."""
        return f"{'https' if self.secure else 'http'}://{self.authority}"

    @property
    def loopback(self) -> bool:
        """Whether the server is on this machine."""
        if self.path is not None or self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def viewer_url(self, stream: str) -> str:
        """The page that shows the stream."""
        return f"{self.url}/watch/{quote(stream)}"

    def request(self, method: str, path: str, token: str, headers: dict[str, str]) -> bytes:
        """Returns the request line and headers. An empty token sends none."""
        own = {"Host": self.authority, **({"Authorization": f"Bearer {token}"} if token else {})}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in {**own, **headers}.items())]
        return "\r\n".join([*lines, "", ""]).encode("ascii")

    def connect(self, timeout: float) -> socket.socket:
        """Opens a connection; the timeout in seconds stays set on it. Raises OSError."""
        if self.path is not None:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.settimeout(timeout)
                connection.connect(self.path)
            except BaseException:
                connection.close()
                raise
            return connection
        connection = socket.create_connection((self.host, self.port), timeout)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.secure:
                return ssl.create_default_context().wrap_socket(connection, server_hostname=self.host)
        except BaseException:
            connection.close()
            raise
        return connection

    def __str__(self) -> str:
        return self.path if self.path is not None else self.authority


def hang_up(connection: socket.socket | None) -> None:
    """Shuts a connection down, to unblock a thread that waits on it. It may be closed already."""
    if connection:
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def parse_address(text: str) -> Address:
    """Reads `http://HOST:PORT`, `HOST:PORT`, `HOST` or `unix:PATH`. Raises AddressError."""
    text = text.strip()
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        if not path:
            raise AddressError("The server's address has no path after unix:, such as unix:/run/rendercast.sock.")
        if not hasattr(socket, "AF_UNIX"):
            raise AddressError("This system has no Unix sockets; enter the server's address as http://…")
        return Address("localhost", path=path)
    scheme = "://" in text
    try:
        parts = urlsplit(text if scheme else f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, None
    if parts is None or not host or any(character.isspace() for character in text) or port == 0:
        raise AddressError(f"'{text}' is not a server address such as http://localhost:8080.")
    if parts.scheme not in ("", "http", "https"):
        raise AddressError(f"The server's address must begin with http:// or https://, not {parts.scheme}://.")
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username is not None:
        example = f"{parts.scheme or 'http'}://{host}:8080"
        raise AddressError(f"The server's address must end after the port, as in {example}.")
    secure = parts.scheme == "https"
    default = (443 if secure else 80) if scheme else DEFAULT_PORT
    return Address(_host(host), port or default, secure)


def _host(name: str) -> str:
    """Returns the host name in ASCII (IDNA), or the IP address. Raises AddressError."""
    try:
        # Otherwise the system's lookup encodes it later, and fails there.
        known = name.encode("idna").decode("ascii")
        if ":" in known:
            ipaddress.ip_address(known)
        elif not _HOST.fullmatch(known):
            raise ValueError
    except ValueError as error:
        raise AddressError(f"'{name}' is not a host name or address such as localhost or 192.168.1.7.") from error
    return known


def check_stream(name: str) -> str:
    """Returns the stream name if it is valid. Raises AddressError."""
    if _STREAM.fullmatch(name):
        return name
    raise AddressError(f"'{name}' is not a stream name; use 1 to 64 letters, digits, dots, dashes and underscores.")


def check_token(token: str) -> str:
    """Returns the token if it fits in a header. Raises AddressError."""
    if all("!" <= character <= "~" for character in token):
        return token
    raise AddressError("The token contains a space or a character outside ASCII; copy it again.")

"""A stream socket that carries wire messages, whole or not at all.

Frame: b"AG02", number (u64), header size (u32), raw size (u64), header, raw. Both sizes are checked before a byte of
them is read. An answer repeats the number of its request: one answer too many is never taken for the next one's.
Whoever waits is woken every few milliseconds to look at its limits, so that a peer that sends nothing, or a byte now
and then, holds nobody up.
"""

import socket
import struct
from collections.abc import Callable
from typing import Any

from autograder.student import wire

_MAGIC = b"AG02"
_FRAME = struct.Struct(">4sQIQ")
_CHUNK = 1 << 20
_PAUSE, _LONGEST_PAUSE = 0.01, 0.1  # seconds between two looks at the limits, while nothing comes

Watch = Callable[[], None]


class ChannelClosed(Exception):
    """The other side has gone."""


class Channel:
    """One end of the connection between grader and worker."""

    def __init__(self, connection: socket.socket, max_bytes: int) -> None:
        self._socket = connection
        self._max_bytes = max_bytes
        self.number = 0  # of the last message received
        self._pause: float | None = None
        connection.settimeout(None)

    def close(self) -> None:
        self._socket.close()

    def send(self, value: Any, number: int = 0, watch: Watch | None = None) -> None:
        """Send one value. Raises `WireError` where it is not plain data or too large, and sends nothing then."""
        header, raw = wire.encode(value)
        if len(header) + len(raw) > self._max_bytes:
            raise wire.WireError(f"larger than {self._max_bytes >> 20} MB")
        rest = memoryview(_FRAME.pack(_MAGIC, number, len(header), len(raw)) + header + raw)
        self._wait_for(_PAUSE if watch else None)
        while rest:
            try:
                rest = rest[self._socket.send(rest[:_CHUNK]) :]
            except TimeoutError:
                pass
            except OSError:
                raise ChannelClosed from None
            if rest and watch is not None:
                watch()

    def receive(
        self,
        resolve: Callable[[int, str], Any] = wire.Ref,
        number: int | None = None,
        watch: Watch | None = None,
    ) -> Any:
        """The next value, which must bear `number` if one is given.

        `watch` is called while waiting and ends the wait by raising.
        """
        self._wait_for(_PAUSE if watch else None)
        magic, self.number, header_size, raw_size = _FRAME.unpack(self._read(_FRAME.size, watch))
        if magic != _MAGIC or header_size > wire.MAX_HEADER or header_size + raw_size > self._max_bytes:
            raise wire.WireError("not a message, or one that is too large")
        if number is not None and self.number != number:
            raise wire.WireError("not the answer to this request")
        message = self._read(header_size + raw_size, watch)
        return wire.decode(message[:header_size], message[header_size:], resolve)

    def _read(self, size: int, watch: Watch | None) -> bytearray:
        data = bytearray()
        while len(data) < size:
            if watch is not None:
                watch()
            try:
                piece = self._socket.recv(min(_CHUNK, size - len(data)))
            except TimeoutError:
                self._wait_for(min(2 * (self._pause or _PAUSE), _LONGEST_PAUSE))
                continue
            except OSError:
                raise ChannelClosed from None
            if not piece:
                raise ChannelClosed
            data += piece
        return data

    def _wait_for(self, seconds: float | None) -> None:
        """How long the socket waits at most from now on, None: for ever."""
        if seconds != self._pause:
            self._pause = seconds
            self._socket.settimeout(seconds)

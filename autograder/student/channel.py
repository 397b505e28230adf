"""A stream socket that carries wire messages, whole or not at all.

Frame: b"AG02", number (u64), header size (u32), raw size (u64), header, raw. Both sizes are checked before a byte of
them is read. An answer repeats the number of its request: one answer too many is never taken for the next one's.
Whoever waits is woken every few milliseconds to look at its limits, so that a peer that sends nothing, or a byte now
and then, holds nobody up.
"""

import select
import socket
import struct
from collections.abc import Callable
from typing import Any

from autograder.student import wire

_MAGIC = b"AG02"
_FRAME = struct.Struct(">4sQIQ")
_CHUNK = 1 << 20

Watch = Callable[[], None]


class ChannelClosed(Exception):
    """The other side has gone."""


class Channel:
    """One end of the connection between grader and worker."""

    def __init__(self, connection: socket.socket, max_bytes: int) -> None:
        self._socket = connection
        self._max_bytes = max_bytes
        self.number = 0  # of the last message received
        connection.setblocking(False)

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def send(self, value: Any, number: int = 0, watch: Watch | None = None) -> None:
        """Send one value. Raises `WireError` where it is not plain data or too large, and sends nothing then."""
        header, raw = wire.encode(value)
        if len(header) + len(raw) > self._max_bytes:
            raise wire.WireError(f"larger than {self._max_bytes >> 20} MB")
        rest = memoryview(_FRAME.pack(_MAGIC, number, len(header), len(raw)) + header + raw)
        while rest:
            try:
                rest = rest[self._socket.send(rest[:_CHUNK]) :]
            except BlockingIOError:
                self._wait(watch, writing=True)
            except OSError:
                raise ChannelClosed from None

    def receive(
        self,
        resolve: Callable[[int, str], Any] = wire.Ref,
        number: int | None = None,
        watch: Watch | None = None,
    ) -> Any:
        """The next value, which must bear `number` if one is given.

        `watch` is called while waiting and ends the wait by raising.
        """
        magic, self.number, header_size, raw_size = _FRAME.unpack(self._read(_FRAME.size, watch))
        if magic != _MAGIC or header_size > wire.MAX_HEADER or header_size + raw_size > self._max_bytes:
            raise wire.WireError("not a message, or one that is too large")
        if number is not None and self.number != number:
            raise wire.WireError("not the answer to this request")
        header = self._read(header_size, watch)
        return wire.decode(header, self._read(raw_size, watch), resolve)

    def _read(self, size: int, watch: Watch | None) -> bytearray:
        data = bytearray()
        while len(data) < size:
            if watch is not None:
                watch()
            try:
                piece = self._socket.recv(min(_CHUNK, size - len(data)))
            except BlockingIOError:
                self._wait(watch)
                continue
            except OSError:
                raise ChannelClosed from None
            if not piece:
                raise ChannelClosed
            data += piece
        return data

    def _wait(self, watch: Watch | None, writing: bool = False) -> None:
        pause = 0.01
        while True:
            if watch is not None:
                watch()
            readers, writers = ([], [self._socket]) if writing else ([self._socket], [])
            if any(select.select(readers, writers, [], pause if watch else None)):
                return
            pause = min(2 * pause, 0.1)

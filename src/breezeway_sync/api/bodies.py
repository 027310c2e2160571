"""Reads a body in pieces, unpacks it, and stops at a limit.

A gzip of 64 KB can hold 64 MB, a gzip within a gzip 64 GB. So this module counts bytes while it unpacks, and it unpacks
once. Many small bodies may arrive at the same time. Large ones come one after the other.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterable, Iterator

from breezeway_sync.api.decoding import LARGE_BYTES, DecodeTurn

PIECE_BYTES = 64 * 1024
_GZIP_START = b"\x1f"  # a gzip may be several, one behind the other
_GZIP_WINDOW, _ZLIB_WINDOW, _RAW_WINDOW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS


class TooLarge(Exception):
    """A body that is larger than it may be."""


class NotPacked(Exception):
    """A body that is not compressed as its header says, or in a way that nobody asked for."""


async def read_body(pieces: AsyncIterable[bytes], encoding: str, most_bytes: int, turn: DecodeTurn) -> bytes:
    """The body, unpacked. One of more than `LARGE_BYTES` takes `turn`.

    Raises TooLarge beyond `most_bytes`, packed or unpacked, and NotPacked.
    """
    unpacker = _Unpacker(encoding)
    body, packed_bytes, paused_at = bytearray(), 0, 0
    async for packed in pieces:
        packed_bytes += len(packed)
        for piece in unpacker.unpack(packed):
            body += piece
            if max(len(body), packed_bytes) > most_bytes:
                raise TooLarge
            if len(body) - paused_at > LARGE_BYTES:
                # The loop goes on meanwhile: one packet can hold as much as all of it may.
                await (asyncio.sleep(0) if turn.is_taken else turn.take())
                paused_at = len(body)
    unpacker.finish()
    return bytes(body)


class _Unpacker:
    def __init__(self, encoding: str) -> None:
        names = [name for part in encoding.lower().split(",") if (name := part.strip()) not in ("", "identity")]
        if len(names) > 1 or (names and names[0] not in ("gzip", "x-gzip", "deflate")):
            raise NotPacked
        self._is_gzip = bool(names) and names[0] != "deflate"
        self._is_packed = bool(names)
        self._inner: zlib._Decompress | None = None
        self._first = b""

    def unpack(self, packed: bytes) -> Iterator[bytes]:
        """The content of the next packed bytes, in pieces of at most PIECE_BYTES if the body is packed."""
        if not self._is_packed:
            yield packed
            return
        packed, self._first = self._first + packed, b""
        try:
            while packed:
                if self._inner is None or self._inner.eof:
                    if self._inner is not None and not (self._is_gzip and packed.startswith(_GZIP_START)):
                        return  # padding
                    if len(packed) == 1:
                        self._first = packed  # two tell what it is
                        return
                    self._inner = zlib.decompressobj(self._window(packed))
                yield from _drain(self._inner, packed)
                packed = self._inner.unused_data
        except zlib.error as error:
            raise NotPacked from error

    def finish(self) -> None:
        """All has come. Raises NotPacked when it ends before its end."""
        if self._first or (self._inner is not None and not self._inner.eof):
            raise NotPacked

    def _window(self, packed: bytes) -> int:
        if self._is_gzip:
            return _GZIP_WINDOW
        # "deflate" is zlib by the standard, and without its head from some servers (RFC 9110, 8.4.1.2).
        is_zlib = packed[0] & 0x0F == 8 and (packed[0] << 8 | packed[1]) % 31 == 0
        return _ZLIB_WINDOW if is_zlib else _RAW_WINDOW


def _drain(inner: zlib._Decompress, packed: bytes) -> Iterator[bytes]:
    while True:
        piece = inner.decompress(packed, PIECE_BYTES)
        yield piece
        packed = inner.unconsumed_tail
        if inner.eof or (not packed and len(piece) < PIECE_BYTES):
            return

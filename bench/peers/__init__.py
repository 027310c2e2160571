"""Other programs that copy the API, for comparison; each module has one `PEER`, see `bench.ground.Peer`."""

from __future__ import annotations

from bench.ground import Peer

PEERS: tuple[Peer, ...] = ()

"""Other programs that copy the API, for comparison; see `bench.ground.Peer`."""

from __future__ import annotations

from bench.ground import Peer
from bench.measured import DLT, SCRIPT
from bench.peers.environment import ProgramPeer

PEERS: tuple[Peer, ...] = (ProgramPeer(DLT, "dlt_pipeline"), ProgramPeer(SCRIPT, "requests_script"))

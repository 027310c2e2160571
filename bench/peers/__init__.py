"""Other programs that copy the API, for comparison; see `bench.ground.Peer`."""

from __future__ import annotations

from bench.ground import Peer
from bench.measured import DLT, DLT_TUNED, SCRIPT
from bench.peers.environment import ProgramPeer

PEERS: tuple[Peer, ...] = (
    ProgramPeer(DLT, "dlt_pipeline", "dlt"),
    ProgramPeer(DLT_TUNED, "dlt_pipeline", "dlt", {"tuned": True}),
    ProgramPeer(SCRIPT, "requests_script", "script"),
)

"""The peers copy what the product copies, from exact versions; their environments are not made here."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.ground import Ground
from bench.peers import PEERS
from bench.peers.environment import PROGRAMS, ProgramPeer
from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.model import Source

PINNED = re.compile(r"[A-Za-z0-9._-]+(\[[a-z]+\])?==[0-9][0-9A-Za-z.]*")


def sources() -> Iterator[Source]:
    for entity in ENTITIES:
        yield from entity.sources
        yield from (called.source for called in entity.called)


def declared() -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    """Every address with what always goes with it, as the catalog has them."""
    return {(one.path, (*one.always, *variant)) for one in sources() for variant in one.variants}


def read_by(program: Path) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    """The same from the literals of a peer: a list's path, and its parameters but for the parent's id."""
    found = set()
    for node in ast.walk(ast.parse(program.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"List", "Below"}:
            values = [_literal(one) for one in node.args]
            path = next(one for one in values if isinstance(one, str) and one.startswith("/"))
            params = next((one for one in values if isinstance(one, dict)), {})
            found.add((path, tuple((name, value) for name, value in params.items() if value != "{id}")))
        elif isinstance(node, ast.Assign) and isinstance(path := _literal(node.value), str) and path.startswith("/"):
            found.add((path, ()))
    return found


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


@pytest.mark.parametrize("peer", PEERS, ids=lambda one: one.name)
class TestPeers:
    def test_reads_what_the_catalog_declares(self, peer: ProgramPeer) -> None:
        assert read_by(PROGRAMS / f"{peer.program}.py") == declared()

    def test_needs_exact_versions_and_names_no_host(self, peer: ProgramPeer) -> None:
        lines = peer.requirements.read_text(encoding="utf-8").splitlines()
        assert [line for line in lines if not PINNED.fullmatch(line)] == []
        assert "psycopg2-binary" in {line.split("==")[0] for line in lines}

    def test_is_a_process_of_its_own_environment(self, peer: ProgramPeer, tmp_path: Path) -> None:
        account = {"code": "austin", "client_id": "sandbox-austin", "client_secret": "not-a-secret"}
        ground = Ground(database=lambda: pytest.fail("none is needed"), scratch=tmp_path, environments=tmp_path)
        python, main, program, job = peer.command(ground, "http://127.0.0.1:1", [account], "postgresql://")
        assert Path(python).is_relative_to(tmp_path / f"venv-{peer.packages}")
        assert Path(main).is_file()
        assert program == peer.program
        assert json.loads(job) == {
            "base_url": "http://127.0.0.1:1",
            "dsn": "postgresql://",
            "accounts": [account],
            **peer.options,
        }


def test_an_environment_is_made_again_when_its_versions_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []

    def pretend(command: list[str], **_named: object) -> subprocess.CompletedProcess[str]:
        ran.append(command)
        (tmp_path / "venv-small").mkdir(exist_ok=True)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr("bench.peers.environment.PROGRAMS", tmp_path)
    monkeypatch.setattr(subprocess, "run", pretend)
    (tmp_path / "small.txt").write_text("idna==3.20\n")
    ground = Ground(database=lambda: pytest.fail("none is needed"), scratch=tmp_path, environments=tmp_path)
    peer = ProgramPeer("small", "small", "small")
    peer.prepare(ground)
    peer.prepare(ground)
    assert [command[0] == sys.executable for command in ran] == [True, False]
    (tmp_path / "small.txt").write_text("idna==3.19\n")
    peer.prepare(ground)
    assert len(ran) == 4

#!/usr/bin/env python3
"""Everything a checkout can do, with nothing but Python: `python3 dev.py demo|test|check|…`.

Makes `.venv` beside this file from the hashed `requirements.lock` (again whenever that file or the
package's own declaration changes), then runs the real command inside it. Standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENV = HERE / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
STAMP = VENV / "made-from"

USAGE = """\
usage: python3 dev.py COMMAND [ARGUMENTS]

  demo [--keep]   a real PostgreSQL and a simulated Breezeway: mirror three regions, look at the result
  test [ARGS]     the whole test suite on a real PostgreSQL, three tests at a time; ARGS go to pytest instead
  test --fast     only tests that start no process of their own
  check           ruff, mypy --strict, import-linter, generated documents
  converge [--minutes M] [--seed S]  accounts change, the API fails, processes die: the mirror converges
  soak [--cycles N] [--minutes N]  thousands of cycles of the service: do memory and tables keep their size?
  bench [--quick] [--sizes S,…] [--scenarios S,…] [--runs N]  measure: docs/performance.md
  mutate          change the pure modules in every small way and see which changes no test notices (about 15 min)
  docs            write the generated parts of docs/ again
  run ARGS        the breezeway-sync command itself
  lock            write requirements.lock again from pyproject.toml (needs `uv`)
"""

# Only for `mutate`, so it is no part of the environment; its own version is pinned.
MUTATION = "mutmut==3.8.1"

SIDE_BY_SIDE = ("-n", "3", "--dist", "worksteal")
FAST = (*SIDE_BY_SIDE, "-m", "not process")

# Real processes on a busy machine: so many tests that failed beside others are tried once more, alone.
TRIED_ALONE_TESTS = 5

CHECKS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("lint-imports",),
    ("python", "-m", "tests.docs", "--check"),
)


def fingerprint() -> str:
    """What the environment is made from: the interpreter, the lock, and what pyproject.toml says of the package."""
    import tomllib  # not in Pythons that are too old, which are told so first

    package = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))
    made_from = (sys.version, package["project"], package["build-system"])
    return hashlib.sha256(repr(made_from).encode() + (HERE / "requirements.lock").read_bytes()).hexdigest()


def fail(message: str, code: int) -> None:
    print(message, file=sys.stderr)
    raise SystemExit(code)


def call(*command: str | Path) -> None:
    """Run a program, and leave with its exit code when it fails."""
    code = subprocess.run([str(part) for part in command], cwd=HERE, check=False).returncode
    if code:
        raise SystemExit(code)


def make_environment() -> None:
    """Create or refresh `.venv`; does nothing when it was made from the same files."""
    if sys.version_info < (3, 11):  # noqa: UP036 - whoever starts this may have an older Python
        fail(f"dev.py: got Python {sys.version.split()[0]}, wanted 3.11 or newer: start it with one", 2)
    wanted = fingerprint()
    if STAMP.exists() and STAMP.read_text() == wanted:
        return
    print("dev.py: making .venv from requirements.lock (once)", file=sys.stderr, flush=True)
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=False, capture_output=True)
    if made.returncode or not PYTHON.exists():
        fail(
            "dev.py: this Python cannot make virtual environments. On Debian or Ubuntu:\n"
            f"  apt-get install python{sys.version_info[0]}.{sys.version_info[1]}-venv   "
            "(as root, or with sudo)\nand start dev.py again.",
            2,
        )
    pip = (PYTHON, "-m", "pip", "--disable-pip-version-check", "-qq", "install")
    call(*pip, "--require-hashes", "-r", "requirements.lock")
    # The build tools are in the lock too, so that nothing unhashed is fetched for the package itself.
    call(*pip, "--no-deps", "--no-build-isolation", "--editable", ".")
    STAMP.write_text(wanted)


def lock() -> None:
    """Pin every dependency of the product, the demo and the tests, with hashes and no index host."""
    call(
        *("uv", "pip", "compile", "pyproject.toml", "--extra", "demo", "--group", "dev", "--universal"),
        *("--python-version", "3.11", "--generate-hashes", "--no-header", "--no-annotate", "--quiet"),
        *("--upgrade", "-o", "requirements.lock"),
    )


def test(arguments: tuple[str, ...] | list[str]) -> None:
    """Run pytest. Few tests that fail beside others run once more, alone; their names are said either way."""
    code = subprocess.run([str(PYTHON), "-m", "pytest", "--cache-clear", *arguments], cwd=HERE, check=False).returncode
    if code != 1 or "-n" not in arguments:
        raise SystemExit(code)
    failed = list(json.loads((HERE / ".pytest_cache/v/cache/lastfailed").read_text(encoding="utf-8")))
    if len(failed) > TRIED_ALONE_TESTS:
        fail(f"dev.py: {len(failed)} tests failed", 1)
    print("dev.py: failed beside other tests, tried alone:", *failed, sep="\n  ", flush=True)
    call(PYTHON, "-m", "pytest", "--verbose", *failed)
    print("dev.py: UNSTABLE, passed alone; find out why:", *failed, sep="\n  ", flush=True)


def check() -> None:
    """Run every checker, all of them even when one fails; exit 1 when one did."""
    failed = []
    for command in CHECKS:
        print("$", *command, flush=True)
        program = BIN / command[0]
        if subprocess.run([str(program), *command[1:]], cwd=HERE, check=False).returncode:
            failed.append(" ".join(command))
    if failed:
        fail("failed: " + "; ".join(failed), 1)
    print("all checks passed")


def main() -> None:
    command, *arguments = sys.argv[1:] or ["help"]
    if command not in {"demo", "test", "check", "converge", "soak", "bench", "mutate", "docs", "run", "lock"}:
        fail(USAGE, 0 if command in {"help", "-h", "--help"} else 2)
    if command == "lock":
        lock()
        return
    make_environment()
    match command:
        case "check":
            check()
        case "test":
            test(FAST if arguments == ["--fast"] else arguments or SIDE_BY_SIDE)
        case "docs" | "soak":
            call(PYTHON, "-m", f"tests.{command}", *arguments)
        case "bench":
            call(PYTHON, "-m", "bench", *arguments)
        case "converge":
            call(PYTHON, "-m", "tests.convergence", *arguments)
        case "mutate":
            call(PYTHON, "-m", "pip", "--disable-pip-version-check", "-qq", "install", MUTATION)
            call(BIN / "mutmut", "run", *arguments)
        case "demo":
            call(BIN / "breezeway-sync", "demo", *arguments)
        case _:
            call(BIN / "breezeway-sync", *arguments)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)

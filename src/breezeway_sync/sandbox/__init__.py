"""A simulated Breezeway API: it follows the API page, is made from a seed, and fails on demand.

The sandbox knows `core` only. Its bodies come from what is known of the API, not from the catalog: a wrong name in the
catalog would otherwise pass every test.
"""

from breezeway_sync.sandbox.account import SandboxAccount
from breezeway_sync.sandbox.app import create_app
from breezeway_sync.sandbox.faults import FAULT_KINDS, FaultKind, FaultRule, Faults
from breezeway_sync.sandbox.options import Options
from breezeway_sync.sandbox.server import running
from breezeway_sync.sandbox.simulator import Sandbox
from breezeway_sync.sandbox.spec import KINDS, AccountSpec, ChildKind, Kind, Size, demo_accounts, resized
from breezeway_sync.sandbox.stats import Stats
from breezeway_sync.sandbox.world import World

__all__ = [
    "FAULT_KINDS",
    "KINDS",
    "AccountSpec",
    "ChildKind",
    "FaultKind",
    "FaultRule",
    "Faults",
    "Kind",
    "Options",
    "Sandbox",
    "SandboxAccount",
    "Size",
    "Stats",
    "World",
    "create_app",
    "demo_accounts",
    "resized",
    "running",
]

"""Daemons in every condition, made up."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from breezeway_sync.core.error_codes import ErrorCode
from breezeway_sync.core.report import Freshness, LeaseState, PastRun, RegionState, TokenState
from breezeway_sync.ops.health import Facts
from breezeway_sync.ops.metrics import Metrics
from breezeway_sync.ops.watch import StatusReport

NOW = datetime(2025, 6, 3, 14, 30, 5, tzinfo=UTC)
HOUR, DAY = 3600.0, 86_400.0
PROMISES = {
    "properties": 2 * HOUR,
    "reservations": 2 * HOUR,
    "tasks": 2 * HOUR,
    "people": 25 * HOUR,
    "supplies": 25 * HOUR,
    "tags": 25 * HOUR,
    "property_contacts": 25 * HOUR,
    "templates": 8 * DAY,
    "subdepartments": 8 * DAY,
}
REGIONS = {
    "nashville": "Nashville",
    "austin": "Austin",
    "smoky": "Smoky Mountains",
    "hilton_head": "Hilton Head",
    "breckenridge": "Breckenridge",
    "sea_ranch": "Sea Ranch",
    "mammoth": "Mammoth",
    "hill_country": "Hill Country",
}
REJECTED_CREDENTIALS = (
    "the credentials are wrong, unknown or not active yet in /public/auth/v1/. Compare client_id and client_secret "
    "with what Breezeway issued, and ask Breezeway whether the pair is active"
)
ACCOUNTS = ("0c4f7be19a2d53e8", "7be19a2d53e80c4f")


def facts(**changes: object) -> Facts:
    """A daemon that is well, but for the changes."""
    well = Facts(
        now=NOW,
        started_at=NOW - timedelta(days=3, hours=4),
        uptime_seconds=76 * HOUR,
        version="1.2.3",
        pid=4711,
        owner="sync-01, process 4711",
        loop_age_seconds=0.4,
        runner_age_seconds=None,
        database_reachable=True,
        database_migrated=True,
        database_error=None,
        is_draining=False,
        regions=8,
        requests_per_minute=180,
        config_source="/etc/breezeway-sync/config.toml",
        config_error=None,
    )
    return replace(well, **changes)  # type: ignore[arg-type]


def mirror(region: str, entity: str, share: float, *, name: str | None = None, **changes: object) -> Freshness:
    """A mirror whose age is a share of its promise."""
    freshness_target = PROMISES[entity]
    made = Freshness(
        region=region,
        region_name=REGIONS.get(region, region) if name is None else name,
        entity=entity,
        status="success",
        last_success=NOW - timedelta(seconds=share * freshness_target),
        age_seconds=share * freshness_target,
        freshness_target_seconds=freshness_target,
        is_late=share > 1,
        records_processed=1200,
        calls=13,
        duration_seconds=9.5,
        error=None,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def unread(region: str, entity: str, **changes: object) -> Freshness:
    """A mirror that was never read."""
    changes = {"status": None, "last_success": None, "age_seconds": None, "is_late": True, **changes}
    return mirror(region, entity, 0, **changes)  # type: ignore[arg-type]


def run(region: str, entity: str, minutes: float, *, status: str = "success", **changes: object) -> PastRun:
    """A run that began so many minutes ago."""
    started = NOW - timedelta(minutes=minutes)
    made = PastRun(
        region=region,
        entity=entity,
        status=status,
        started_at=started,
        completed_at=None if status == "running" else started + timedelta(seconds=9.5),
        duration_seconds=9.5,
        read=1200,
        new=3,
        updated=17,
        unchanged=1180,
        deleted=0,
        rejected=0,
        calls=13,
        pending_reads=0,
        error=None,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def report(freshness: Iterable[Freshness], runs: Iterable[PastRun] = (), **changes: object) -> StatusReport:
    """What the database said three seconds ago."""
    made = StatusReport(tuple(freshness), tuple(runs), (), (), (), None, NOW - timedelta(seconds=3))
    return replace(made, **changes)  # type: ignore[arg-type]


def _share(region: str, entity: str) -> float:
    return 0.05 + 0.8 * (sum(map(ord, region + entity)) % 97) / 97


def leases() -> tuple[LeaseState, ...]:
    return (
        LeaseState(ACCOUNTS[0], 812, "sync-01, process 4711", 41.0, 0.0, 37.0),
        LeaseState(ACCOUNTS[1], 12, None, 0.0, 0.0, 0.0),
    )


def token(region: str, hours: float = 20, error: str | None = None) -> TokenState:
    return TokenState(region, NOW + timedelta(hours=hours), NOW - timedelta(hours=24 - hours), 118, error)


def fresh() -> StatusReport:
    """Eight regions, all as promised."""
    runs = [
        run(code, entity, 2 + 0.7 * place + 11 * turn, new=place * turn, rejected=0)
        for turn in range(3)
        for place, code in enumerate(REGIONS)
        for entity in ("properties", "reservations", "tasks")
    ]
    return report(
        [mirror(code, entity, _share(code, entity)) for code in REGIONS for entity in PROMISES],
        sorted(runs, key=lambda one: one.started_at, reverse=True),
        leases=leases(),
        tokens=tuple(token(code, 23 - place) for place, code in enumerate(REGIONS)),
        regions=tuple(RegionState(code, {}, 0) for code in REGIONS),
    )


PENDING, REJECTED = ErrorCode.CHILD_READS_PENDING, ErrorCode.RECORDS_REJECTED
FAILING, BAD_PAIR = ErrorCode.SERVER_FAILED, ErrorCode.CREDENTIALS_REJECTED
_OWED = "1240 child reads (comments and requirements) are pending, about 7 min"
_REJECTED = "2 records could not be stored, see `breezeway-sync rejects list`"
_FAILED = "tasks: the API failed in /task/: got HTTP 503"


def mixed() -> StatusReport:
    """Something of everything: late, failed, partial, never read, under way, owed, rejected."""
    begun = run("austin", "reservations", 0.4, status="running", duration_seconds=24.0, new=0, updated=0, unchanged=0)
    runs = [
        begun,
        run("austin", "tasks", 3, status="partial", error=_OWED, error_code=PENDING, pending_reads=1240),
        run("mammoth", "tasks", 5, status="failed", error=_FAILED, error_code=FAILING, calls=6, unchanged=0),
        run("smoky", "people", 50, status="partial", error=_REJECTED, error_code=REJECTED, rejected=2),
        *fresh().runs,
    ]
    pending_reads = {"austin": {"task_comments": 1100, "task_requirements": 140}}
    tokens = [token(code) for code in REGIONS if code != "sea_ranch"]
    return replace(
        fresh(),
        freshness=(*_mixed_mirrors(), *_unread_mirrors()),
        runs=tuple(sorted(runs, key=lambda one: one.started_at, reverse=True)),
        tokens=(*tokens, token("sea_ranch", -5, REJECTED_CREDENTIALS)),
        regions=tuple(
            RegionState(code, pending_reads.get(code, {}), int(code == "smoky"), {"tasks": 24}) for code in REGIONS
        ),
        leases=(replace(leases()[0], paused_for_seconds=48.0), leases()[1]),
    )


def _mixed_mirrors() -> list[Freshness]:
    special: dict[tuple[str, str], dict[str, object]] = {
        ("austin", "tasks"): {"status": "partial", "error": _OWED, "error_code": PENDING},
        ("austin", "reservations"): {"status": "running"},
        ("smoky", "people"): {"status": "partial", "error": _REJECTED, "error_code": REJECTED},
        ("mammoth", "tasks"): {"status": "failed", "error": _FAILED, "error_code": FAILING},
    }
    places = [(code, entity) for code in REGIONS if code != "sea_ranch" for entity in PROMISES]
    return [mirror(*place, _share(*place), **special.get(place, {})) for place in places]  # type: ignore[arg-type]


def _unread_mirrors() -> list[Freshness]:
    """A region that failed, most of it before it was ever read; one entity is switched off there."""
    failed = ("properties", "reservations", "tasks")
    return [
        mirror("sea_ranch", entity, 1.4, status="failed", error=REJECTED_CREDENTIALS, error_code=BAD_PAIR)
        if entity in failed
        else unread("sea_ranch", entity)
        for entity in PROMISES
        if entity != "templates"
    ]


def worst() -> StatusReport:
    """Forty regions with long names, every mirror late, errors of a page's length, planted markup."""
    script = "<script>document.title='owned'</script>"
    long_error = (
        "tasks: the API was not reached in /public/inventory/v1/task/{id}/comments: got "
        + "ConnectionResetByPeerWhileReadingTheAnswer" * 6
        + f" {script} " + "and so it went on for a long while; " * 30
    )  # fmt: skip
    names = {f"region_{n}": f"The Long Named Region of the Outer Banks and Beyond, No {n}" for n in range(38)}
    names |= {"planted": script, "x" * 63: "N" * 80}
    found = [
        mirror(code, entity, 30.0, name=name, status="failed", error=f"{long_error} {place % 5}")
        for place, (code, name) in enumerate(names.items())
        for entity in PROMISES
    ]
    return report(
        found,
        [
            run(code, "tasks", 3, status="failed", error=long_error, new=12_345_678, unchanged=98_765_432)
            for code in names
        ],
        leases=tuple(LeaseState(key, 9, f"host-{'y' * 60}, process 1", 20.0, 700.0, 60.0) for key in ACCOUNTS),
        tokens=tuple(token(code, -400, long_error) for code in names),
        regions=tuple(
            RegionState(code, {"task_comments": 1_234_567, "task_requirements": 7}, 54_321) for code in names
        ),
        database_error=f"PostgreSQL cannot be reached (open): got ConnectionRefusedError {script}",
        read_at=NOW - timedelta(hours=7),
    )


def lost() -> Facts:
    """A daemon without its database, with everything else wrong as well."""
    return facts(
        database_reachable=False,
        database_error="PostgreSQL cannot be reached (open): got ConnectionRefusedError <script>alert(1)</script>",
        is_draining=True,
        config_error='unknown key "regoins" in /etc/breezeway-sync/config.toml',
        config_source="/etc/" + "very-long-directory-name/" * 12 + "config.toml",
        refused=("planted",),
        late=tuple(f"region_{n} tasks" for n in range(38)),
        runner_age_seconds=4000.0,
        owner="host-" + "y" * 90 + ", process 1",
    )


@dataclass
class Stub:
    """A daemon that can be told what to say; `says` None hangs, an exception is raised."""

    says: StatusReport | Exception | None = field(default_factory=fresh)
    knows: Facts = field(default_factory=facts)
    metrics: Metrics = field(default_factory=Metrics)
    asked: int = 0

    def facts(self) -> Facts:
        return self.knows

    async def status(self) -> StatusReport:
        self.asked += 1
        if self.says is None:
            await asyncio.Event().wait()
        if isinstance(self.says, Exception):
            raise self.says
        assert self.says is not None
        return self.says

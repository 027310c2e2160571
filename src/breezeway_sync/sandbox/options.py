"""The switches of the simulated service. All of them may change while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Hint = Literal["body", "header", "both", "none"]


@dataclass(slots=True)
class Options:
    """Defaults are what the API page says; where it says "unknown", the stricter reading.

    None switches a limit off.
    """

    data_calls: int | None = 200
    data_window_seconds: float = 60.0
    auth_interval_seconds: float | None = 60.0
    auth_hint: Hint = "body"
    max_concurrency: int | None = 36
    access_token_seconds: float = 86_400.0
    refresh_token_seconds: float = 30 * 86_400.0
    refresh_once: bool = False
    """A refresh token ends with its first use (unknown, section 8)."""
    max_limit: int | None = None
    """Clamp of `limit` (the real maximum is undocumented)."""
    echo_clamped_limit: bool = True
    omit_totals: bool = False
    """Reservations and supplies without totals, as in the vendor's examples."""
    omit_all_totals: bool = False
    """No list has totals."""
    total_pages: int | None = None
    """A wrong constant in every envelope."""
    ignore_page_on: set[str] = field(default_factory=set)
    """Templates (`/property`) of lists that answer page 1 whatever page is asked for."""
    ignore_company: bool = False
    """Lists show every company that the pair sees, whichever is asked for (section 1, "Company scope")."""
    everyone_without_status: bool = False
    """/people without `status` lists everyone instead of active people."""
    filter_time_part: bool = False
    """Reservation filters honour a time of day (unknown, section 8)."""
    dates_lift_default: bool = True
    """Any date filter on /reservation lifts `checkout_date >= today`, not only one on stay dates."""
    both_keys_refused_every: int = 7
    """Of so many properties one answers 422 when home_id and reference_property_id both come."""
    reference_misses_every: int = 23
    """Of so many properties one is not found by reference_property_id."""
    latency_seconds: float = 0.0
    drift_per_hour: float = 0.0
    """Edits per account that happen by themselves."""
    drop_error: Callable[[], BaseException] = ConnectionResetError
    """Raised for a dropped connection where there is no connection (in-process transports)."""

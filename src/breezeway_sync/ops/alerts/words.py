"""The texts of messages. Pure; built from regions, entities, times, counts and errors, so they contain no secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from breezeway_sync.core.events import FieldChanged
from breezeway_sync.ops.alerts.model import AlertState, Decision, MessageKind, entity_of
from breezeway_sync.ops.alerts.ports import TroubledEntity

LONGEST_ERROR = 1_000
MOST_NAMES = 6
MOST_TROUBLES = 100
MOST_CHANGES = 50

STATUS = "`breezeway-sync status` shows every region and entity, `etl_sync_log` every run with its error."
NOT_RECORDED = "none recorded"


def at(moment: datetime | None) -> str:
    """A time as people read it."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment else NOT_RECORDED


def lasting(seconds: float) -> str:
    """A duration in the unit that fits: "90 s", "12 min", "3.5 h"."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"


def plain(text: str | None) -> str:
    """An error within one line, of bounded length."""
    line = "".join(c if c.isprintable() else " " for c in text or "no reason was given").strip()
    return line if len(line) <= LONGEST_ERROR else line[: LONGEST_ERROR - 1] + "…"


def named(names: Sequence[str]) -> str:
    """Names in a title: "tasks, people and 3 more"."""
    shown = ", ".join(names[:MOST_NAMES])
    return f"{shown} and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else shown


def paragraphs(*parts: str | None, suppressed: int) -> str:
    """A body: its parts, and what the hourly limit held back before."""
    if suppressed:
        more = (
            f"{suppressed} more {'message was' if suppressed == 1 else 'messages were'} suppressed by the hourly limit."
        )
        parts = (*parts, more)
    return "\n\n".join(part for part in parts if part) + "\n"


def unattended(region: str) -> str:
    """Why nobody reads a region."""
    return (
        f"no process reads {region} any more: start one whose configuration contains it, or retire it with "
        f"`breezeway-sync regions retire {region}`"
    )


# --- entities and credentials ---------------------------------------------------------------------


def entities_title(region: str, kind: MessageKind, decisions: Sequence[Decision]) -> str:
    return f"{region} {named([entity_of(one.subject) for one in decisions])} {kind.value}"


def entities_body(
    region: str, kind: MessageKind, decisions: Sequence[Decision], successes: Mapping[str, datetime], suppressed: int
) -> str:
    """What failed, since when, how often, why, and what to do; or that it works again."""
    if kind is MessageKind.RECOVERED:
        lines = [f"{entity_of(one.subject)}: {_history(one.before)}" for one in decisions]
        return paragraphs(f"Region {region} works again:", *lines, suppressed=suppressed)
    told = [_failure(entity_of(one.subject), one.told, successes) for one in decisions]
    return paragraphs(
        f"Region {region}, {kind.value}:",
        *told,
        "What to do: nothing, if the error is temporary: the next run tries again. Otherwise do "
        "what the error says. Stored data stays as it is.",
        f"Where to look: {STATUS}",
        suppressed=suppressed,
    )


def _failure(entity: str, state: AlertState, successes: Mapping[str, datetime]) -> str:
    return "\n".join(
        [
            entity,
            f"  error: {plain(state.error)}",
            f"  since: {at(state.failing_since)}, {_times(state.failures)}",
            f"  last success: {at(successes.get(entity))}",
        ]
    )


def _history(state: AlertState) -> str:
    return f"it had failed since {at(state.failing_since)}, {_times(state.failures)}. Last error: {plain(state.error)}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def title_of(region: str, decisions: Sequence[Decision], what: str) -> str:
    """A title that says of these entities of a region: `what`."""
    return f"{region} {named([entity_of(one.subject) for one in decisions])}: {what}"


def review_title(region: str, kind: MessageKind, decisions: Sequence[Decision]) -> str:
    what = "no deletion needs review any more" if kind is MessageKind.RECOVERED else "deletions need review"
    return title_of(region, decisions, what)


def review_body(region: str, kind: MessageKind, decisions: Sequence[Decision], suppressed: int) -> str:
    """The body: how many records are missing, and what a person can do."""
    if kind is MessageKind.RECOVERED:
        lines = [f"{entity_of(one.subject)}: decided, or listed again" for one in decisions]
        return paragraphs(f"Region {region}, no deletion needs review any more:", *lines, suppressed=suppressed)
    lines = [
        f"{entity_of(one.subject)}: {one.told.failures} records, since {at(one.told.failing_since)}"
        for one in decisions
    ]
    return paragraphs(
        f"Region {region}, the mass-deletion guard stopped these deletions:",
        *lines,
        "Nothing is deleted until a person decides; the records stay as they are.",
        f"What to do: check with `breezeway-sync deletes list {region}`. If Breezeway deleted them too, "
        f"`breezeway-sync deletes approve {region} ENTITY`; if not, `deletes reject`, or wait until the lists show "
        "them again.",
        suppressed=suppressed,
    )


def differs_title(region: str, kind: MessageKind, decisions: Sequence[Decision]) -> str:
    what = "the mirror matches the API again" if kind is MessageKind.RECOVERED else "the mirror differs from the API"
    return title_of(region, decisions, what)


def differs_body(region: str, kind: MessageKind, decisions: Sequence[Decision], suppressed: int) -> str:
    """The body: how much differs, and what to do; never the content."""
    if kind is MessageKind.RECOVERED:
        lines = [f"{entity_of(one.subject)}: {plain(one.before.error)}, now resolved" for one in decisions]
        return paragraphs(f"Region {region}, compared with the API, no difference:", *lines, suppressed=suppressed)
    lines = [
        f"{entity_of(one.subject)}: {plain(one.told.error)}, since {at(one.told.failing_since)}" for one in decisions
    ]
    return paragraphs(
        f"Region {region} was compared with the API, and the mirror differs:",
        *lines,
        "A normal run does not repair this: it writes only what the API changed. A person or program wrote into the "
        "mirror, or breezeway-sync has a bug.",
        f"What to do: `breezeway-sync verify {region} ENTITY --all --repair` shows what differs, reads it again and "
        "compares it once more. Until then do not use these tables for payments or bills.",
        "Where to look: `v_latest_verifications` has every difference with its place.",
        suppressed=suppressed,
    )


def credentials_title(region: str, kind: MessageKind) -> str:
    words = {
        MessageKind.FAILED: "credentials rejected",
        MessageKind.REMINDER: "credentials still rejected",
        MessageKind.RECOVERED: "credentials accepted again",
    }
    return f"{region} {words[kind]}"


def credentials_body(region: str, kind: MessageKind, decision: Decision, suppressed: int) -> str:
    """The body: one message for everything that fails for this reason."""
    if kind is MessageKind.RECOVERED:
        text = f"Region {region} is read again: {_history(decision.before)}"
        return paragraphs(text, suppressed=suppressed)
    state = decision.told
    return paragraphs(
        f"Region {region} cannot be read: its credentials are missing or rejected.",
        f"  error: {plain(state.error)}\n  since: {at(state.failing_since)}, {_times(state.failures)}",
        "What to do: compare client_id and client_secret of the region with what Breezeway issued, and ask Breezeway "
        "whether the pair is active. The configuration or the region's row of `api_tokens` holds them; "
        "`breezeway-sync config show` says where they came from, without showing them.",
        f"Where to look: {STATUS}",
        suppressed=suppressed,
    )


# --- fields -----------------------------------------------------------------------------------------


def fields_title(region: str, changes: Sequence[FieldChanged]) -> str:
    entities = list(dict.fromkeys(one.entity for one in changes))
    return f"{region} {named(entities)}: fields changed"


def fields_body(region: str, changes: Sequence[FieldChanged], suppressed: int) -> str:
    """Which fields, and how; never what is in them."""
    lines = [
        f"  {one.entity} {one.path}: {one.what.replace('_', ' ')} ({one.detail})" for one in changes[:MOST_CHANGES]
    ]
    more = len(changes) - MOST_CHANGES
    return paragraphs(
        f"The fields of region {region}'s API records changed:",
        "\n".join(lines),
        f"… and {more} more." if more > 0 else None,
        "What to do: check whether reports use these fields. New fields are stored in `extra`. A changed type loses "
        "nothing. Fields that are now missing or empty are missing in the mirror too.",
        "Where to look: `breezeway-sync gaps` shows every change and every unmapped field.",
        suppressed=suppressed,
    )


# --- what concerns no single region ---------------------------------------------------------------


def long_run_title(regions: Sequence[str], limit_seconds: float) -> str:
    return f"{named(regions)} run longer than {lasting(limit_seconds)}"


def long_run_body(
    regions: Sequence[str],
    started_at: datetime,
    seconds: float,
    *,
    is_over: bool,
    limit_seconds: float,
    suppressed: int,
) -> str:
    """A run that takes too long is slow, waits for the API's limits, or hangs."""
    so_far = f"took {lasting(seconds)}" if is_over else f"has run for {lasting(seconds)}"
    return paragraphs(
        f"A run of {', '.join(regions)}, begun {at(started_at)}, {so_far}; alerts.warn_after_minutes allows "
        f"{lasting(limit_seconds)}.",
        "What to do: nothing, if it is a first copy or many child reads are pending: that takes hours. "
        "Otherwise check in the "
        "log whether the API's limits pause the account, or whether calls are retried again and again.",
        f"Where to look: {STATUS}",
        suppressed=suppressed,
    )


DATABASE_LOST = "database lost"
DATABASE_BACK = "database back"
DATABASE_REPLACED = "database replaced by an older copy"


def database_lost_body(since: datetime, reason: str, suppressed: int) -> str:
    """Nothing is stored and nothing else is told until it is back."""
    return paragraphs(
        f"PostgreSQL does not answer, or accepts no writes, since {at(since)}.",
        f"  error: {plain(reason)}",
        "Nothing is copied until it is back. Then the service continues by itself.",
        "What to do: check that the server runs and accepts writes, and that database.dsn is still correct.",
        suppressed=suppressed,
    )


def database_replaced_body(reason: str, suppressed: int) -> str:
    """Nothing has to be done for the mirror; others may have lost something as well."""
    return paragraphs(
        "An older copy has taken the database's place: a failover to a server that was behind, or a restored backup.",
        f"  {plain(reason)}",
        "Running scans were abandoned. The next runs read what is missing; until then `as_of` says how "
        "old each mirror is.",
        "What to do: nothing for the mirror. What people wrote into this database since the copy was made, decisions "
        "on deletions for example, is gone as well.",
        suppressed=suppressed,
    )


def database_back_body(since: datetime, away_seconds: float, suppressed: int) -> str:
    """The end of the above."""
    return paragraphs(
        f"PostgreSQL answers again. It was away for {lasting(away_seconds)}, since {at(since)}.",
        "The service continues by itself.",
        suppressed=suppressed,
    )


def summary_title(troubles: Sequence[TroubledEntity]) -> str:
    failed = sum(1 for one in troubles if one.failed)
    return f"daily summary: {failed} failed" + (f", {len(troubles) - failed} partial" if failed < len(troubles) else "")


def summary_body(troubles: Sequence[TroubledEntity], since: datetime, suppressed: int) -> str:
    """Every region and entity that did not always succeed."""
    lines = [
        f"{one.region} {one.entity}: {one.failed} failed and {one.partial} partial of {one.runs} runs, "
        f"last success {at(one.last_success)}\n  {plain(one.error)}"
        for one in troubles[:MOST_TROUBLES]
    ]
    more = len(troubles) - MOST_TROUBLES
    return paragraphs(
        f"Since {at(since)} these regions and entities did not always succeed:",
        *lines,
        f"… and {more} more." if more > 0 else None,
        f"Where to look: {STATUS}",
        suppressed=suppressed,
    )


TEST_TITLE = "test"
TEST_BODY = "This is a test of breezeway-sync's alerts. If you can read it, alerts work. Nothing is wrong.\n"

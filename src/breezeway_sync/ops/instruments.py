"""Every metric by name, with its help text and labels."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

NAMESPACE = "breezeway_sync"
CALL_BUCKETS_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
RUN_BUCKETS_SECONDS = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0, 3600.0)
BATCH_BUCKETS_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
LAG_BUCKETS_SECONDS = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
# Present from the start, as a counter's first step is invisible to rate() where the series was not there before.
EXPECTED_PAUSES = ("rate_limited", "edge_blocked")

_PLACE = ("region", "entity")


class Instruments:
    """The metrics themselves, registered once."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._make_work()
        self._make_calls()
        self._make_service()
        self._make_report()

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"{NAMESPACE}_{name}", text, labels, registry=self._registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"{NAMESPACE}_{name}", text, labels, registry=self._registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"{NAMESPACE}_{name}", text, labels, buckets=buckets, registry=self._registry)

    def _make_work(self) -> None:
        self.rows = self._counter("rows_total", "Records by their result in a run.", *_PLACE, "outcome")
        self.runs = self._counter("runs_total", "Runs of one region and entity by how they ended.", *_PLACE, "status")
        self.run_calls = self._counter("run_calls_total", "API calls made for a region and entity.", *_PLACE)
        self.run_duration = self._histogram(
            "run_duration_seconds", "Duration of runs of a region and entity.", RUN_BUCKETS_SECONDS, *_PLACE
        )
        self.records_left = self._counter(
            "records_left_total", "Records that disappeared from the lists at once and are being checked.", *_PLACE
        )
        self.losses = self._counter(
            "lost_rows_total", "How often manually deleted rows were found, by table.", *_PLACE, "table"
        )
        self.field_changes = self._counter(
            "field_changes_total",
            "API fields that appeared, vanished, changed type or became empty.",
            *_PLACE,
            "what",
        )
        # A counter's first step is invisible to increase(); the alert goes by the time.
        self.field_change_time = self._gauge(
            "field_change_timestamp_seconds", "When such a change was last found.", *_PLACE, "what"
        )
        self.cycles = self._counter("cycles_total", "Cycles of one account by the worst of their runs.", "status")
        self.cycle_duration = self._histogram(
            "cycle_duration_seconds", "Duration of cycles of one account.", RUN_BUCKETS_SECONDS
        )
        self.cycles_skipped = self._counter(
            "cycles_skipped_total", "Due cycles that did not run, by reason.", "interval", "reason"
        )
        self.batch_duration = self._histogram(
            "batch_duration_seconds", "How long it took to write one batch.", BATCH_BUCKETS_SECONDS
        )
        self.crashes = self._counter("crashes_total", "Unexpected errors.")

    def _make_calls(self) -> None:
        self.calls = self._counter(
            "calls_total", "HTTP exchanges with the API, retries included.", "endpoint", "status"
        )
        self.call_errors = self._counter("call_errors_total", "Exchanges that failed, by error code.", "error")
        self.call_duration = self._histogram(
            "call_duration_seconds",
            "Time from sending a request to its complete answer.",
            CALL_BUCKETS_SECONDS,
            "endpoint",
        )
        self.received_bytes = self._counter("received_bytes_total", "Bodies of answers, decompressed.")
        self.rate_limit_wait = self._counter(
            "rate_limit_wait_seconds_total", "Time that calls waited for the call budget."
        )
        self.retries = self._counter("retries_total", "Retried calls by the reason of the previous failure.", "reason")
        self.pauses = self._counter("account_pauses_total", "Stops of a whole account by reason.", "reason")
        self.pause_seconds = self._counter("account_pause_seconds_total", "How long accounts were stopped.", "reason")
        for reason in EXPECTED_PAUSES:
            self.pauses.labels(reason)
            self.pause_seconds.labels(reason)
        self.concurrency = self._gauge("concurrency", "Current limit of open calls, all accounts together.")
        self.account_concurrency = self._gauge(
            "account_concurrency", "Current limit of open calls of one account.", "account"
        )
        self.tokens_obtained = self._counter("tokens_obtained_total", "Access tokens by source.", "how")
        self.token_failures = self._counter("token_failures_total", "Failed attempts to get an access token.")

    def _make_service(self) -> None:
        self.build_info = self._gauge("build_info", "Always 1; the version that runs.", "version")
        self.loop_lag = self._histogram(
            "loop_lag_seconds", "Delay of the event loop: how late it woke a sleeping task.", LAG_BUCKETS_SECONDS
        )
        self.database_up = self._gauge("database_up", "1 while the database answers.")
        self.database_losses = self._counter("database_losses_total", "How often the database was lost.")
        self.database_replacements = self._counter(
            "database_replacements_total", "Accounts whose stored data was lost: an older copy replaced the database."
        )
        self.leases_claimed = self._counter("leases_claimed_total", "Accounts claimed by this process.")
        self.leases_taken_over = self._counter("leases_taken_over_total", "Of these, claimed from a dead owner.")
        self.reloads = self._counter("configuration_reloads_total", "Reloads of the configuration.", "result")
        self.configuration_ok = self._gauge(
            "configuration_last_reload_successful", "1 when the active configuration matches the file."
        )
        self.configuration_time = self._gauge(
            "configuration_last_reload_success_timestamp_seconds", "When the active configuration was read."
        )
        self.alerts_sent = self._counter("alerts_sent_total", "Alerts delivered.", "channel")
        self.alerts_failed = self._counter("alerts_failed_total", "Alerts that could not be delivered.", "channel")
        self.budget = self._gauge("budget_calls_per_minute", "Calls a minute that one account may make.")
        self.accounts = self._gauge("accounts", "Accounts that the service reads.")

    def _make_report(self) -> None:
        self.last_success = self._gauge(
            "last_success_timestamp_seconds", "When a region and entity was last read successfully.", *_PLACE
        )
        self.freshness_target = self._gauge(
            "freshness_target_seconds", "Freshness target: maximum age of the last success.", *_PLACE
        )
        self.late = self._gauge(
            "late", "1 when the last success is older than the freshness target, or there is none.", *_PLACE
        )
        self.last_run_failed = self._gauge("last_run_failed", "1 when the latest run that ended failed.", *_PLACE)
        self.pending_reads = self._gauge(
            "pending_child_reads", "Pending child reads: calls for comments and requirements.", "region", "source"
        )
        self.rejected_open = self._gauge("rejected_records_open", "Open rejected records.", "region")
        self.problems_open = self._gauge(
            "problems_open", "Open problems: lists and records that could not be read.", "region"
        )
        self.accepted_problems = self._gauge(
            "accepted_problems", "Problems and rejected records that a person accepted.", *_PLACE
        )
        self.records_in_review = self._gauge(
            "records_in_review", "Records that need review: the mass-deletion guard stopped their deletion.", *_PLACE
        )
        self.token_expiry = self._gauge("token_expiry_timestamp_seconds", "When the access token expires.", "region")
        self.token_refused = self._gauge("token_refused", "1 when the latest attempt to get a token failed.", "region")
        self.lease_held = self._gauge(
            "lease_held", "1 while a process holds the account's lease (labelled by a hash).", "account"
        )
        self.last_verification = self._gauge(
            "last_verification_timestamp_seconds", "When a region and entity was last compared with the API.", *_PLACE
        )
        self.verify_differences = self._gauge(
            "verify_differences",
            "Differences that the last comparison found, by class.",
            *_PLACE,
            "class",
        )
        self.report_time = self._gauge(
            "report_timestamp_seconds", "When the metrics above were last read from the database."
        )
        self._report = (
            self.last_success, self.freshness_target, self.late, self.last_run_failed, self.pending_reads,
            self.rejected_open, self.problems_open, self.accepted_problems, self.records_in_review,
            self.last_verification, self.verify_differences, self.token_expiry, self.token_refused, self.lease_held,
        )  # fmt: skip

    def forget_report(self) -> None:
        """Drop everything that a report said, so that what is gone from the next one is gone here."""
        for gauge in self._report:
            gauge.clear()

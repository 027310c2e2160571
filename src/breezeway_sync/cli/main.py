"""The command line: arguments to calls, results to stdout, everything else to stderr, exit codes."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from breezeway_sync import __version__
from breezeway_sync.cli import exits, loop
from breezeway_sync.cli.alerts import alerts_app
from breezeway_sync.cli.backfill import backfill
from breezeway_sync.cli.common import ConfigOption, JsonOption, WaitOption, err, log_to_stderr, out, say, tell
from breezeway_sync.cli.deletes import deletes_app
from breezeway_sync.cli.doctor import doctor
from breezeway_sync.cli.gaps import gaps_app
from breezeway_sync.cli.plan import plan
from breezeway_sync.cli.problems import problems_app
from breezeway_sync.cli.progress import bars
from breezeway_sync.cli.regions import regions_app
from breezeway_sync.cli.rejects import rejects_app
from breezeway_sync.cli.status import status
from breezeway_sync.cli.tables import print_report, report_json
from breezeway_sync.cli.token import token_app
from breezeway_sync.cli.verify import verify
from breezeway_sync.core.error_codes import ExitCode
from breezeway_sync.core.errors import BreezewaySyncError

app = typer.Typer(
    help="Keep an exact, typed, linked copy of many Breezeway accounts in your own PostgreSQL.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
config_app = typer.Typer(help="Check or show the configuration.", no_args_is_help=True)
app.add_typer(config_app, name="config")

app.command("status")(status)
app.command("doctor")(doctor)
app.add_typer(deletes_app, name="deletes")
app.command("verify")(verify)
app.command("plan")(plan)
app.command("backfill")(backfill)
app.add_typer(token_app, name="token")
app.add_typer(alerts_app, name="alerts")
app.add_typer(rejects_app, name="rejects")
app.add_typer(problems_app, name="problems")
app.add_typer(regions_app, name="regions")
app.add_typer(gaps_app, name="gaps")


@app.command()
def run(
    region: Annotated[str, typer.Argument(help="A region of the configuration, or all.")] = "all",
    entity: Annotated[str, typer.Argument(help="properties, tasks, … or all.")] = "all",
    config: ConfigOption = None,
    full: Annotated[
        bool, typer.Option("--full", help="Read everything again now, including all comments and requirements.")
    ] = False,
    rewrite: Annotated[
        bool,
        typer.Option("--rewrite", help="As --full, and also overwrite changes that others made in the mirror."),
    ] = False,
    as_json: JsonOption = False,
    wait: WaitOption = 60.0,
) -> None:
    """Mirror regions and entities once."""
    from breezeway_sync.service import runner
    from breezeway_sync.service.selection import choose_entities, choose_regions
    from breezeway_sync.service.settings import load_settings

    settings = load_settings(config)
    chosen = choose_regions(settings, region), choose_entities(settings, entity)
    request = runner.RunRequest(*chosen, full, wait, rewrite=rewrite, tidies=True)
    with bars(err(), log_to_stderr(settings.log.level)) as emit:
        report = loop.run(runner.run(settings, request, emit=emit))
    if as_json:
        say(report_json(report), is_json=True)
    else:
        print_report(out(), report)
    raise typer.Exit(exits.of_run(report.outcomes, list(report.locked)))


@app.command()
def serve(config: ConfigOption = None) -> None:
    """Keep the mirror fresh on schedule until a signal stops it."""
    from breezeway_sync.cli.serve import serve as run_daemon
    from breezeway_sync.service.settings import load_settings

    run_daemon(load_settings(config), lambda: load_settings(config))


@app.command()
def migrate(
    config: ConfigOption = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only list pending migrations. Exit 1 when there are any.")
    ] = False,
) -> None:
    """Migrate the database schema to this version."""
    from breezeway_sync.service import runner
    from breezeway_sync.service.settings import load_settings
    from breezeway_sync.store import migrate as migrations
    from breezeway_sync.store.files import Migration

    settings = load_settings(config)

    async def work() -> tuple[Migration, ...]:
        async with runner.open_database(settings) as database:
            if check:
                return await migrations.check(database)
            done = await migrations.apply(database)
            await runner.save_regions(settings, database)
            return done

    found = loop.run(work())
    for migration in found:
        say(f"{'to run' if check else 'ran'}: {migration.version:04d}_{migration.name}")
    if not found:
        say(f'schema "{settings.database.schema}" is up to date')
    raise typer.Exit(ExitCode.INCOMPLETE if check and found else ExitCode.OK)


@config_app.command("check")
def config_check(config: ConfigOption = None) -> None:
    """Load the configuration and report whether it is valid."""
    from breezeway_sync.service.settings import load_settings
    from breezeway_sync.service.settings.problems import as_one
    from breezeway_sync.service.settings.twins import of_twins, pairs_of

    settings = load_settings(config)
    if problems := of_twins(settings, pairs_of(settings)):
        raise as_one(problems)
    count = len(settings.regions)
    say(f"{settings.source or 'environment'}: {count} region{'s' if count != 1 else ''}, no problem found")


@config_app.command("show")
def config_show(config: ConfigOption = None) -> None:
    """Print the effective configuration with the source of each value. Secrets are masked."""
    from breezeway_sync.service.settings import describe, load_settings

    say(describe(load_settings(config)))


@app.command()
def version() -> None:
    """Print the version."""
    say(__version__)


@app.command()
def demo(
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the database and the sandbox running until Ctrl-C.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of the generated data.")] = 1,
) -> None:
    """Start a PostgreSQL and a simulated Breezeway, mirror three regions twice, and show the result."""
    from breezeway_sync.cli.demo import show

    show(out(), err(), log_to_stderr("warning"), keep=keep, seed=seed)


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.")] = 8080,
    regions: Annotated[int, typer.Option(min=1, max=8, help="How many accounts.")] = 3,
    properties: Annotated[int, typer.Option(min=1, help="Properties of each account.")] = 30,
    tasks: Annotated[int, typer.Option(min=0, help="Tasks of each property.")] = 20,
    reservations: Annotated[int, typer.Option(min=0, help="Reservations of each property.")] = 10,
    seed: Annotated[int, typer.Option(help="Seed of the generated data.")] = 1,
    latency_ms: Annotated[float, typer.Option(min=0, help="Delay of each answer, in seconds.")] = 0.0,
    limits: Annotated[bool, typer.Option(help="Enforce 200 calls and one token call a minute.")] = True,
) -> None:
    """Serve the simulated API, with a control address below /_sandbox/, until Ctrl-C."""
    from breezeway_sync.cli.sandbox import serve

    serve(
        out(),
        port=port,
        regions=regions,
        properties=properties,
        tasks=tasks,
        reservations=reservations,
        seed=seed,
        latency_ms=latency_ms,
        limits=limits,
    )


def main(command: Callable[..., object] = app) -> None:
    """The entry point. Each expected error becomes one message on stderr and an exit code."""
    try:
        command()
    except BreezewaySyncError as error:
        err().print(f"breezeway-sync: {error.message}", markup=False, soft_wrap=True)
        sys.exit(exits.of_error(error))
    except loop.Stopped as stopped:
        err().print("breezeway-sync: stopped", markup=False)
        sys.exit(stopped.code)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        tell(f"the result cannot be written: got {error.strerror}. Make room where the output goes")
        sys.exit(ExitCode.INCOMPLETE)


if __name__ == "__main__":
    main()

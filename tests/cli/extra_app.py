"""The commands of modules of their own, as a program: what `start.program` runs."""

from __future__ import annotations

import typer

from breezeway_sync.cli.doctor import doctor
from breezeway_sync.cli.main import main
from breezeway_sync.cli.status import status
from breezeway_sync.cli.token import token_app

app = typer.Typer(pretty_exceptions_enable=False)
app.command("doctor")(doctor)
app.command("status")(status)
app.add_typer(token_app, name="token")

if __name__ == "__main__":
    main(app)

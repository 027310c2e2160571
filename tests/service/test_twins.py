"""Two regions of one configuration that would be copies of the same: `config check` and `doctor` name both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from breezeway_sync.cli.main import config_check
from breezeway_sync.core.errors import ConfigurationError
from breezeway_sync.core.events import ignore
from breezeway_sync.core.outcome import SUCCESS
from breezeway_sync.sandbox.spec import AccountSpec
from breezeway_sync.service.doctor import FAIL, diagnose
from breezeway_sync.service.settings import load_settings
from tests.cli.support import write_config
from tests.conftest import Rows
from tests.helpers import Setup, sandboxed, tiny

NASHVILLE, AUSTIN = tiny(2)
ID = (AUSTIN.client_id, NASHVILLE.client_id)
SECRET = (AUSTIN.client_secret, NASHVILLE.client_secret)
BOTH = "regions.nashville and regions.austin cannot both be read"
COMPANY = "both company_id 8558: everything would be mirrored twice"
UNSAID = "the same client_id, and not both a company_id of their own: everything would be mirrored twice"
SECRETS = "the same client_id with different secrets: one of them is wrong"

Edit = tuple[str, str]


def company(line: str) -> Edit:
    return f"company_id = {AUSTIN.company_id}", line


@dataclass
class Place:
    """A sandbox, and a configuration file that is read anew each time."""

    setup: Setup
    config: Path

    def edit(self, *edits: Edit) -> None:
        """Austin's part of the file, the last one, in other words."""
        head, checkpoint, tail = self.config.read_text(encoding="utf-8").partition("[regions.austin]")
        for old, new in edits:
            assert old in tail
            tail = tail.replace(old, new)
        self.config.write_text(head + checkpoint + tail, encoding="utf-8")

    def checked(self) -> str:
        """What `config check` raises, or nothing."""
        try:
            config_check(self.config)
        except ConfigurationError as error:
            return error.message
        return ""

    async def examined(self) -> list[str]:
        """What doctor finds about regions that cannot both be read."""
        settings = load_settings(self.config, environ={})
        diagnosis = await diagnose(settings, emit=ignore, tell=lambda _text: None)
        found = [one for one in diagnosis.findings if "cannot both be read" in one.found]
        assert {(one.area, one.subject, one.level) for one in found} <= {("account", "all", FAIL)}
        assert all("company_id" in (one.remedy or "") for one in found)
        return [one.found for one in found]


@asynccontextmanager
async def placed(folder: Path, dsn: str, specs: list[AccountSpec]) -> AsyncIterator[Place]:
    async with sandboxed(dsn, specs) as setup:
        yield Place(setup, write_config(folder, setup.url, dsn, specs))


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ([ID, SECRET, company("company_id = 8558")], f"got the same client_id, and {COMPANY}"),
        ([ID, SECRET, company("company_id = [8558, 8561]")], f"got the same client_id, and {COMPANY}"),
        ([ID, SECRET, company('company_id = "all"')], f"got {UNSAID}"),
        ([ID, SECRET, company("")], f"got {UNSAID}"),
        ([ID], f"got {SECRETS}"),
        ([ID, company("company_id = 8558")], f"got {SECRETS}"),
        ([company("company_id = 8558")], f"got {COMPANY}"),
        ([company("company_id = [8558, 8561]")], f"got {COMPANY}"),
    ],
    ids=[
        *("pair and company", "pair and one of the companies", "pair, every company", "pair, company unsaid"),
        *("client_id", "client_id and company", "company", "one of the companies"),
    ],
)
async def test_regions_that_share(tmp_path: Path, dsn: str, edits: list[Edit], words: str) -> None:
    async with placed(tmp_path, dsn, tiny(2)) as place:
        place.edit(*edits)
        said, (found,) = place.checked(), await place.examined()
    for text in (said, found):
        assert BOTH in text
        assert words in text
        assert NASHVILLE.client_secret not in text
        assert AUSTIN.client_secret not in text
    assert said.count("cannot both be read") == 1


@pytest.mark.parametrize(
    "edits",
    [[], [ID, SECRET], [company('company_id = "all"')], [company("")]],
    ids=["nothing", "pair, each its company", "every company of another pair", "another pair, company unsaid"],
)
async def test_regions_that_can_both_be_read(tmp_path: Path, dsn: str, edits: list[Edit]) -> None:
    async with placed(tmp_path, dsn, tiny(2)) as place:
        place.edit(*edits)
        assert place.checked() == ""
        assert await place.examined() == []


async def test_a_pair_in_the_table_is_one_that_only_doctor_knows(tmp_path: Path, dsn: str, rows: Rows) -> None:
    async with placed(tmp_path, dsn, tiny(2)) as place:
        await place.examined()  # writes the rows of the regions and of their tokens
        place.edit((f'client_id = "{AUSTIN.client_id}"', ""), (f'client_secret = "{AUSTIN.client_secret}"', ""))
        rows(
            "UPDATE api_tokens SET client_id = %s, client_secret = %s WHERE region_code = 'austin' RETURNING 1 AS n",
            NASHVILLE.client_id,
            "another-secret",
        )
        assert place.checked() == ""
        (found,) = await place.examined()
        assert SECRETS in found
        assert "another-secret" not in found
        place.edit(company("company_id = 8558"))
        assert COMPANY in place.checked(), "whatever the pair is"
        (found,) = await place.examined()
        assert SECRETS in found


async def test_of_three_regions_each_is_named(tmp_path: Path, dsn: str) -> None:
    specs = tiny(3)
    async with placed(tmp_path, dsn, specs) as place:
        text = place.config.read_text(encoding="utf-8")
        for one in specs[1:]:
            text = text.replace(f"company_id = {one.company_id}", f"company_id = {specs[0].company_id}")
        place.config.write_text(text, encoding="utf-8")
        found = await place.examined()
        for code in (one.code for one in specs):
            assert f"regions.{code}" in place.checked()
            assert [one for one in found if f"regions.{code}" in one]


async def test_what_is_named_is_what_a_run_refuses(tmp_path: Path, dsn: str, rows: Rows) -> None:
    """With another client_id the region that comes second is not read: nothing is mirrored twice."""
    async with placed(tmp_path, dsn, tiny(2)) as place:
        place.edit(company("company_id = 8558"))
        place.setup.settings = load_settings(place.config, environ={})
        await place.setup.run("nashville")  # it comes first: the company is its own
        report = await place.setup.run()
    statuses = {code: {one.status for one in report.outcomes if one.region == code} for code in ("nashville", "austin")}
    assert sorted(SUCCESS in found for found in statuses.values()) == [False, True]
    assert len(rows("SELECT DISTINCT region_code FROM properties")) == 1

"""The status page as people see it: in a real browser, on a phone and a desk, dark and light."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright

from breezeway_sync.ops.http import create_app, serving
from tests.ops.support import Stub, facts, fresh, lost, mixed, worst

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--disable-quic",
)  # fmt: skip
LEAST_CONTRAST = 4.5
CONDITIONS = {
    "fresh": lambda: Stub(fresh(), facts()),
    "mixed": lambda: Stub(mixed(), facts(refused=("sea_ranch",), config_error='unknown key "regoins"')),
    "worst": lambda: Stub(worst(), lost()),
}

# Text that can be seen, whose colour differs too little from the first ground below it that is not clear.
CONTRAST = """least => {
  const channel = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
  const parse = s => s.match(/[\\d.]+/g).map(Number);
  const ground = e => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length < 4 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  const seen = [], low = [];
  for (const e of document.querySelectorAll('body *')) {
    const says = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!says || e.closest('.hidden') || !e.checkVisibility()) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(ground(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    seen.push(ratio);
    if (ratio < least) low.push(`${e.textContent.slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return {count: seen.length, low};
}"""

# Everything that reaches beyond the window, but for what scrolls inside its own frame and heads that are hidden.
SPILLS = """() => [...document.querySelectorAll('body *')].filter(e => {
  const frame = e.closest('.scroll');
  const inside = e.closest('.hidden, thead') || (innerWidth > 900 && frame && frame !== e);
  return !inside && e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 0.5;
}).slice(0, 5).map(e => e.outerHTML.slice(0, 120))"""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser; afterwards none of its processes is left."""
    if shutil.which(CHROMIUM) is None:
        pytest.skip("Chromium is not installed")
    before = descendants(os.getpid())
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        started = {pid: start for pid, start in descendants(os.getpid()).items() if pid not in before}
        try:
            yield browser
        finally:
            await browser.close()
    async with asyncio.timeout(10):
        while any(start_of(pid) == start for pid, start in started.items()):  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.05)


def descendants(pid: int) -> dict[int, str]:
    """Every process below this one, with when it started."""
    found: dict[int, str] = {}
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(child) for child in tasks.read_text().split()]
        except OSError:
            continue
        for child in children:
            found |= {child: start_of(child), **descendants(child)}
    return {child: start for child, start in found.items() if start}


def start_of(pid: int) -> str:
    """Empty where the process is gone or only waits to be collected."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if state in "ZX" else fields[18]


async def opened(browser: Browser, url: str, width: int, scheme: str, complaints: list[str]) -> Page:
    """The page with every error noted; the title shows whether planted markup ran."""
    context = await browser.new_context(
        viewport={"width": width, "height": 844},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = await context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(request.url[:80]))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    response = await page.goto(url)
    assert response is not None
    assert response.status == 200
    return page


async def inspect(page: Page, name: str, width: int) -> None:
    assert await page.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
    assert await page.evaluate(SPILLS) == []
    contrast = await page.evaluate(CONTRAST, LEAST_CONTRAST)
    assert contrast["low"] == []
    assert contrast["count"] > 100
    headings = await page.locator("h1, h2").all_inner_texts()
    assert len(headings) == len(await page.get_by_role("heading").all()) - await page.locator("h3").count()
    for heading in ("Freshness", "Latest runs", "Regions", "Accounts"):
        assert heading in headings
    assert ("What needs attention" in headings) == (name != "fresh")
    for role in ("banner", "main", "contentinfo", "navigation"):
        assert await page.get_by_role(role).count() == 1
    # Laid out as cards, they are tables still.
    assert await page.get_by_role("table").count() == 4
    table = page.get_by_role("table").first
    assert await table.get_by_role("rowheader").count() > 0
    cell = table.get_by_role("cell").first
    box = await cell.bounding_box()
    assert box is not None
    assert 0 <= box["x"] < width
    assert "owned" not in await page.title()


@pytest.mark.parametrize("name", CONDITIONS)
async def test_looks_right_everywhere(name: str, tmp_path: Path) -> None:
    complaints: list[str] = []
    async with serving(create_app(CONDITIONS[name]()), "127.0.0.1", 0) as url, chromium() as browser:
        for width in (390, 1280):
            for scheme in ("light", "dark"):
                page = await opened(browser, f"{url}/?refresh=off", width, scheme, complaints)
                await inspect(page, name, width)
                await page.screenshot(path=tmp_path / f"{name}-{width}-{scheme}.png")
                await page.context.close()
    assert complaints == []


async def test_messages_open_and_links_lead_somewhere() -> None:
    complaints: list[str] = []
    async with serving(create_app(CONDITIONS["worst"]()), "127.0.0.1", 0) as url, chromium() as browser:
        page = await opened(browser, f"{url}/?refresh=off", 390, "light", complaints)
        for details in await page.locator("details").all():
            await details.evaluate("e => e.open = true")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        assert await page.evaluate(SPILLS) == []
        hrefs = await page.locator("nav a").evaluate_all("links => links.map(a => a.href)")
        assert {href.removeprefix(url) for href in hrefs} == {"/metrics", "/api/status", "/health", "/health/ready"}
        for href in hrefs:
            answer = await page.request.get(href)
            assert answer.status in (200, 503)
        for width in (320, 768, 901, 1024):
            await page.set_viewport_size({"width": width, "height": 700})
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
        await page.get_by_role("link", name="resume").click()
        assert page.url == f"{url}/"
        assert await page.locator("meta[http-equiv=refresh]").count() == 1
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.textContent") == "pause"
    assert complaints == []

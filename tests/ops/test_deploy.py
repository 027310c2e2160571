"""Alert rules and the dashboard ask only for what is there."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.ops.measured import filled, promtool

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "rules.yml"
RULE_TESTS = DEPLOY / "prometheus" / "rules_test.yml"
DASHBOARD = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text(encoding="utf-8"))
ALERTS = [rule for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]
_NAME = re.compile(r"\b(?:breezeway_sync|process|python)_[a-z_]+\b")
_SELECTOR = re.compile(r"\b((?:breezeway_sync|process)_[a-z_]+){([^}]*)}")


@pytest.fixture(scope="module")
def exposed() -> dict[str, set[str]]:
    """Every series name, with the labels it has."""
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(filled().render().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def queries() -> list[tuple[str, str]]:
    asked = [(rule["alert"], rule["expr"]) for rule in ALERTS]
    asked += [(p["title"], target["expr"]) for p in DASHBOARD["panels"] for target in p.get("targets", [])]
    variables = [one["definition"] for one in DASHBOARD["templating"]["list"] if one["type"] == "query"]
    return asked + [("variable", text) for text in variables]


@pytest.mark.parametrize(("title", "query"), queries())
def test_every_query_names_what_is_exposed(title: str, query: str, exposed: dict[str, set[str]]) -> None:
    names = set(_NAME.findall(query))
    assert names or query.startswith("up{"), title
    assert names <= exposed.keys(), f"{title}: {names - exposed.keys()}"
    for name, selector in _SELECTOR.findall(query):
        labels = {part.split("=")[0].strip(" !~") for part in selector.split(", ")} - {"job", "instance"}
        assert labels <= exposed[name], f"{title}: {name}{{{selector}}}"


def test_promtool_accepts_the_rules() -> None:
    assert promtool("check", "rules", str(RULES)) == ""


def test_promtool_runs_the_tests_of_the_rules() -> None:
    assert promtool("test", "rules", str(RULE_TESTS)) == ""


@pytest.mark.parametrize("wrong", ["vector(0) > 1", "({}) or vector(1)"])
def test_a_wrong_rule_would_be_noticed(wrong: str, tmp_path: Path) -> None:
    """Rules that never fire, and rules that always do: the tests must object to every one."""
    (tmp_path / "rules_test.yml").write_bytes(RULE_TESTS.read_bytes())
    document = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    for rule in document["groups"][0]["rules"]:
        rule["expr"] = wrong.format(rule["expr"])
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
    objection = promtool("test", "rules", str(tmp_path / "rules_test.yml"))
    assert [rule["alert"] for rule in ALERTS if f"alertname: {rule['alert']}," not in objection] == []


def test_every_alert_says_what_where_and_what_to_do() -> None:
    for rule in ALERTS:
        kebab = re.sub(r"(?<!^)(?=[A-Z])", "-", rule["alert"]).lower()
        assert rule["annotations"].keys() == {"summary", "description", "runbook"}
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{kebab}"
        assert rule["labels"]["severity"] in ("warning", "critical")


def test_promtool_can_read_the_queries_of_the_dashboard(tmp_path: Path) -> None:
    """As rules they are parsed by Prometheus itself."""
    expressions = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
    rules = [
        {"record": f"panel:{number}", "expr": text.replace("$__rate_interval", "5m").replace("$region", ".*")}
        for number, text in enumerate(expressions)
    ]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}), encoding="utf-8")
    assert promtool("check", "rules", str(file)) == ""


def test_the_dashboard_can_be_imported() -> None:
    """What Grafana's classic schema wants of a dashboard and its panels."""
    assert DASHBOARD["id"] is None
    assert DASHBOARD["uid"]
    assert DASHBOARD["schemaVersion"] >= 36
    (source,) = [one for one in DASHBOARD["templating"]["list"] if one["type"] == "datasource"]
    assert source["query"] == "prometheus"
    panels: list[dict[str, Any]] = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["title"]
        assert {"x", "y", "w", "h"} == panel["gridPos"].keys()
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        if panel["type"] == "row":
            continue
        assert panel["description"]
        assert panel["datasource"] == {"type": "prometheus", "uid": f"${{{source['name']}}}"}
        assert {"defaults", "overrides"} == panel["fieldConfig"].keys()
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]) > 0
        assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])


def test_no_panel_covers_another() -> None:
    boxes = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    for one, other in combinations(boxes, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, (one, other)

"""The alert rules and the dashboard: valid, tested by Prometheus' own tool, and about metrics that there are."""

import json
import re
import subprocess

import pytest
import yaml

from app.web.metrics import REGISTRY
from tests.support.files import ROOT
from tests.support.prometheus import DEPLOY, program

RULES, TESTS = DEPLOY / "prometheus-rules.yaml", ROOT / "tests/unit/prometheus_rules.yaml"


def promtool(*arguments):
    return subprocess.run([program("promtool"), *map(str, arguments)], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    "arguments", [("check", "rules", RULES), ("check", "config", DEPLOY / "prometheus.yml"), ("test", "rules", TESTS)]
)
def test_rules_are_valid_and_fire_when_they_should(arguments):
    done = promtool(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout


def test_a_rule_that_does_not_fire_is_found(tmp_path):
    (tmp_path / "rules.yaml").write_text(RULES.read_text().replace("> 0.9", "> 0.99"))
    tests = TESTS.read_text().replace("../../deploy/prometheus-rules.yaml", "rules.yaml")
    (tmp_path / "tests.yaml").write_text(tests)
    done = promtool("test", "rules", tmp_path / "tests.yaml")
    assert done.returncode != 0
    assert "StorageNearlyFull" in done.stdout + done.stderr


def test_every_alert_is_seen_to_fire_and_to_be_silent():
    alerts = {rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}
    cases = [case for test in yaml.safe_load(TESTS.read_text())["tests"] for case in test["alert_rule_test"]]
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == alerts
    assert {case["alertname"] for case in cases if not case["exp_alerts"]} == alerts


def test_every_panel_has_a_place_and_a_query_of_its_own():
    panels = json.loads((DEPLOY / "grafana/dashboard.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 20
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells
        assert panel["type"] == "row" or panel["targets"]


def test_what_rules_and_dashboard_ask_of_the_page_is_what_it_counts():
    """Those that are looked up are in an integration test: it needs a page."""
    asked = set(re.findall(r"din_page_\w+", RULES.read_text() + (DEPLOY / "grafana/dashboard.json").read_text()))
    counted = {family.name for family in REGISTRY.collect()}
    assert counted >= {"din_page_photos", "din_page_photo_seconds", "din_page_tiles", "din_page_refused_jobs"}
    assert {re.sub(r"_(total|bucket)$", "", name) for name in asked} >= {name for name in counted if "din_" in name}

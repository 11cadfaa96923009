"""Accessibility violations found by axe."""

from axe_playwright_python.sync_playwright import Axe


def serious(tab):
    """The violations of the most important rules."""
    tab.add_style_tag(content="* { transition: none !important; animation: none !important; }")  # colours on their way
    found = Axe().run(tab).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:160]} {node['failureSummary'][-160:]}"
        for rule in found
        for node in rule["nodes"]
        if rule["impact"] in ("serious", "critical")
    ]

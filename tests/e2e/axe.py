"""What axe finds wrong with a page."""

from axe_playwright_python.sync_playwright import Axe


def serious(tab):
    """What axe finds wrong, of those rules that matter most."""
    tab.add_style_tag(content="* { transition: none !important; animation: none !important; }")  # colours on their way
    found = Axe().run(tab).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:160]} {node['failureSummary'][-160:]}"
        for rule in found
        for node in rule["nodes"]
        if rule["impact"] in ("serious", "critical")
    ]

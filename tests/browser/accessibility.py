"""What an accessibility checker finds in a state of the page."""

import json
from pathlib import Path

import axe_playwright_python
from playwright.async_api import Page

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
FIND = """async () => (await axe.run(document, {resultTypes: ['violations']})).violations.map(
    ({id, nodes}) => `${id}: ${nodes.map(node => node.html.slice(0, 160)).join('; ')}`)"""
DESK = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}


async def check(page: Page, state: str) -> None:
    """What axe finds in this state is nothing."""
    await page.wait_for_function("() => document.getAnimations().length === 0")
    await page.evaluate(AXE)
    found = await page.evaluate(FIND)
    assert found == [], f"{state}: {json.dumps(found, indent=1)}"

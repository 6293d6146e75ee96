"""What an accessibility checker finds in a state of the page."""

import json
from pathlib import Path
from typing import Final, Literal

import axe_playwright_python
from playwright.async_api import Page, ViewportSize

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
FIND = """async rules => {
    const options = {resultTypes: ['violations'], ...(rules && {runOnly: rules})};
    return (await axe.run(document, options)).violations.map(
        ({id, nodes}) => `${id}: ${nodes.map(node => node.html.slice(0, 160)).join('; ')}`);
}"""
# A page that is busy learns of the scheme later, and only then do colours begin to change.
IS_STILL = """scheme => matchMedia(`(prefers-color-scheme: ${scheme})`).matches
    && document.getAnimations().length === 0"""
OF_COLOURS = ["color-contrast", "link-in-text-block"]
SCHEMES: Final[tuple[tuple[Literal["dark", "light"], list[str] | None], ...]] = (
    ("dark", OF_COLOURS), ("light", None),
)  # fmt: skip
DESK = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=390, height=844)


async def check(page: Page, state: str) -> None:
    """Asserts that axe finds nothing in this state, in light and in dark colours."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE)
    found = []
    for scheme, rules in SCHEMES:
        await page.emulate_media(color_scheme=scheme)
        await page.wait_for_function(IS_STILL, arg=scheme)
        found += [f"{scheme}, {one}" for one in await page.evaluate(FIND, rules)]
    assert found == [], f"{state}: {json.dumps(found, indent=1)}"

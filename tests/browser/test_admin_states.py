"""Every state of /admin on a stage, also on a phone: checked for accessibility and for its
words."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, Route, expect

from tests.browser.accessibility import DESK, PHONE, check
from tests.browser.admin_play import AdminPlay
from tests.browser.conftest import NewContext
from tests.browser.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")

Open = Callable[..., Awaitable[Page]]
PARTS = ("Overview", "People", "Invitations", "Audit log", "Settings")


@pytest_asyncio.fixture(loop_scope="session")
async def open_admin(new_context: NewContext, stage: Stage) -> AsyncIterator[Open]:
    """Opens /admin; it ends without errors in its console."""
    errors: list[str] = []

    async def open_one(play: AdminPlay | None, **settings: Any) -> Page:
        page = await stage.enter(await new_context(**settings), play, "/admin")
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        return page

    yield open_one
    assert errors == []


async def go(page: Page, part: str) -> None:
    await page.get_by_role("navigation").get_by_role("link", name=part).click()
    await expect(page.get_by_role("heading", name=part, level=1)).to_be_visible()
    if part not in ("Overview", "Settings"):
        await expect(page.locator("tbody tr").first).to_be_visible()


def row(page: Page, text: str) -> Locator:
    return page.locator("tbody tr").filter(has_text=text)


async def choose(page: Page, person: str, item: str) -> None:
    await row(page, person).get_by_role("button").click()
    await page.get_by_role("menuitem", name=item).click()


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
async def test_all_parts_are_accessible(open_admin: Open, viewport: dict[str, int]) -> None:
    """Including what opens over them; nothing is wider than the screen."""
    play = AdminPlay()
    play.wrong = {"outbox": "Events have waited to be published for 12 s; nodes fetch them."}
    is_phone = viewport is PHONE
    page = await open_admin(play, viewport=viewport, has_touch=is_phone, is_mobile=is_phone)
    await expect(page.get_by_text("One thing is wrong")).to_be_visible()
    for part in PARTS:
        await go(page, part)
        await check(page, part)
        assert await page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    await go(page, "People")
    await row(page, "dan").get_by_role("button").click()
    await check(page, "menu")
    await page.get_by_role("menuitem", name="Delete").click()
    await check(page, "deletion")
    await page.get_by_role("button", name="Cancel").click()
    await choose(page, "dan", "Change role")
    await check(page, "role")


async def test_people_are_found_and_acted_upon(open_admin: Open) -> None:
    """Each action says what will happen; the row and the focus stay where they are."""
    play = AdminPlay()
    page = await open_admin(play)
    await go(page, "People")
    await page.get_by_role("searchbox").fill("DA")
    await expect(page.locator("tbody tr")).to_have_count(1)
    await choose(page, "dan", "Deactivate")
    await expect(page.get_by_role("dialog")).to_contain_text("signed out everywhere")
    await page.get_by_role("dialog").get_by_role("button", name="Deactivate").click()
    await expect(row(page, "dan")).to_contain_text("Deactivated")
    await expect(row(page, "dan").get_by_role("button")).to_be_focused()
    await choose(page, "dan", "Reactivate")
    await expect(row(page, "dan")).not_to_contain_text("Deactivated")
    await choose(page, "dan", "Reset password")
    await page.get_by_role("button", name="Create the link").click()
    await expect(page.get_by_label("Link to set a password")).to_have_value(re.compile("#reset="))
    await page.get_by_role("button", name="Close").click()
    await choose(page, "dan", "Delete")
    await expect(page.get_by_role("dialog")).to_contain_text("direct chats stay with")
    await page.get_by_label("Delete all messages too").check()
    await page.get_by_role("button", name="Delete for ever").click()
    await expect(page.get_by_text("No user has this name.")).to_be_visible()
    assert play.deleted == ["messages"]


async def test_invitations_are_made_and_revoked(open_admin: Open) -> None:
    """Numbers out of bounds are reported next to their field; the new link can be copied."""
    page = await open_admin(AdminPlay())
    await go(page, "Invitations")
    await expect(row(page, "Summer party")).to_contain_text("2 of 5")
    await page.get_by_label("For how many", exact=True).fill("1001")
    await page.get_by_role("button", name="Make a link").click()
    await expect(page.get_by_text("1 to 1000")).to_be_visible()
    await page.get_by_label("For how many", exact=True).fill("1")
    await page.get_by_role("button", name="Make a link").click()
    await expect(page.get_by_label("Link of the invitation")).to_have_value(re.compile("#invite="))
    await expect(page.locator("tbody tr")).to_have_count(3)
    await row(page, "Summer party").get_by_role("button", name="Revoke").click()
    await page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    await expect(row(page, "Summer party")).to_have_count(0)
    await expect(page.locator("tbody tr").last.get_by_role("button", name="Copy")).to_be_focused()


async def test_whoever_deletes_an_account_goes_on_beside_it(open_admin: Open) -> None:
    """The focus goes to the next row; a name without a gap stays within a phone's screen."""
    play = AdminPlay()
    play.users[play.ids["dan"]]["displayName"] = "W" * 64
    page = await open_admin(play, viewport=PHONE)
    await go(page, "People")
    await choose(page, "dan", "Delete")
    sheet = page.locator(".sheet")
    assert await sheet.evaluate("sheet => sheet.scrollWidth <= sheet.clientWidth")
    await page.get_by_role("button", name="Delete for ever").click()
    await expect(page.get_by_role("status").filter(has_text="is deleted")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    toast = await page.locator(".toast").bounding_box()
    assert toast
    assert toast["x"] >= 0
    assert toast["x"] + toast["width"] <= PHONE["width"]
    await expect(row(page, "esra").get_by_role("button")).to_be_focused()


async def test_a_refusal_is_seen_although_its_sheet_was_closed(
    new_context: NewContext, stage: Stage
) -> None:
    """The user may have closed it before the answer."""
    page = await stage.enter(await new_context(service_workers="block"), AdminPlay(), "/admin")
    is_closed = asyncio.Event()

    async def refuse(route: Route) -> None:
        await is_closed.wait()
        await route.fulfill(status=409, json={"code": "last_owner"})

    await go(page, "People")
    await page.route("**/api/admin/user/*", refuse)
    await choose(page, "dan", "Deactivate")
    sheet = page.get_by_role("dialog")
    async with page.expect_request("**/api/admin/user/*"):
        await sheet.get_by_role("button", name="Deactivate").click()
    await sheet.get_by_role("button", name="Cancel").click()
    is_closed.set()
    await expect(page.locator(".toast")).to_contain_text("The last active owner must stay one.")


async def test_a_link_that_was_copied_is_said_beside_it(open_admin: Open) -> None:
    """Also in a sheet, which hides notices at the edge of the page from screen readers."""
    page = await open_admin(AdminPlay(), permissions=["clipboard-read", "clipboard-write"])
    await go(page, "People")
    await choose(page, "dan", "Reset password")
    await page.get_by_role("button", name="Create the link").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Copy", exact=True).click()
    await expect(dialog.get_by_role("status")).to_have_text("The link is copied.")


async def test_the_audit_log_reads_as_sentences(open_admin: Open) -> None:
    """Page by page, to its beginning."""
    page = await open_admin(AdminPlay())
    await go(page, "Audit log")
    await page.get_by_role("button", name="Show earlier ones").press("Enter")
    await expect(page.locator("tbody tr")).to_have_count(8)
    await expect(page.get_by_role("button", name="Show earlier ones")).to_be_hidden()
    await expect(page.get_by_text("Kept for 400 days.")).to_be_focused()  # not lost with the button
    said = await page.locator("tbody tr").evaluate_all(
        "all => all.map(row => [...row.children].slice(1).map(cell => cell.innerText"
        ".replace(/[\u2068\u2069]/g, '').split('\\n').at(-1)).join(' '))"
    )
    assert said == [
        "You made bob an admin",
        "bob deactivated hugo",
        "bob made a link for dan to set a new password",
        "You invited 5 people into a chat, for 7 days",
        "cleo revoked an invitation",
        "You named the instance Harbour Lane and opened sign-up to invited people only",
        "bob deleted ines, and all messages",
        "On the machine made you an owner",
    ]


async def test_admins_see_what_they_may(open_admin: Open) -> None:
    """They act on members, not on roles, and cannot change the instance."""
    page = await open_admin(AdminPlay("admin"))
    await go(page, "People")
    for name in ("bob", "cleo"):
        await expect(row(page, name).get_by_role("button")).to_have_count(0)
    await row(page, "dan").get_by_role("button").click()
    await expect(page.get_by_role("menuitem", name="Deactivate")).to_be_visible()
    await expect(page.get_by_role("menuitem", name="Change role")).to_have_count(0)
    await page.keyboard.press("Escape")
    await go(page, "Settings")
    await expect(page.get_by_text("Only owners change this.")).to_be_visible()
    await expect(page.get_by_role("button", name="Save name")).to_be_disabled()
    await go(page, "Invitations")
    await expect(page.get_by_label("They become").get_by_role("option")).to_have_text(["Member"])


async def test_what_the_machine_decides_says_so(open_admin: Open) -> None:
    """If HUBBUB_SIGNUP is set, an owner cannot choose, and is told why."""
    play = AdminPlay()
    play.signup_fixed = True
    page = await open_admin(play)
    await go(page, "Settings")
    await expect(page.get_by_text("HUBBUB_SIGNUP is set on the machine")).to_be_visible()
    await expect(page.get_by_role("radio", name="Nobody")).to_be_disabled()
    await expect(page.get_by_role("button", name="Save sign-up")).to_be_disabled()
    await expect(page.get_by_role("button", name="Save name")).to_be_enabled()


@pytest.mark.parametrize(
    ("play", "words"),
    [(AdminPlay("member"), "You are a member"), (None, "Log in as an owner or admin")],
)
async def test_who_is_not_in_charge_reads_a_sentence(
    open_admin: Open, play: AdminPlay | None, words: str
) -> None:
    """And gets a link back."""
    page = await open_admin(play)
    await expect(page.get_by_text(words)).to_be_visible()
    await check(page, words)
    await expect(page.get_by_role("main").get_by_role("link")).to_have_attribute("href", "/")


async def test_the_overview_says_what_flows(open_admin: Open) -> None:
    """From the difference of two answers."""
    page = await open_admin(AdminPlay())
    await expect(page.get_by_text("Everything works")).to_be_visible()
    stat = page.locator(".stat").filter(has_text="Deliveries a minute")
    await expect(stat.locator("strong")).to_have_text(re.compile(r"^[\d,.]+$"))
    await expect(page.get_by_text("1.8 GB")).to_be_visible()


async def test_a_long_name_leaves_the_user_name_whole(open_admin: Open) -> None:
    """By which a person is found here."""
    play = AdminPlay()
    play.users[play.ids["esra"]] |= {"displayName": "Esra " + "Long " * 10}
    page = await open_admin(play, viewport=PHONE)
    await go(page, "People")
    name = page.locator(".who .soft", has_text="esra")
    assert await name.evaluate("node => node.scrollWidth <= node.clientWidth")

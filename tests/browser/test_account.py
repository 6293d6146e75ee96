"""One's own account on the real page: profile, password, logging in and out, its end."""

import asyncio

import pytest
from playwright.async_api import ConsoleMessage, Route, expect

from tests.browser.company import bending_calls
from tests.browser.conftest import OpenPage, OpenWindow
from tests.browser.stage import Play
from tests.fixtures.window import Window

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOO_LARGE = """async () => new Response('{"code": "too_large"}', { status: 413 })"""


async def test_a_status_that_is_set_elsewhere_is_not_erased(
    enter: OpenWindow, windows: list[Window]
) -> None:
    """Saving the profile sends only the fields that were changed here, and nothing the second
    time."""
    ann = await enter()
    other = await Window.open(ann.page.context, ann.origin)
    windows.append(other)
    other.name = ann.name
    await expect(other.state).to_have_text("live")
    for window, label, text in (
        (other, "What are you doing?", "On holiday"),
        (ann, "Display name", "Ann Example"),
    ):
        await window.open_settings()
        await window.field(label).fill(text)
        await window.button("Save").click()
        await expect(window.page.get_by_text("Others see it now.")).to_be_visible()
    for text in ("Ann Example", "On holiday"):
        await expect(ann.page.locator(".self")).to_contain_text(text)
    await ann.button("Save").click()
    await expect(ann.page.get_by_text("Nothing has changed.")).to_be_visible()
    await ann.field("Display name").fill("")
    await ann.button("Save").click()
    await expect(ann.page.locator(".self")).to_contain_text(ann.name)
    await expect(ann.page.locator(".self")).to_contain_text("On holiday")


async def test_the_welcome_follows_the_display_name(enter: OpenWindow) -> None:
    """It greets by the name that everybody else sees, already behind the open settings."""
    ann = await enter()
    await expect(ann.page.get_by_role("heading", name=f"Hello, {ann.name}")).to_be_visible()
    await ann.open_settings()
    await ann.field("Display name").fill("Ann Arbor")
    await ann.button("Save").click()
    await expect(ann.page.locator(".nothing h2")).to_have_text("Hello, Ann Arbor")


async def test_errors_stand_beside_their_field_until_it_is_changed(
    open_window: OpenWindow, enter: OpenWindow
) -> None:
    """An error of a field is shown next to it and stays while the user types elsewhere."""
    ann, other = await enter(), await open_window()
    await other.field("Name").fill("a b")
    await other.field("E-mail").fill("nobody")
    await other.field("Password").fill("short")
    await other.button("Sign up").click()
    for sentence in (
        "Use letters from a to z",
        "This e-mail address is not complete",
        "Use 8 characters or more.",
    ):
        await expect(other.page.get_by_text(sentence)).to_be_visible()
    await other.field("E-mail").fill("me@example.org")
    await expect(other.page.get_by_text("Use letters from a to z")).to_be_visible()
    await expect(other.page.get_by_text("This e-mail address is not complete")).to_have_count(0)
    await other.field("Name").fill("deleted-12345678")
    await other.button("Sign up").click()
    await expect(other.page.get_by_text("This name is reserved.")).to_be_visible()
    await other.field("Name").fill(ann.name.upper())
    await other.field("Password").fill("")
    await other.button("Sign up").click()
    await expect(other.page.get_by_text("This name is taken.")).to_be_visible()
    await other.page.evaluate(bending_calls("[/]api[/]user$", TOO_LARGE))
    await other.button("Sign up").click()
    await expect(other.page.get_by_text("That is too long.")).to_be_visible()
    await expect(other.button("Sign up")).to_be_focused()


async def test_one_logs_out_and_in_again(enter: OpenWindow) -> None:
    """A reload continues the session; logging out ends it; name and password start a new one."""
    ann = await enter("correct horse")
    await ann.start_chat("Mine")
    await ann.write("hello")
    await ann.page.reload()
    await ann.expect_lines("hello")
    await ann.open_settings()
    await ann.ask("Log out", "Log out")
    await expect(ann.button("Sign up")).to_be_visible()
    await expect(ann.page).to_have_url(f"{ann.origin}/")
    await ann.page.reload()
    await ann.page.get_by_role("button", name="log in").click()
    await ann.field("Name").fill(f"{ann.name} ")  # as a phone completes it
    await ann.field("Password").fill("wrong horse")
    await ann.button("Log in").click()
    await expect(ann.page.get_by_text("Wrong name or password")).to_be_visible()
    await ann.field("Password").fill("correct horse")
    await ann.button("Log in").click()
    await ann.open_chat("Mine")
    await ann.expect_lines("hello")


async def test_a_new_password_ends_the_other_sessions(
    open_window: OpenWindow, enter: OpenWindow
) -> None:
    """An account without a password gets one, then another; other browsers are signed out."""
    ann, elsewhere = await enter(), await open_window()
    await ann.open_settings()
    await ann.field("New password").fill("correct horse")
    await ann.button("Set password").click()
    await expect(ann.page.get_by_text("Your password is set.")).to_be_visible()
    await elsewhere.log_in(ann.name, "correct horse")
    await ann.field("New password").fill("battery staple")
    await ann.button("Set password").click()
    await expect(ann.page.get_by_text("This is not your current password.")).to_be_visible()
    await ann.field("Current password").fill("correct horse")
    await ann.button("Set password").click()
    await expect(elsewhere.page.get_by_text("You were signed out.")).to_be_visible()
    await expect(ann.state).to_have_text("live")


async def test_an_account_is_deleted_by_its_owner(enter: OpenWindow) -> None:
    """With the password; afterwards it is no longer possible to log in."""
    ann = await enter("correct horse")
    await ann.open_settings()
    await ann.button("Delete account").click()
    await ann.field("Your password").fill("wrong horse")
    await ann.button("Delete for ever").click()
    await expect(ann.page.get_by_text("This is not your password.")).to_be_visible()
    await ann.field("Your password").fill("correct horse")
    await ann.button("Delete for ever").click()
    await expect(ann.page.get_by_text("Your account is deleted.")).to_be_visible()
    await ann.field("Name").fill(ann.name)
    await ann.field("Password").fill("correct horse")
    await ann.button("Log in").click()
    await expect(ann.page.get_by_text("Wrong name or password")).to_be_visible()


async def test_logging_out_is_asked_for_twice(enter: OpenWindow) -> None:
    """One click never loses an account: the page says what will be lost, and the user may stay."""
    ann = await enter()
    await ann.open_settings()
    await ann.button("Log out").click()
    await expect(ann.page.get_by_text("Without a password you cannot get back")).to_be_visible()
    await ann.button("Stay").click()
    await ann.page.keyboard.press("Escape")
    await expect(ann.state).to_have_text("live")


async def test_a_first_visit_asks_for_nothing_that_is_not_there(open_window: OpenWindow) -> None:
    """No user has been here, so the page requests no session: the console stays empty."""
    ann = await open_window()
    errors: list[ConsoleMessage] = []
    ann.page.on("console", lambda message: errors.append(message))
    await ann.page.reload()
    await expect(ann.button("Sign up")).to_be_visible()
    assert [message.text for message in errors if message.type == "error"] == []
    await ann.sign_up()
    await ann.page.reload()
    await expect(ann.state).to_have_text("live")


async def test_each_of_the_last_settings_has_an_icon(open_page: OpenPage) -> None:
    """So that their labels begin at the same edge."""
    page = await open_page(Play())
    await page.get_by_title("Settings").click()
    ends = page.locator("dialog .ends")
    for name in ("Keys", "Log out", "Delete account"):
        use = ends.get_by_role("button", name=name, exact=True).locator("use")
        icon = await use.get_attribute("href")
        await expect(page.locator(f"symbol{icon}")).to_have_count(1)


@pytest.mark.parametrize(
    ("path", "code", "said"),
    [
        ("chat", "forbidden", "Only the owner of the chat can do that."),
        ("user/me", "email_taken", "There is already an account with this e-mail address."),
        ("chat/*", "too_large", "That is too long."),
    ],
)
async def test_a_refusal_is_seen_although_its_form_was_closed(
    open_page: OpenPage, path: str, code: str, said: str
) -> None:
    """The user may have closed it before the answer: a new chat, their e-mail address, or a chat's
    settings."""
    play = Play()
    play.start("Kitchen", "bob")
    page = await open_page(play)
    is_asked, is_closed = asyncio.Event(), asyncio.Event()

    async def refuse(route: Route) -> None:
        if route.request.method == "GET":
            await route.fallback()
            return
        is_asked.set()
        await is_closed.wait()
        await route.fulfill(status=403, json={"code": code})

    await page.route(f"**/api/{path}", refuse)
    if path == "chat":
        await page.get_by_role("button", name="New chat").first.click()
        await page.get_by_label("Name of the chat").fill("Garden")
        await page.get_by_role("button", name="Start the chat").click()
    elif path == "user/me":
        await page.get_by_title("Settings").click()
        await page.get_by_label("E-mail").fill("ann@example.org")
        await page.get_by_role("button", name="Change e-mail").click()
    else:
        await page.get_by_role("link", name="Kitchen").click()
        await page.locator(".bar h1 button").click()
        await page.get_by_role("tab", name="Settings").click()
        await page.get_by_label("Name of the chat").fill("Garden")
        await page.get_by_role("button", name="Save").click()
    await is_asked.wait()
    await page.get_by_role("button", name="Close", exact=True).last.click()
    is_closed.set()
    await expect(page.locator(".toast")).to_have_text(said)

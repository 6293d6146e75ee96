"""The links through which users join: the first owner's, invitations, password resets."""

import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import psycopg
import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from fleet.data.state import read_state
from fleet.settings import read_settings
from ops.doctor.collecting import database_urls
from tests.browser.company import two
from tests.browser.conftest import DESK, OpenWindow
from tests.fixtures.hubbub import Hubbub
from tests.fixtures.person import Person, Rest
from tests.fixtures.window import Window

pytestmark = pytest.mark.asyncio(loop_scope="session")

PASSWORD = "correct horse battery"
USED = "This invitation does not work any more"
NO_ROOM = "There is no room: the chat of this invitation is full"


async def follow(window: Window, link: str) -> None:
    """Opens a link of this system in a window; the address does not keep its code."""
    await window.page.goto(f"{window.origin}/#{link}")
    await expect(window.page).not_to_have_url(re.compile("="))


async def fill(window: Window, name: str, go: str, password: str = "") -> None:
    window.name = name
    await window.field("Name").fill(name)
    await window.field("E-mail").fill(f"{name}@example.org")
    await window.field("Password").fill(password)
    await window.button(go).click()


def printed(system: Hubbub) -> str:
    """The first owner's link, printed at the start; later output is about processes that died."""
    found = re.search(r"#(owner=[\w-]+)", system.said(1_000_000))
    assert found is not None, system.said()
    return found[1]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def owner(browser: Browser, system: Hubbub) -> AsyncIterator[Person]:
    """Signed up through the printed link and named the team. The name is reset for other test
    files."""
    window = await Window.open(await browser.new_context(viewport=DESK), system.origin)
    await follow(window, printed(system))
    await expect(window.page.get_by_text("You will be the owner of this instance.")).to_be_visible()
    await fill(window, "olga", "Sign up")
    await expect(window.page.get_by_text("Choose a password")).to_be_visible()
    await window.field("Password").fill(PASSWORD)
    await window.button("Sign up").click()
    await expect(window.page.get_by_role("heading", name="Name your team")).to_be_visible()
    await window.button("Go on").click()
    await expect(window.page.get_by_text("A team needs a name.")).to_be_visible()
    await window.field("Name of the team").fill("Garden club")
    await window.button("Go on").click()
    await expect(window.state).to_have_text("live")
    await expect(window.page.get_by_role("heading", name="Garden club")).to_be_visible()
    await expect(window.page).to_have_title("Garden club")
    await window.expect_nothing_wrong()
    await window.page.context.close()
    async with aiohttp.ClientSession() as session:
        log_in = {"username": "olga", "password": PASSWORD}
        grant = await Rest(session, system.origin).call("POST", "/api/user/login", log_in)
        owner = Person(session, system.origin, grant.body)
        yield owner
        await change(owner, name="Hubbub", signup="open")


async def change(owner: Person, **changes: Any) -> None:
    answer = await owner.ask("PATCH", "/api/admin/instance", changes)
    assert answer.status == 200, answer


async def invite(owner: Person, uses: int = 1, **rest: Any) -> str:
    answer = await owner.ask("POST", "/api/invite", {"uses": uses, "days": 1, **rest})
    assert answer.status == 201, answer
    return f"invite={answer.body['invite']['code']}"


async def test_the_owners_link_works_once(
    open_window: OpenWindow, owner: Person, system: Hubbub
) -> None:
    """Opened again, it is refused with a sentence; signing up without it is possible."""
    window = await open_window()
    await follow(window, printed(system))
    await fill(window, "late", "Sign up", PASSWORD)
    await expect(window.page.get_by_text("This link does not work any more.")).to_be_visible()
    await expect(window.field("Name")).to_have_value("late")


async def test_an_invitation_leads_into_its_chat(open_window: OpenWindow, owner: Person) -> None:
    """Also for a new user, who may reload the form; the next one is told that it is used up."""
    link = await invite(owner, chat=await owner.create_chat("Lanterns"))
    first, second = await open_window(), await open_window()
    for window in (first, second):
        await follow(window, link)
        await window.page.reload()
        await expect(window.page.get_by_text("You were invited to")).to_contain_text("Garden club")
    await fill(first, "fay", "Join")
    await expect(first.page.locator(".bar h1")).to_have_text("Lanterns")
    await fill(second, "sue", "Join")
    await expect(second.page.get_by_text(USED)).to_be_visible()
    await second.page.reload()
    await expect(second.page.get_by_role("heading", name="Join the conv")).to_be_visible()
    await fill(second, "sue", "Sign up")
    await expect(second.state).to_have_text("live")


async def test_who_is_signed_in_takes_an_invitation(enter: OpenWindow, owner: Person) -> None:
    """In the page that is already open; a used or invalid one says so."""
    ann, bob = await two(enter)
    link = await invite(owner, chat=await owner.create_chat("Speakers"))
    await follow(ann, link)
    await expect(ann.page.locator(".bar h1")).to_have_text("Speakers")
    await follow(bob, link)
    await expect(bob.page.get_by_text(USED)).to_be_visible()
    await follow(bob, await invite(owner))
    await expect(bob.page.get_by_text("You are in")).to_contain_text("already")
    await follow(bob, "owner=x")
    await expect(bob.page.get_by_text("The owner's link is for a new account")).to_be_visible()


async def test_an_invitation_into_a_full_chat_says_so(
    enter: OpenWindow, open_window: OpenWindow, owner: Person, system: Hubbub
) -> None:
    """To users who are signed in, and to new ones, who may go on without it."""
    ann, new = await enter(), await open_window()
    chat = await owner.create_chat("Crowd")
    link = await invite(owner, chat=chat)
    state = read_state(system.data)
    assert state is not None
    url = database_urls(read_settings(system.environment), state)["chats"]
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(
            "UPDATE chats SET participant_count = 10000 WHERE id = %s", (chat,)
        )
    await follow(ann, link)
    await expect(ann.page.get_by_text(NO_ROOM)).to_be_visible()
    await follow(new, link)
    await fill(new, "nell", "Join")
    await expect(new.page.get_by_text(NO_ROOM)).to_be_visible()
    await new.button("Sign up").click()
    await expect(new.state).to_have_text("live")


async def test_who_has_just_joined_is_told_nothing(open_window: OpenWindow, owner: Person) -> None:
    """By an invitation that leads into no chat."""
    window = await open_window()
    await follow(window, await invite(owner))
    await fill(window, "joy", "Join")
    await expect(window.state).to_have_text("live")
    await expect(window.page.get_by_text("No chats yet.")).to_be_visible()
    await expect(window.page.locator(".notes")).to_have_text("")


async def test_whoever_logs_in_with_an_invitation_takes_it(
    open_window: OpenWindow, owner: Person
) -> None:
    """With an account that this browser did not know."""
    window = await open_window()
    link = await invite(owner, chat=await owner.create_chat("Benches"))
    async with aiohttp.ClientSession() as session:
        person = await Person.sign_up(session, window.origin, password=PASSWORD)
    await follow(window, link)
    await window.button("Already have an account? Log in").click()
    await window.field("Name").fill(person.username)
    await window.field("Password").fill(PASSWORD)
    await window.button("Log in").click()
    await expect(window.page.locator(".bar h1")).to_have_text("Benches")


@pytest.mark.parametrize(
    ("signup", "words"),
    [("invite", "is by invitation"), ("closed", "takes no new accounts")],
)
async def test_where_nobody_can_sign_up(
    open_window: OpenWindow, owner: Person, signup: str, words: str
) -> None:
    """The page only offers to log in, and says why."""
    await change(owner, signup=signup)
    window = await open_window()
    await expect(window.page).to_have_title("Garden club")
    await expect(window.button("Log in")).to_be_visible()
    await expect(window.page.get_by_text(words)).to_be_visible()
    await expect(window.page.get_by_role("button", name="sign up")).to_have_count(0)
    await change(owner, signup="open")


async def test_a_reset_sets_a_password_once(open_window: OpenWindow, owner: Person) -> None:
    """The user can then log in with it; a used link says so."""
    window = await open_window()
    async with aiohttp.ClientSession() as session:
        person = await Person.sign_up(session, window.origin)
    answer = await owner.ask("POST", f"/api/admin/user/{person.id}/reset")
    link = answer.body["url"].partition("#")[2]
    for said in ("Your password is set.", "This link does not work any more"):
        await follow(window, link)
        await window.field("New password").fill(PASSWORD)
        await window.button("Set password").click()
        await expect(window.page.get_by_text(said)).to_be_visible()
    await window.field("Name").fill(person.username)
    await window.field("Password").fill(PASSWORD)
    await window.button("Log in").click()
    await expect(window.state).to_have_text("live")


async def test_an_owner_looks_after_the_instance(
    open_window: OpenWindow, enter: OpenWindow, owner: Person
) -> None:
    """From the page's settings: the system is healthy. A deactivated member is signed out of the
    page, and may log in again after reactivation."""
    window, member = await open_window(), await enter(PASSWORD)
    await window.log_in(owner.username, PASSWORD)
    await window.open_settings()
    await window.page.get_by_role("link", name="Administration").click()
    await expect(window.page.get_by_text("Everything works")).to_be_visible()
    await expect(window.page.get_by_text("All of them answer.")).to_be_visible()
    await window.page.get_by_role("link", name="People").click()
    await window.page.get_by_role("searchbox").fill(member.name)
    more = window.button(f"More about {member.name}")
    await more.click()
    await window.page.get_by_role("menuitem", name="Deactivate").click()
    await window.button("Deactivate").click()
    await expect(member.page.get_by_text("You were signed out.")).to_be_visible()
    await more.click()
    await window.page.get_by_role("menuitem", name="Reactivate").click()
    await expect(window.page.get_by_text("may log in again")).to_be_visible()
    await member.field("Name").fill(member.name)
    await member.field("Password").fill(PASSWORD)
    await member.button("Log in").click()
    await expect(member.state).to_have_text("live")
    await window.page.get_by_role("link", name="Audit log").click()
    rows = window.page.get_by_role("row").filter(has_text=member.name)
    await expect(rows.nth(0)).to_contain_text("reactivated")
    await expect(rows.nth(1)).to_contain_text("deactivated")

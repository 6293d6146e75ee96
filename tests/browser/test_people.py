"""Participants: adding, removing, renaming, leaving, deleting, and the list of them."""

import asyncio
import uuid

import pytest
from playwright.async_api import Request, Route, expect

from tests.browser.company import (
    HOLDING,
    bending_calls,
    crowd,
    id_of,
    one_person,
    two,
    until,
)
from tests.browser.conftest import PHONE, OpenPage, OpenWindow
from tests.browser.stage import Play, uuid7

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_people_come_and_go(enter: OpenWindow) -> None:
    """An added user has the chat with its history at once; a removed user loses it and is told."""
    ann, bob = await two(enter)
    await ann.start_chat("Kitchen")
    await ann.write("there is cake")
    panel = await ann.open_panel()
    await ann.button("Add people").last.click()
    await ann.page.get_by_role("combobox", name="Add people").fill(bob.name)
    await ann.page.get_by_role("option", name=bob.name).click()
    await ann.button("Add").click()
    await expect(panel).to_contain_text("2 people")
    await bob.open_chat("Kitchen")
    await bob.expect_lines("there is cake")
    await panel.locator(".person-row", has_text=bob.name).hover()
    await ann.button(f"More about {bob.name}").click()
    await ann.page.get_by_role("menuitem", name="Remove from this chat").click()
    await expect(panel).to_contain_text("One person")
    await expect(bob.page.get_by_role("link", name="Kitchen")).to_have_count(0)
    await expect(bob.page.get_by_text(f"{ann.name} removed you: ")).to_be_visible()


async def test_who_is_added_again_finds_their_draft(enter: OpenWindow) -> None:
    """They may have been removed by mistake."""
    ann = await enter()
    async with one_person(ann) as bob:
        user = await id_of(bob, ann)
        chat = await bob.create_chat("Kitchen", user)
        await ann.open_chat("Kitchen")
        await ann.composer.fill("half a sentence")
        path = f"/api/chat/{chat}/participant"
        assert (await bob.ask("DELETE", f"{path}/{user}")).status == 200
        await expect(ann.page.get_by_role("link", name="Kitchen")).to_have_count(0)
        assert (await bob.ask("POST", path, {"userId": user})).status == 201
        await ann.open_chat("Kitchen")
        await expect(ann.composer).to_have_value("half a sentence")


async def test_a_chat_that_is_made_late_does_not_take_the_place(enter: OpenWindow) -> None:
    """A user who has closed the sheet meanwhile stays where they are; the chat is in the list."""
    ann = await enter()
    await ann.start_chat("Kitchen")
    await ann.page.evaluate(bending_calls("[/]api[/]chat$", HOLDING))
    await ann.button("New chat").first.click()
    await ann.field("Name of the chat").fill("Late")
    await ann.button("Start the chat").click()
    await ann.page.wait_for_function("globalThis.held")
    await ann.page.keyboard.press("Escape")
    await expect(ann.page.get_by_role("dialog")).to_have_count(0)
    await ann.composer.fill("half a sentence")
    await ann.page.wait_for_function("globalThis.held")
    await ann.page.evaluate("held.resolve()")
    await expect(ann.page.get_by_role("link", name="Late")).to_be_visible()
    await ann.open_settings()  # what is behind the settings has been drawn by then
    await expect(ann.page.locator(".bar h1")).to_have_text("Kitchen")
    await ann.page.keyboard.press("Escape")
    await expect(ann.composer).to_have_value("half a sentence")


async def test_the_owner_renames_and_others_cannot(enter: OpenWindow) -> None:
    """All see a new name at once; only the owner has the choice to rename."""
    ann, bob = await two(enter, "Old name")
    await bob.open_panel("Settings")
    await expect(bob.button("Leave this chat")).to_be_visible()
    await expect(bob.button("Save")).to_have_count(0)
    await expect(bob.button("Delete this chat")).to_have_count(0)
    await ann.open_panel("Settings")
    await ann.field("Name of the chat").fill("   ")
    await ann.button("Save").click()
    await expect(ann.page.get_by_text("A chat needs a name.")).to_be_visible()
    await ann.field("Name of the chat").fill("New name")
    await ann.button("Save").click()
    for window in (ann, bob):
        await expect(window.page.locator(".bar h1")).to_have_text("New name")
        await expect(window.page.get_by_role("link", name="New name")).to_be_visible()


async def test_settings_that_were_not_changed_are_not_written(enter: OpenWindow) -> None:
    """The log has only what was changed, and the form says what became of it."""
    ann = await enter()
    await ann.start_chat("Kitchen")
    panel = await ann.open_panel("Settings")
    outcome = panel.get_by_role("status")
    await ann.button("Save").click()
    await expect(outcome).to_have_text("Nothing has changed.")
    await panel.get_by_label("Topic").fill("Lunch at noon")
    await ann.button("Save").click()
    await expect(outcome).to_have_text("Saved.")
    await expect(ann.page.locator(".bar")).to_contain_text("Lunch at noon")
    await panel.get_by_label("Topic").fill("Lunch at one")
    await ann.button("Save").click()
    await expect(ann.page.locator(".bar")).to_contain_text("Lunch at one")
    notes = ann.log.locator(".note")
    await expect(notes.last).to_contain_text("Lunch at one")
    await expect(ann.log.get_by_text("You named the chat")).to_have_count(0)


async def test_leaving_passes_the_chat_on_and_deleting_ends_it(enter: OpenWindow) -> None:
    """When the owner leaves, the other user owns the chat and may delete it."""
    ann, bob = await two(enter, "Short")
    await ann.open_panel("Settings")
    await ann.ask("Leave this chat", "Leave")
    await expect(ann.page.get_by_role("link", name="Short")).to_have_count(0)
    await expect(bob.log).to_contain_text(f"{ann.name} left")
    await bob.open_panel("Settings")
    await bob.ask("Delete this chat", "Delete for everybody")
    await expect(bob.page.get_by_role("link", name="Short")).to_have_count(0)
    await expect(bob.page.get_by_role("region", name="About this chat")).to_be_hidden()


async def test_what_is_changed_elsewhere_is_not_changed_back(enter: OpenWindow) -> None:
    """The settings of a chat show the present state, even if they were opened before a change."""
    ann = await enter()
    await ann.start_chat("Kitchen")
    panel = await ann.open_panel("Settings")
    await panel.get_by_label("Name of the chat").fill("Big kitchen")
    await ann.write("/topic Lunch at noon")
    await expect(panel.get_by_label("Topic")).to_have_value("Lunch at noon")
    await expect(panel.get_by_label("Name of the chat")).to_have_value("Big kitchen")
    await panel.get_by_role("button", name="Save").click()
    await expect(ann.page.locator(".bar h1")).to_have_text("Big kitchen")
    await expect(ann.page.locator(".bar")).to_contain_text("Lunch at noon")


async def test_a_chat_of_many_costs_a_screenful_of_names(enter: OpenWindow) -> None:
    """The panel of 120 people has its actions on top and loads only the names in view; its search
    finds the rest."""
    ann = await enter()
    last = f"zoe{uuid.uuid4().hex[:12]}"
    async with crowd(ann, 120, last) as people:
        ids = [person.id for person in people]
        await people[1].create_chat("Crowd", *ids[1:], await id_of(people[1], ann), ids[0])
    await ann.open_chat("Crowd")
    asked: list[Request] = []
    ann.page.on("request", lambda request: asked.append(request))
    panel = await ann.open_panel()
    await expect(panel).to_contain_text("121 people")
    await expect(panel.locator(".person-row").first).not_to_contain_text("…")
    await expect(panel.get_by_role("searchbox", name="Filter people")).to_be_in_viewport()
    await panel.get_by_role("searchbox").fill(last[:8])
    await expect(panel.locator(".person-row b")).to_have_text([last])
    assert len([request for request in asked if "/api/user" in request.url]) <= 40
    await panel.get_by_role("tab", name="Settings").click()
    await expect(ann.button("Leave this chat")).to_be_in_viewport()


async def test_who_is_removed_leaves_what_a_filter_has_found(enter: OpenWindow) -> None:
    """Even if they were found by their name before."""
    ann = await enter()
    async with crowd(ann, 9) as (owner, last, *others):
        ids = [person.id for person in others]
        chat = await owner.create_chat("Crowd", await id_of(owner, ann), last.id, *ids)
        await ann.open_chat("Crowd")
        panel = await ann.open_panel()
        await panel.get_by_role("searchbox").fill(last.username)
        await expect(panel.locator(".person-row b")).to_have_text([last.username])
        await owner.ask("DELETE", f"/api/chat/{chat}/participant/{last.id}")
        await expect(panel.locator("h3")).to_have_text("No matches")
        await expect(panel.locator(".person-row")).to_have_count(0)


async def test_an_answer_that_comes_after_the_choice_proposes_nobody(enter: OpenWindow) -> None:
    """Enter chooses from what is shown; people found after that are not chosen by the next Enter,
    which starts the chat."""
    ann = await enter()
    start = f"q{uuid.uuid4().hex[:8]}"
    async with crowd(ann, 2, f"{start}a", f"{start}ab"):
        await ann.button("New chat").first.click()
        picker = ann.page.get_by_role("combobox", name="People in the chat")
        await picker.fill(start)
        await expect(ann.page.get_by_role("option")).to_have_count(2)
        await ann.page.evaluate(bending_calls("username=", HOLDING))
        await picker.press_sequentially("a")
        await until(lambda: ann.page.evaluate("globalThis.held !== undefined"))
        await picker.press("Enter")
        await expect(ann.page.locator(".chip")).to_have_count(1)
        await ann.field("Name of the chat").fill("Two of us")
        async with ann.page.expect_response("**/api/user?username=**"):
            await ann.page.evaluate("held.resolve()")
        await picker.press("Enter")
        await expect(ann.page.get_by_role("dialog")).to_have_count(0)
        await expect(ann.page.locator(".people-button")).to_contain_text("2 people")


async def test_a_typed_name_is_not_dropped(open_page: OpenPage) -> None:
    """Enter waits for somebody to choose, and a chat starts when no typed name is left."""
    play = Play()
    page = await open_page(play)
    await page.get_by_role("button", name="New chat").first.click()
    picker = page.get_by_role("combobox", name="People in the chat")
    await picker.fill("cleo")
    await page.get_by_role("option", name="cleo").click()
    await page.evaluate(bending_calls("username=", HOLDING))
    await picker.press_sequentially("bob")
    await picker.press("Enter")
    await expect(page.locator(".chip")).to_have_count(1)
    await page.get_by_role("button", name="Start the chat").click()
    said = page.get_by_role("alert").filter(has_text="“bob” is not chosen.")
    await expect(said).to_be_visible()
    await expect(picker).to_be_focused()
    await until(lambda: page.evaluate("globalThis.held !== undefined"))
    await page.evaluate("held.resolve()")
    await expect(page.get_by_role("option", name="bob")).to_be_visible()
    await picker.press("Enter")
    await expect(page.locator(".chip")).to_have_count(2)
    await expect(said).to_have_count(0)


async def test_nobody_else_is_added_than_typed(open_page: OpenPage) -> None:
    """While the server is asked, only those are shown whose names begin so; "Add" refuses what is
    left."""
    play = Play()
    play.people |= {uuid7(100): "anders", uuid7(101): "annika"}
    play.start("Party", "bob")
    page = await open_page(play)
    await page.get_by_role("link", name="Party").click()
    await page.get_by_role("button", name="Add people").first.click()
    picker = page.get_by_role("combobox", name="Add people")
    await picker.fill("an")
    await expect(page.get_by_role("option")).to_have_text(["ANanders", "ANannika"])
    await page.evaluate(bending_calls("username=", HOLDING))
    await picker.press_sequentially("nika")
    await picker.press("Enter")
    await expect(page.locator(".chip")).to_contain_text(["annika"])
    await picker.fill("nobody")
    add = page.get_by_role("button", name="Add", exact=True)
    await add.click()
    await expect(page.get_by_text("“nobody” is not chosen.")).to_be_visible()
    await expect(add).to_be_enabled()


async def test_a_sheet_that_is_asked_for_twice_opens_once(enter: OpenWindow) -> None:
    """A double click while the script of the sheets is loading opens one of them."""
    ann = await enter(service_workers="block")

    async def slowly(route: Route) -> None:
        await asyncio.sleep(1)
        await route.continue_()

    await ann.page.route("**/later.js*", slowly)
    await ann.page.reload()
    await ann.page.get_by_title("New chat").dblclick()
    await expect(ann.page.get_by_role("dialog")).to_have_count(1)
    await ann.page.keyboard.press("Escape")
    await expect(ann.page.get_by_role("dialog")).to_have_count(0)


async def test_whoever_is_added_may_be_behind_the_first_matches(open_page: OpenPage) -> None:
    """The server returns 20 people: if all of them are participants, there may be more with such a
    name."""
    play = Play()
    many = {uuid7(100 + number): f"kim{number:02}" for number in range(21)}
    play.people |= many
    play.ids |= {name: user for user, name in many.items()}
    play.start("Kims", *list(many.values())[:20])
    page = await open_page(play, service_workers="block")
    await page.route("**/api/user?username=*", first_20)
    await page.get_by_role("link", name="Kims").click()
    await page.get_by_role("button", name="Add people").first.click()
    picker = page.get_by_role("combobox", name="Add people")
    await picker.fill("kim")
    await expect(page.get_by_text("The first 20 are already in the chat.")).to_be_visible()
    await picker.fill("kim19")
    await expect(page.get_by_text("Already in the chat", exact=True)).to_be_visible()
    await picker.fill("kim20")
    await expect(page.get_by_role("option", name="kim20")).to_be_visible()


async def test_the_filter_knows_everybody_by_the_name_that_is_shown(open_page: OpenPage) -> None:
    """Also those who have not been in view."""
    play = Play()
    many = {uuid7(100 + number): f"kim{number:02}" for number in range(60)}
    play.people |= many
    play.ids |= {name: user for user, name in many.items()}
    play.displayed["kim59"] = "Zebulon Pike"
    play.start("Kims", *many.values())
    page = await open_page(play)
    await page.get_by_role("link", name="Kims").click()
    await page.locator(".bar h1 button").click()
    field = page.get_by_role("searchbox", name="Filter people")
    for typed in ("Zebulon P", "pike"):
        await field.fill(typed)
        await expect(page.locator(".person-row b")).to_have_text(["Zebulon Pike"])


async def test_the_people_of_a_chat_are_gone_through_by_keyboard(open_page: OpenPage) -> None:
    """Tab reaches all of them, and changes of the list do not take the focus."""
    play = Play()
    many = {uuid7(100 + number): f"kim{number:02}" for number in range(30)}
    play.people |= many
    play.ids |= {name: user for user, name in many.items()}
    chat = play.start("Kims", *many.values())
    page = await open_page(play)
    await page.get_by_role("link", name="Kims").click()
    await page.locator(".bar h1 button").click()
    await page.get_by_role("searchbox", name="Filter people").focus()
    for name in many.values():
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("button", name=f"More about {name}")).to_be_focused()
    for name in list(many.values())[-2::-1]:
        await page.keyboard.press("Shift+Tab")
        await expect(page.get_by_role("button", name=f"More about {name}")).to_be_focused()
    leaving, heir = {"users": [play.ids["kim01"]]}, {"owner": play.ids["kim00"]}
    play.tell(chat, "participant.removed", "kim01", minutes=130, **leaving, **heir)
    people = page.locator(".people")
    await expect(people).to_contain_text("30 people")
    await expect(people.locator(".person-row", has_text="Owner")).to_contain_text("kim00")
    await expect(page.get_by_role("button", name="More about kim00")).to_be_focused()


async def test_a_failure_is_seen_where_the_panel_covers_the_chat(open_page: OpenPage) -> None:
    """Such as that somebody's account is gone to whom one wanted to write."""
    play = Play()
    play.start("Kitchen", "bob")
    page = await open_page(play, viewport=PHONE, service_workers="block")
    await page.route(
        "**/direct", lambda route: route.fulfill(status=404, json={"code": "not_found"})
    )
    await page.get_by_role("link", name="Kitchen").click()
    await page.locator(".bar h1 button").click()
    await page.get_by_role("button", name="More about Bob").click()
    await page.get_by_role("menuitem", name="Write to Bob").click()
    await page.locator(".toast").click(trial=True)  # nothing lies over it


async def test_what_stands_above_the_people_is_as_wide_as_the_panel(open_page: OpenPage) -> None:
    """In the colour and size of the panel, not in those of the words above a log."""
    play = Play()
    play.start("Kitchen", "bob")
    page = await open_page(play)
    await page.get_by_role("link", name="Kitchen").click()
    await page.locator(".bar h1 button").click()
    for name in ("fontSize", "color"):
        look = f"node => getComputedStyle(node).{name}"
        top = page.locator(".about .top")
        assert await top.evaluate(look) == await page.locator(".panel").evaluate(look)
    add = page.locator(".about").get_by_role("button", name="Add people")
    gaps = await add.evaluate("""button => {
        const [own, panel] = [button, button.closest(".panel")].map(one => (
            one.getBoundingClientRect()
        ));
        return [own.left - panel.left, panel.right - own.right];
    }""")
    assert max(gaps) <= 17, gaps


async def first_20(route: Route) -> None:
    answer = await route.fetch()
    await route.fulfill(response=answer, json={"users": (await answer.json())["users"][:20]})

"""Files that try to run scripts: Chromium opens each on the page's own origin, in every possible
way."""

import asyncio
from contextlib import suppress

import aiohttp
import pytest
from playwright.async_api import Browser, Download, Error, Request

from tests.fixtures.hubbub import Hubbub
from tests.fixtures.person import Person

pytestmark = pytest.mark.asyncio(loop_scope="session")

RUN = "fetch('/ran');new Image().src='/ran'"
HTML = f"<!doctype html><title>x</title><script>{RUN}</script><img src=x onerror={RUN!r}>"
SVG = (
    f'<svg xmlns="http://www.w3.org/2000/svg" onload="{RUN}"><script>{RUN}</script>'
    f'<foreignObject><iframe src="javascript:{RUN}"/></foreignObject></svg>'
)
# By file name.
FILES = {
    "page.html": HTML.encode(),
    "picture.png": HTML.encode(),
    "page.htm.jpg": b"\xff\xd8\xff\xe0\n" + HTML.encode(),
    "picture.gif": b"GIF89a=1;/*" + HTML.encode() + b"*/;" + RUN.encode(),
    "drawing.svg": SVG.encode(),
    "drawing.xml": b'<?xml version="1.0"?>' + SVG.encode(),
    "script.js": RUN.encode(),
    "module.mjs": f"export default 1;{RUN}".encode(),
    "paper.pdf": f"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS({RUN})>>>>".encode(),
    "paper.html": b"%PDF-1.7\n" + HTML.encode(),
    "sound.mp3": b"ID3\x04\0\0" + HTML.encode(),
    "film.mp4": b"\0\0\0\x18ftypisom\0\0\2\0isommp42" + HTML.encode(),
    "archive.zip": b"PK\x03\x04" + HTML.encode(),
    "bytes.bin": b"\0\1\2" + HTML.encode(),
    "sixteen.html": b"\xff\xfe" + HTML.encode("utf-16-le"),
    "seven.html": b"+/v8-" + HTML.encode("utf-7"),
    "manifest.appcache": b"CACHE MANIFEST\n/\n",
    "style.css": b"body{background:url(/ran)}",
}
BARE = "/web/version"  # plain text, which Chromium shows in a page without a policy
EMBED_ALL = """async urls => {
    const settled = [];
    const embed = (tag, attributes) => settled.push(new Promise(resolve => {
        const one = document.createElement(tag);
        one.onload = one.onerror = resolve;
        setTimeout(resolve, 5000);  // of what becomes a download, or of a frame that stays empty
        for (const [name, value] of Object.entries(attributes)) one.setAttribute(name, value);
        document.body.append(one);
    }));
    for (const url of urls) {
        for (const tag of ['script', 'iframe', 'embed', 'img']) embed(tag, {src: url});
        embed('script', {type: 'module', src: url});
        embed('object', {data: url});
        embed('link', {rel: 'stylesheet', href: url});
        new Worker(url);
        settled.push(navigator.serviceWorker.register(url).then(() => 'registered', () => ''));
    }
    return (await Promise.all(settled)).includes('registered');
}"""


async def upload_all(origin: str) -> list[str]:
    """Links to the hostile files."""
    async with aiohttp.ClientSession() as http:
        person = await Person.sign_up(http, origin)
        chat = await person.create_chat("x")
        headers = {"Authorization": f"Bearer {person.token}"}
        place = f"{origin}/api/chat/{chat}/file"
        files = []
        for name, data in FILES.items():
            async with http.post(f"{place}?name={name}", data=data, headers=headers) as answer:
                assert answer.status == 201, await answer.text()
                files.append((await answer.json())["file"]["id"])
        async with http.post(f"{place}/link", json={"files": files}, headers=headers) as answer:
            links = (await answer.json())["links"]
        return [links[file]["url"] for file in files]


async def test_nothing_runs(browser: Browser, system: Hubbub) -> None:
    """A file sends no request, whether opened directly or embedded in our page."""
    urls = await upload_all(system.origin)
    ran: list[str] = []
    context = await browser.new_context()

    def note(request: Request) -> None:
        if request.url.endswith("/ran"):
            ran.append(f"{request.frame.url} {request.resource_type}")

    context.on("request", note)
    page = await context.new_page()
    downloads: list[Download] = []
    page.on("download", lambda download: downloads.append(download))
    page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.dismiss()))
    for url in urls:
        with suppress(Error):  # for files that become a download
            await page.goto(system.origin + url)
            assert await page.evaluate("() => self.origin") == "null", url
    assert len(downloads) >= 4
    # A page of the same origin without a policy, unlike ours.
    await page.goto(system.origin + BARE)
    assert await page.evaluate(EMBED_ALL, urls) is False
    assert ran == []
    await context.close()


async def test_the_check_itself_would_see_it(browser: Browser, system: Hubbub) -> None:
    """The same bytes do run as a page of the same origin."""
    ran: list[str] = []
    context = await browser.new_context()
    context.on("request", lambda r: ran.append(r.url) if r.url.endswith("/ran") else None)
    page = await context.new_page()
    await page.goto(system.origin + BARE)
    assert await page.evaluate("self.origin") == system.origin
    async with page.expect_request("**/ran"):
        await page.set_content(HTML)
    assert ran
    await context.close()

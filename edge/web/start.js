/**
 * The first script: asks the server what every view begins with, and opens what this browser has
 * kept, while the other modules are on their way. Loads all of it again when one of them did not
 * come: a phone that changes its network while the page loads must not be left with an empty one.
 */
import { Api } from "./api.js";
import { clock } from "./client/clock.js";
import { openDatabase } from "./database.js";
import { isLink, keptLink, takeLink } from "./link.js";
import { Session } from "./session.js";

const RELOAD_MS = 2_000;

const link = takeLink() ?? keptLink(); // before anything reads the address as that of a chat
const fetcher = (path, request) => fetch(path, request);
const session = new Session({ fetch: fetcher, clock, locks: navigator.locks });
const api = new Api({ rest: session.rest });

/** The person who was here last, as this browser has kept them; null where it has not. */
async function lastHere() {
  const { lastId } = session;
  if (!lastId) return null;
  const opened = await openDatabase(`hubbub ${lastId}`);
  if (!opened.isLasting) return null;
  opened.database.readAhead(["names", "chats"]);
  const me = await opened.database.get("names", lastId);
  return me ? { me, opened } : null;
}

async function load() {
  // The same version of all: the address of this one names it.
  const { search } = new URL(import.meta.url);
  if (location.hash.length > 1) hurryTalk(search);
  try {
    return await import(`./main.js${search}`);
  } catch {
    const said = "Hubbub cannot be reached. Trying again.";
    document.getElementById("page").replaceChildren(said);
    if (link !== null) history.replaceState(null, "", `#${link.kind}=${link.code}`); // once more
    setTimeout(() => location.reload(), RELOAD_MS);
    return null;
  }
}

/** What shows an open chat may be on its way already: who opens it asks again for what failed. */
function hurryTalk(search) {
  import(`./talk.js${search}`).catch(() => {});
  const styles = document.querySelector('link[href^="/web/talk.css"]');
  styles.onerror = () => (styles.disabled = true);
  styles.disabled = false;
}

async function begin() {
  const loading = load();
  const isHere = link?.kind !== "reset" && (await session.mayBeThere());
  const asked = isHere ? api.beginning() : null;
  const kept = isHere && link === null ? lastHere() : null;
  (await loading)?.start({ session, api, clock, link, asked, kept });
}

addEventListener("hashchange", () => {
  // A link that is opened where the page is open already: it begins again, and reads it first.
  if (isLink(location.hash)) location.reload();
});
begin();

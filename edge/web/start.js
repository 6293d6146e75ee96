/**
 * The first script: requests what every view starts with, and opens this browser's storage, while
 * the other modules load. Reloads everything if one of them fails: a phone that changes its network
 * while loading must not end up with an empty page.
 */
import { Api } from "./state/api.js";
import { clock } from "./client/clock.js";
import { openDatabase } from "./storage/database.js";
import { isLink, keptLink, takeLink } from "./entry/link.js";
import { learnTime } from "./state/server-time.js";
import { Session } from "./storage/session.js";

const RELOAD_MS = 2_000;

const link = takeLink() ?? keptLink(); // before anything treats the address as a chat's
const fetcher = async (path, request) => {
  const answer = await fetch(path, request);
  learnTime(answer.headers.get("date"));
  return answer;
};
const session = new Session({ fetch: fetcher, clock, locks: navigator.locks });
const api = new Api({ rest: session.rest });

/** The last user, from this browser's storage; null if unknown. */
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
  // All in the same version, from the address of this one.
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

/** Starts loading the conversation script early: opening a chat retries a failed load. */
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
  // A link opened while the page is already open: restarts, and reads the link first.
  if (isLink(location.hash)) location.reload();
});
begin();

/**
 * The start of /admin: who is signed in, whether they are an owner or admin, and which part to
 * show.
 */
import { Api } from "../state/api.js";
import { clock } from "../client/clock.js";
import { element } from "../parts/element.js";
import { Instance } from "../state/instance.js";
import { Layers } from "../parts/layers.js";
import { Session } from "../storage/session.js";
import { Toast } from "../parts/toast.js";
import { isolated, noEntryInWords } from "../text/words.js";
import { AuditLog } from "./audit-log.js";
import { Calls } from "./calls.js";
import { Frame } from "./frame.js";
import { Invitations } from "./invitations.js";
import { Overview } from "./overview.js";
import { People } from "./people.js";
import { Settings } from "./settings.js";

const place = document.getElementById("page");
const fetcher = (path, request) => fetch(path, request);
const session = new Session({ fetch: fetcher, clock, locks: navigator.locks });
const api = new Api({ rest: session.rest });
const instance = new Instance({ fetch: fetcher });

const LOG_IN = "Log in as an owner or admin first. Then open this page again.";

/** A sentence in place of the page, and the way back. */
function refuse(sentence, way) {
  place.replaceChildren(element(
    "main",
    { class: "closed" },
    element("h1", {}, "Administration"),
    element("p", {}, sentence),
    element("p", {}, element("a", { class: "button", href: "/" }, way)),
  ));
}

function open(me) {
  const layers = new Layers({ go: () => frame.route() });
  const toast = new Toast({ clock });
  const calls = new Calls({ api });
  const parts = { me, calls, instance, layers, toast, clock };
  const frame = new Frame({
    instance,
    toast,
    parts: [
      { name: "overview", label: "Overview", icon: "overview", view: new Overview(parts) },
      { name: "people", label: "People", icon: "people", view: new People(parts) },
      { name: "invitations", label: "Invitations", icon: "mail", view: new Invitations(parts) },
      { name: "log", label: "Audit log", icon: "log", view: new AuditLog(parts) },
      { name: "settings", label: "Settings", icon: "settings", view: new Settings(parts) },
    ],
  });
  addEventListener("popstate", ({ state }) => layers.moved(state));
  place.replaceChildren(frame.node);
  frame.route();
}

async function start() {
  if (!(await session.mayBeThere())) {
    refuse(LOG_IN, "Log in");
    return;
  }
  try {
    const [me] = await Promise.all([api.me(), instance.load()]);
    if (me.role === "owner" || me.role === "admin") open(me);
    else {
      const name = isolated(instance.name);
      refuse(`Only owners and admins of ${name} see this page. You are a member.`, "To the chats");
    }
  } catch (error) {
    if (error.code === undefined) throw error;
    if (error.final) refuse(LOG_IN, "Log in");
    else refuse(noEntryInWords(error, location.origin), "To the chats");
  }
}

await start();

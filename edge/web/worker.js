/**
 * The service worker: caches the files of one version of the page, so that the page opens offline,
 * shows notifications while no window does, and opens their chats. Never caches API answers: user
 * content is only in IndexedDB, where logging out erases it.
 */

const VERSION = new URL(location.href).searchParams.get("v");
const CACHE = `hubbub ${VERSION}`;
const SHELL = "/";
const NEEDED = [
  "page.css", "talk.css", "later.css", "start.js", "main.js", "talk.js", "later.js", "mark.svg",
  "mark-unread.svg", "manifest.webmanifest",
];
const KEPT_VERSIONS = 2; // windows of the previous version may still load scripts
const SHELL_WAIT_MS = 3_000; // a connection without an answer counts as offline
const ICON = "/web/icon-192.png";

const closed = new Map(); // chat -> the dismissed seq, while this worker lives
let telling = Promise.resolve(); // sequential: each checks what the previous one has shown

self.addEventListener("install", (event) => {
  // Starting a worker takes time: requests that it does not handle do not wait for it.
  const at = (parts, rest) => ({ urlPattern: new URLPattern(parts), ...rest });
  const kept = at({ pathname: "/web/*", search: `v=${VERSION}` });
  const shell = at({ pathname: SHELL, search: "" }, { requestMode: "navigate" });
  event.addRoutes?.([
    { condition: at({ pathname: "/api/*" }), source: "network" },
    { condition: kept, source: { cacheName: CACHE } },
    { condition: shell, source: "race-network-and-fetch-handler" },
  ]);
  self.skipWaiting();
  event.waitUntil(keepAll());
});

self.addEventListener("activate", (event) => event.waitUntil(takeOver()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname, searchParams } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  if (request.mode === "navigate") {
    if (pathname === SHELL) event.respondWith(newestShell(event));
  } else if (pathname.startsWith("/web/") && searchParams.has("v")) {
    event.respondWith(keptFile(request));
  }
});

self.addEventListener("push", (event) => {
  const said = event.data.json();
  telling = telling.catch(() => {}).then(() => tell(said));
  event.waitUntil(telling);
});

self.addEventListener("notificationclick", (event) => {
  const { chat, seq } = event.notification.data;
  event.notification.close();
  event.waitUntil(lead(chat, seq));
});

self.addEventListener("notificationclose", ({ notification: { data } }) => {
  closed.set(data.chat, data.seq);
});

async function keepAll() {
  const cache = await caches.open(CACHE);
  const shell = await fetch(SHELL, { cache: "no-cache" });
  // While an edge of another version also runs, this may fail; the next start of the page retries.
  if (!(await shell.clone().text()).includes(`?v=${VERSION}"`)) {
    throw new Error("The page has another version.");
  }
  await cache.addAll(NEEDED.map((name) => `/web/${name}?v=${VERSION}`));
  await cache.put(SHELL, shell);
}

async function takeOver() {
  const names = (await caches.keys()).filter((name) => name.startsWith("hubbub "));
  const old = names.filter((name) => name !== CACHE).slice(0, 1 - KEPT_VERSIONS);
  await Promise.all(old.map((name) => caches.delete(name)));
  await self.registration.navigationPreload?.enable();
  await self.clients.claim();
}

/** The server's page if it answers soon, else the cached one. */
async function newestShell({ request, preloadResponse }) {
  const asked = Promise.resolve(preloadResponse).then((loaded) => loaded ?? fetch(request));
  const cached = await (await caches.open(CACHE)).match(SHELL);
  if (!cached) return asked;
  const wait = new Promise((resolve) => {
    setTimeout(resolve, SHELL_WAIT_MS, cached);
  });
  const answered = asked.then((answer) => (answer.ok ? answer : cached), () => cached);
  return Promise.race([answered, wait]);
}

/** A file with a version never changes. */
async function keptFile(request) {
  const kept = await caches.match(request);
  if (kept) return kept;
  const answer = await fetch(request);
  const isOurs = new URL(request.url).searchParams.get("v") === VERSION;
  if (answer.ok && isOurs) await (await caches.open(CACHE)).put(request, answer.clone());
  return answer;
}

/** One notification per chat, as in the windows; visible chats need none. */
async function tell({ me, chat, seq, title, body, at, silent }) {
  const windows = await ourWindows();
  if (windows.some(({ visibilityState }) => visibilityState === "visible")) return;
  const [shown] = await self.registration.getNotifications({ tag: chat });
  const known = Math.max(shown?.data.seq ?? 0, closed.get(chat) ?? 0);
  if (known >= seq) return; // a window was faster, or it is a duplicate
  await self.registration.showNotification(title, {
    body, silent, tag: chat, renotify: true, icon: ICON, timestamp: Date.parse(at),
    data: { me, chat, seq },
  });
}

/** Opens it in an existing window, else in a new one. */
async function lead(chat, seq) {
  const windows = await ourWindows();
  const window = windows.find(({ focused }) => focused) ?? windows[0];
  if (!window) {
    await self.clients.openWindow(`${SHELL}#${chat}${seq ? `/${seq}` : ""}`);
    return;
  }
  window.postMessage({ open: chat, seq });
  await window.focus();
}

async function ourWindows() {
  const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  return windows.filter(({ url }) => new URL(url).pathname === SHELL);
}

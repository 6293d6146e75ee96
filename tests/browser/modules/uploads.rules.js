import { NoAnswer, refusal } from "/web/client/errors.js";
import { upload } from "/web/client/upload.js";
import { Uploads } from "/web/files/uploads.js";
import { StandingClock, rule, same, settle } from "./checks.js";

globalThis.URL.createObjectURL ??= () => "blob:x";

/** Uploads, and the requests that they have begun; each is answered on demand. */
function parts() {
  const all = { clock: new StandingClock(), asked: [], dropped: [] };
  all.uploads = new Uploads({
    clock: all.clock, random: () => 0.5, inWords: (error) => error.code, onChange: () => {},
    bring: (file, how) => new Promise((resolve, reject) => {
      all.asked.push({ name: file.name, ...how, resolve, reject });
      how.signal.addEventListener("abort", () => reject(new DOMException("", "AbortError")));
    }),
    drop: async (id) => all.dropped.push(id),
  });
  all.states = () => all.uploads.all.map(({ state }) => state);
  return all;
}

function file(name, size = 10, type = "text/plain") {
  const isThere = async () => new ArrayBuffer(1);
  return { name, size, type, slice: () => ({ arrayBuffer: isThere }) };
}

rule("two are on their way at once, in order, and the message takes what has arrived", async () => {
  const all = parts();
  all.uploads.add([file("a"), file("b"), file("c")]);
  same(all.states(), ["sending", "sending", "waiting"]);
  all.asked[1].resolve({ id: "B" });
  await settle();
  same([all.states(), all.uploads.isUnderway], [["sending", "done", "sending"], true]);
  all.asked[0].resolve({ id: "A" });
  all.asked[2].resolve({ id: "C" });
  await settle();
  same(all.uploads.isUnderway, false);
  same(all.uploads.take(), [{ id: "A" }, { id: "B" }, { id: "C" }]);
  same(all.uploads.isEmpty, true);
});

rule("after a cut it is tried again under the same key", async () => {
  const all = parts();
  all.uploads.add([file("a")]);
  all.asked[0].reject(new NoAnswer("cut"));
  await settle();
  same([all.asked.length, all.uploads.isUnderway], [1, true]);
  same(all.uploads.all[0].isHeldUp, true);
  await all.clock.pass(1_000);
  same(all.uploads.all[0].isHeldUp, false);
  same([all.asked.length, all.asked[0].key === all.asked[1].key], [2, true]);
});

rule("what cannot be read is not tried again, and holds nothing up", async () => {
  const all = parts();
  const folder = file("folder", 4_096, "");
  folder.slice = () => ({ arrayBuffer: async () => { throw new DOMException("", "NotFoundError"); } });
  all.uploads.add([folder]);
  all.asked[0].reject(new NoAnswer("cut"));
  await settle();
  await all.clock.pass(60_000);
  same([all.states(), all.uploads.isUnderway, all.asked.length], [["failed"], false, 1]);
  same(all.uploads.all[0].mayRetry, false);
});

rule("a name that the server would refuse becomes one that it takes", () => {
  const all = parts();
  all.uploads.add(["a\\b/c.txt", "two\nlines", "\u202egnp.exe", "\u200e", "été ☀.md"].map((name) => file(name)));
  const names = all.uploads.all.map(({ name }) => name);
  same(names, ["a_b_c.txt", "two_lines", "gnp.exe", "pasted.plain", "été ☀.md"]);
});

rule("a refusal is said, and tried again only by hand", async () => {
  const all = parts();
  all.uploads.add([file("a")]);
  all.asked[0].reject(refusal(403, { code: "forbidden" }));
  await settle();
  await all.clock.pass(60_000);
  same([all.states(), all.uploads.all[0].reason, all.asked.length], [["failed"], "forbidden", 1]);
  same(all.uploads.wayOutInWords, "Try again or remove it.");
  all.uploads.retry(all.uploads.all[0].key);
  same([all.states(), all.asked.length], [["sending"], 2]);
});

rule("what is taken away is ended, and what had arrived is deleted", async () => {
  const all = parts();
  all.uploads.add([file("a"), file("b")]);
  all.asked[1].resolve({ id: "B" });
  await settle();
  const [a, b] = all.uploads.all;
  all.uploads.remove(a.key);
  all.uploads.remove(b.key);
  await settle();
  same([all.asked[0].signal.aborted, all.dropped, all.uploads.isEmpty], [true, ["B"], true]);
});

rule("what was forbidden or too large is not tried again by itself, whoever says so", async () => {
  for (const refused of [{ status: 403 }, { status: 413 }]) {
    const all = parts();
    all.uploads.add([new File(["x"], "a.txt")]);
    all.asked[0].reject(Object.assign(new Error("no"), { code: "internal", ...refused }));
    await settle();
    same([all.states(), all.uploads.all[0].mayRetry], [["failed"], true]);
  }
});

rule("what the server would refuse is said at once: too large, empty, too many", () => {
  const all = parts();
  const said = all.uploads.add([
    file("large", 26 * 1024 * 1024), file("empty", 0), ...Array.from({ length: 9 }, () => file("x")),
  ]);
  same([all.states().slice(0, 2), all.uploads.hasFailed], [["failed", "failed"], true]);
  same([all.uploads.all.length, said.includes("10")], [10, true]);
  same(all.uploads.wayOutInWords, "Remove it.");
});

rule("who waits for all of it is told once, when nothing is on its way any more", async () => {
  const all = parts();
  const said = [];
  all.uploads.add([file("a"), file("b")]);
  all.uploads.whenSettled(() => said.push("no more"));
  all.uploads.whenSettled(() => said.push("settled"));
  all.asked[0].resolve({ id: "A" });
  await settle();
  same(said, []);
  all.asked[1].reject(refusal(403, { code: "forbidden" }));
  await settle();
  all.uploads.take();
  same(said, ["settled"]);
});

rule("an upload ends when the connection is silent, however long it may take", async () => {
  let request;
  const own = globalThis.XMLHttpRequest;
  globalThis.XMLHttpRequest = class {
    upload = {};

    constructor() {
      request = this;
    }

    open() {}

    send() {}
  };
  const { signal } = new AbortController();
  const uploading = upload("/x", file("a"), { headers: {}, onProgress() {}, signal });
  globalThis.XMLHttpRequest = own;
  same(request.timeout, 75_000);
  request.timeout = 0;
  request.upload.onprogress({ loaded: 1, total: 2 });
  same(request.timeout >= 75_000, true);
  request.ontimeout();
  same((await uploading.catch((error) => error)).name, "NoAnswer");
});

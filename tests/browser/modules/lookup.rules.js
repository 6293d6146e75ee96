import { NoAnswer } from "/web/client/errors.js";
import { Lookup } from "/web/finder/lookup.js";
import { StandingClock, rule, same, settle } from "./checks.js";

/** A lookup with a server that answers on demand. */
function make() {
  const clock = new StandingClock();
  const asked = [];
  const ask = (text, cursor) => new Promise((resolve, reject) => {
    asked.push({ text, cursor, resolve, reject });
  });
  const lookup = new Lookup({ ask, clock, onChange() {} });
  const answer = async (n, found, next = null) => {
    asked[n].resolve({ found, next });
    await settle();
  };
  return { clock, asked, lookup, answer, texts: () => asked.map(({ text }) => text) };
}

rule("what is typed is asked for after a pause, and not each letter of it", async () => {
  const { clock, lookup, texts } = make();
  for (const text of ["g", "ga", "gar"]) {
    lookup.want(text);
    await clock.pass(50);
  }
  same([texts(), lookup.isWaiting], [[], true]);
  await clock.pass(200);
  same(texts(), ["gar"]);
});

rule("one request is under way; the next asks for the newest text, and a late answer is dropped", async () => {
  const { clock, lookup, answer, texts } = make();
  lookup.want("a");
  await clock.pass(200);
  for (const text of ["ab", "abc"]) {
    lookup.want(text);
    await clock.pass(200);
  }
  same(texts(), ["a"]);
  await answer(0, ["late"]);
  same([lookup.found, lookup.isWaiting], [[], true]);
  await clock.pass(200);
  await answer(1, ["right"]);
  same([texts(), lookup.found, lookup.isWaiting], [["a", "abc"], ["right"], false]);
});

rule("earlier results stay until the answer, and are not taken for current", async () => {
  const { clock, lookup, answer } = make();
  lookup.want("a");
  await clock.pass(200);
  await answer(0, ["ann"]);
  same(lookup.isCurrent, true);
  lookup.want("ab");
  same([lookup.found, lookup.isCurrent], [["ann"], false]);
});

rule("pages follow each other, one at a time, until there is none", async () => {
  const { clock, lookup, answer, asked } = make();
  lookup.want("a");
  await clock.pass(200);
  await answer(0, [1, 2], "x");
  lookup.more();
  lookup.more();
  same([asked.length, asked[1].cursor], [2, "x"]);
  await answer(1, [3]);
  lookup.more();
  same([asked.length, lookup.found, lookup.hasMore], [2, [1, 2, 3], false]);
});

rule("a refusal because of too many is said, and asked again when it is over", async () => {
  const { clock, lookup, answer, asked } = make();
  lookup.want("a");
  await clock.pass(200);
  asked[0].reject(Object.assign(new Error(), { code: "rate_limited", retryAfter: 5 }));
  await settle();
  same([lookup.error.code, lookup.isWaiting], ["rate_limited", false]);
  await clock.pass(4_900);
  same(asked.length, 1);
  await clock.pass(200);
  await answer(1, ["found"]);
  same([lookup.error, lookup.found], [null, ["found"]]);
});

rule("an unreachable server is said and asked again; what does not pass is not", async () => {
  const { clock, lookup, asked } = make();
  lookup.want("a");
  await clock.pass(200);
  asked[0].reject(new NoAnswer("offline"));
  await settle();
  same(lookup.error.code, "unavailable");
  await clock.pass(2_100);
  same(asked.length, 2);
  asked[1].reject(Object.assign(new Error(), { code: "internal" }));
  await settle();
  await clock.pass(60_000);
  same([asked.length, lookup.error.code], [2, "internal"]);
});

rule("nothing is asked once nothing is typed, nor for what is answered already", async () => {
  const { clock, lookup, answer, texts } = make();
  lookup.want("a");
  await clock.pass(200);
  await answer(0, [1], "x");
  lookup.want("ab");
  lookup.want("a");
  await clock.pass(500);
  same([texts(), lookup.found], [["a"], [1]]);
  lookup.want("b");
  lookup.want("");
  await clock.pass(500);
  same([texts(), lookup.found, lookup.hasMore], [["a"], [], false]);
});

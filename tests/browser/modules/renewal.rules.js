import { Renewal } from "/web/background/renewal.js";
import { StandingClock, rule, same } from "./checks.js";

const MINUTE = 60_000;

/** A page of version "1" on a server whose version the rule changes. */
function parts({ random = 0.5 } = {}) {
  const all = { clock: new StandingClock(), server: "1", asked: 0, isQuiet: true, reloads: 0 };
  all.renewal = new Renewal({
    ask: async () => {
      all.asked += 1;
      if (all.server === null) throw new Error("unreachable");
      return all.server;
    },
    version: "1", clock: all.clock, random: () => random, isQuiet: () => all.isQuiet,
    reload: () => {
      all.reloads += 1;
    },
  });
  return all;
}

async function until(all, ms) {
  await all.clock.pass(ms);
  all.renewal.tick();
}

rule("a page of the server's version stays", async () => {
  const all = parts();
  await all.renewal.check();
  await until(all, 60 * MINUTE);
  same([all.asked, all.reloads], [1, 0]);
});

rule("a page of another version is loaded anew, once, at a moment drawn within five minutes", async () => {
  const all = parts();
  all.server = "2";
  await all.renewal.check();
  await until(all, 2 * MINUTE);
  same(all.reloads, 0);
  await until(all, MINUTE);
  same(all.reloads, 1);
  await until(all, MINUTE);
  same(all.reloads, 1);
});

rule("it waits until nobody would notice", async () => {
  const all = parts({ random: 0 });
  all.server = "2";
  all.isQuiet = false;
  await all.renewal.check();
  await until(all, 60 * MINUTE);
  same(all.reloads, 0);
  all.isQuiet = true;
  await until(all, 0);
  same(all.reloads, 1);
});

rule("the server is asked once a minute at most", async () => {
  const all = parts();
  await all.renewal.check();
  await all.renewal.check();
  same(all.asked, 1);
  await all.clock.pass(MINUTE);
  await all.renewal.check();
  same(all.asked, 2);
});

rule("a server that does not answer says nothing about its version", async () => {
  const all = parts({ random: 0 });
  all.server = null;
  await all.renewal.check();
  await until(all, 60 * MINUTE);
  same(all.reloads, 0);
});

/** Runs the rules of the module named in the address, `?name=timeline`. */
import { runAll } from "./checks.js";

await import(`./${new URLSearchParams(location.search).get("name")}.rules.js`);
await runAll();

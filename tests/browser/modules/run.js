/** Runs the rules of the module that the address names, `?name=timeline`. */
import { runAll } from "./checks.js";

await import(`./${new URLSearchParams(location.search).get("name")}.rules.js`);
await runAll();

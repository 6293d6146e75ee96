/**
 * For Node.js only: a store in a file, and settings from the environment.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { Client } from "../lib/client.js";

const REWRITE_AFTER = 10_000; // obsolete lines
const BEGINNING = '["'; // of a file, or a part of it after a crash

/**
 * One file, readable only by its owner, since it contains the refresh token. For one program at a
 * time. Throws, and writes nothing, if the file is of another kind. A line is `[name, value]`; the
 * last line of a name counts, and one that a crash cut short does not.
 */
export class FileStore {
  #path;
  #values = new Map();
  #lines = 0;
  #isWhole = true; // the last line is complete

  constructor(path) {
    this.#path = path;
    mkdirSync(dirname(path), { recursive: true });
    if (existsSync(path)) this.#read();
    this.#rewrite();
  }

  get(name) {
    return this.#values.get(name) ?? null;
  }

  put(name, value) {
    this.#values.set(name, value);
    this.#write(name, value);
  }

  remove(name) {
    if (this.#values.delete(name)) this.#write(name, null);
  }

  names(beginning) {
    return [...this.#values.keys()].filter((name) => name.startsWith(beginning));
  }

  #read() {
    const text = readFileSync(this.#path, "utf8");
    if (!BEGINNING.startsWith(text.trimStart().slice(0, BEGINNING.length))) {
      throw new Error(
        `Choose another file than ${this.#path}, which is not a store of the JavaScript client.`,
      );
    }
    for (const line of text.split("\n")) {
      let entry;
      try {
        entry = JSON.parse(line);
      } catch {
        continue;
      }
      const [name, value] = entry;
      if (value === null) this.#values.delete(name);
      else this.#values.set(name, value);
    }
  }

  #write(name, value) {
    const end = this.#isWhole ? "" : "\n";
    this.#isWhole = false; // a full disk may write only a part
    appendFileSync(this.#path, `${end}${JSON.stringify([name, value])}\n`);
    this.#isWhole = true;
    this.#lines += 1;
    if (this.#lines > REWRITE_AFTER + this.#values.size) this.#rewrite();
  }

  /** The file is complete before and after. */
  #rewrite() {
    const lines = [...this.#values].map((entry) => `${JSON.stringify(entry)}\n`);
    writeFileSync(`${this.#path}.new`, lines.join(""), { mode: 0o600 });
    renameSync(`${this.#path}.new`, this.#path);
    this.#lines = lines.length;
  }
}

/**
 * A client for bots and scripts. `HUBBUB_ORIGIN` is the server's address; `HUBBUB_STORE` a file for
 * state that outlives the program; `HUBBUB_USERNAME` and `HUBBUB_PASSWORD` log in if the file has
 * no session yet. Each is optional.
 */
export async function clientFromEnvironment(options = {}, environment = process.env) {
  const { HUBBUB_ORIGIN, HUBBUB_STORE, HUBBUB_USERNAME, HUBBUB_PASSWORD } = environment;
  const client = await Client.open({
    origin: HUBBUB_ORIGIN,
    store: HUBBUB_STORE ? new FileStore(HUBBUB_STORE) : undefined,
    ...options,
  });
  if (client.rest.tokens === null && HUBBUB_USERNAME) {
    await client.logIn({ username: HUBBUB_USERNAME, password: HUBBUB_PASSWORD ?? "" });
  }
  return client;
}

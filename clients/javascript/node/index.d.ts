/** What only node has: a store in a file, and settings from the environment. */
import type { Client, Options, Store } from "../lib/index.js";

/** One file, readable by its owner alone: it has the refresh token. For one program at a time. */
export class FileStore implements Store {
  constructor(path: string);
  get(name: string): string | null;
  put(name: string, value: string): void;
  remove(name: string): void;
  names(beginning: string): string[];
}

/**
 * A client for bots and scripts. `HUBBUB_ORIGIN` is the server's address; `HUBBUB_STORE` a file for
 * what outlives the program; `HUBBUB_USERNAME` and `HUBBUB_PASSWORD` log in where the file has no
 * session yet. Each is optional.
 */
export function clientFromEnvironment(
  options?: Options,
  environment?: Record<string, string | undefined>,
): Promise<Client>;

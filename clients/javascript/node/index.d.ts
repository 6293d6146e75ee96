/** For Node.js only: a store in a file, and settings from the environment. */
import type { Client, Options, Store } from "../lib/index.js";

/**
 * One file, readable only by its owner, since it contains the refresh token. For one program at a
 * time. Throws, and writes nothing, if the file is of another kind.
 */
export class FileStore implements Store {
  constructor(path: string);
  get(name: string): string | null;
  put(name: string, value: string): void;
  remove(name: string): void;
  names(beginning: string): string[];
}

/**
 * A client for bots and scripts. `HUBBUB_ORIGIN` is the server's address; `HUBBUB_STORE` a file for
 * state that outlives the program; `HUBBUB_USERNAME` and `HUBBUB_PASSWORD` log in if the file has
 * no session yet. Each is optional.
 */
export function clientFromEnvironment(
  options?: Options,
  environment?: Record<string, string | undefined>,
): Promise<Client>;

/**
 * The public facts about the instance: its name, and who may sign up. The name is stored in this
 * browser for the first view.
 */
import { exchange } from "../client/exchange.js";

const KEPT = "hubbub name"; // in localStorage

export class Instance {
  #fetch;

  constructor({ fetch }) {
    this.#fetch = fetch;
    this.name = keptName();
    this.signup = "open";
    this.isSignupFixed = false; // by the environment
  }

  /** Asks the server. On failure keeps the old values: the next call will report the error. */
  async load() {
    try {
      this.learn(await exchange(this.#fetch, "GET", "/api/instance"));
    } catch (error) {
      if (error.code === undefined) throw error;
    }
  }

  /** Sets what the server has returned. */
  learn({ name, signup, signupFixed = false }) {
    this.name = name;
    this.signup = signup;
    this.isSignupFixed = signupFixed;
    try {
      localStorage.setItem(KEPT, name);
    } catch {
      // Nothing can be stored here: the next visit starts with the default name.
    }
  }
}

function keptName() {
  try {
    return localStorage.getItem(KEPT) ?? "Hubbub";
  } catch {
    return "Hubbub";
  }
}

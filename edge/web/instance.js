/**
 * What everybody may know of the instance: its name, and who may sign up. The name is kept in this
 * browser, so that the first view has it.
 */
import { exchange } from "./client/exchange.js";

const KEPT = "hubbub name"; // in localStorage

export class Instance {
  #fetch;

  constructor({ fetch }) {
    this.#fetch = fetch;
    this.name = keptName();
    this.signup = "open";
    this.isSignupFixed = false; // by the environment
  }

  /** Asks the server. Where that fails what was known before stands: the next call will say so. */
  async load() {
    try {
      this.learn(await exchange(this.#fetch, "GET", "/api/instance"));
    } catch (error) {
      if (error.code === undefined) throw error;
    }
  }

  /** What the server has said of it. */
  learn({ name, signup, signupFixed = false }) {
    this.name = name;
    this.signup = signup;
    this.isSignupFixed = signupFixed;
    try {
      localStorage.setItem(KEPT, name);
    } catch {
      // Nothing can be kept here: the next visit begins with another name.
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

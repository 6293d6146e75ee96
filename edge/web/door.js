/**
 * The script for users who are not signed in, or who follow a link.
 */
import { followLink } from "./entry/arrival.js";
import { EntryForm } from "./entry/entry-form.js";

export const door = { EntryForm, followLink };

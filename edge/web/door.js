/**
 * What only those need who are not signed in here, or come by a link.
 */
import { followLink } from "./arrival.js";
import { EntryForm } from "./entry-form.js";

export const door = { EntryForm, followLink };

/**
 * People by the beginning of a name.
 */
import { isDeleted } from "../text/words.js";

/** Those of these people who are called so, as far as is known here, an exact user name first. */
export function peopleCalled(start, ids, names) {
  const wanted = start.toLowerCase();
  const isExact = (id) => names.known(id).username.toLowerCase() === wanted;
  const people = ids.filter((id) => names.isCalled(id, start) && !isDeleted(names.known(id)));
  return [...people.filter(isExact), ...people.filter((id) => !isExact(id))];
}

/** Asks the server, which knows user names only: at most 20, nobody for an impossible name. */
export async function askForPeople(start, { api, names }) {
  try {
    const users = await api.usersNamed(start);
    names.learn(users);
    return users;
  } catch (error) {
    if (error.code !== "invalid_request") throw error;
    return [];
  }
}

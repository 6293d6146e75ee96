/**
 * People by the beginning of a name.
 */
import { isDeleted } from "../text/people-words.js";

/** Those of these people who are called so, as far as is known here, by user name: an exact one is
 * first. All of them in their order for "". */
export function peopleCalled(start, ids, names) {
  const people = ids.filter((id) => names.isCalled(id, start) && !isDeleted(names.known(id)));
  if (start === "") return people;
  const nameOf = (id) => names.known(id).username.toLowerCase();
  const isExact = (id) => nameOf(id) === start.toLowerCase();
  return people.sort((one, two) => (
    isExact(two) - isExact(one) || nameOf(one).localeCompare(nameOf(two))
  ));
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

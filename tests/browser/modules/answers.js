/** A `Rest` on a server with prepared answers. */
import { Rest } from "/web/client/rest.js";
import { StandingClock, answered } from "./checks.js";

export const DAY_MS = 86_400_000;
export const TOKENS = { user: "ann", access: "a1", refresh: "r1", expires: DAY_MS };

/** A server with prepared answers, one for each request. */
export function parts(answers, { tokens = TOKENS, Kind = Rest, ...rest } = {}) {
  const clock = new StandingClock();
  const asked = [];
  const kept = [];
  const fetch = async (path, { method, headers, body }) => {
    asked.push({ path, method, headers, body: body && JSON.parse(body) });
    const answer = answers.shift();
    if (answer === undefined) throw new TypeError("Failed to fetch");
    const [status, value, extra = {}] = answer;
    return answered(status, value, extra);
  };
  const rest_ = new Kind({
    fetch, clock, random: () => 0, tokens, onTokens: (given) => kept.push(given), ...rest,
  });
  return { rest: rest_, clock, asked, kept };
}

export const failed = async (promise) => promise.then(() => null, (error) => error);
export const GOOD = [200, { well: true }];
export const NEW = [200, { token: "a2", refreshToken: "r2", expiresIn: 900 }];
export const refused = (status, code, headers) => [status, { code, detail: `${code}!` }, headers];

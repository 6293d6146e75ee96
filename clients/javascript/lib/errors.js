/**
 * Errors for the refusals of calls: the codes of docs/api.md, *Refusals*, as types.
 *
 * HubbubError
 * ├── Refused                 the server said no; `code` and `message` say why
 * │   ├── InvalidRequest      a field is missing or out of its limits
 * │   ├── UnknownUser
 * │   ├── Unauthenticated     the session has ended: log in again; unsent changes are kept
 * │   ├── InvalidCredentials
 * │   ├── Forbidden           SignupClosed
 * │   ├── NotFound            there is none, or you are not in it
 * │   ├── Conflict            UsernameTaken, EmailTaken, LastOwner
 * │   ├── TooLarge
 * │   └── Transient           the same call may succeed later, after `retryAfter` seconds
 * │       ├── RateLimited
 * │       └── Unavailable
 * ├── NoAnswer                the connection broke; the outcome is unknown
 * └── Stopped                 the server ended the socket and asked this client not to come back
 */

const MAX_TOLD = 3; // invalid fields or ids in an error's message

/** The base class of all errors of this package. */
export class HubbubError extends Error {
  get name() {
    return this.constructor.name;
  }
}

/**
 * A refusal. `errors` lists the invalid fields or ids, if the server names them. For a message
 * refused over the socket, `status` is 0, `errors` is empty, and `message` names the field.
 */
export class Refused extends HubbubError {
  constructor(status, code, detail, errors = [], retryAfter = 0) {
    super((detail || `The server answered ${status}.`) + told(errors));
    this.status = status;
    this.code = code;
    this.errors = errors;
    this.retryAfter = retryAfter;
  }
}

/** What is wrong with the first of the fields or ids. */
function told(errors) {
  const first = errors.slice(0, MAX_TOLD).map(({ field, id, detail }) => `${field ?? id}: ${detail}`);
  if (errors.length > MAX_TOLD) first.push("…");
  return first.length > 0 ? ` (${first.join("; ")})` : "";
}

export class InvalidRequest extends Refused {}

export class UnknownUser extends Refused {}

/** `final`: repeating does not help. */
export class Unauthenticated extends Refused {
  final = true;
}

export class InvalidCredentials extends Refused {}

export class Forbidden extends Refused {}

export class SignupClosed extends Forbidden {}

export class NotFound extends Refused {}

export class Conflict extends Refused {}

export class UsernameTaken extends Conflict {}

export class EmailTaken extends Conflict {}

export class LastOwner extends Conflict {}

export class TooLarge extends Refused {}

export class Transient extends Refused {}

export class RateLimited extends Transient {}

export class Unavailable extends Transient {}

/**
 * A repeat with the same key settles the outcome. It has the code of Unavailable, which means the
 * same.
 */
export class NoAnswer extends HubbubError {
  code = "unavailable";
  retryAfter = 0;
}

/** `code` is the close code of the socket, `reason` the server's text. */
export class Stopped extends HubbubError {
  constructor(code, reason = "") {
    super(`${code} ${reason}`.trim());
    this.code = code;
    this.reason = reason;
  }
}

const BY_CODE = {
  invalid_request: InvalidRequest,
  unknown_user: UnknownUser,
  unauthenticated: Unauthenticated,
  invalid_credentials: InvalidCredentials,
  forbidden: Forbidden,
  signup_closed: SignupClosed,
  not_found: NotFound,
  username_taken: UsernameTaken,
  email_taken: EmailTaken,
  last_owner: LastOwner,
  too_large: TooLarge,
  rate_limited: RateLimited,
  unavailable: Unavailable,
};
/**
 * What these statuses mean also from a proxy in between, whatever the body says. 408: the network
 * stalled in the middle of the request.
 */
const BY_STATUS = {
  408: "unavailable", 429: "rate_limited", 502: "unavailable", 503: "unavailable",
  504: "unavailable",
};

/**
 * The error for a refusal; `problem` is its body. Unknown codes are plain Refused. The body of a
 * proxy may have `errors` of another kind.
 */
export function refusal(status, { code = "internal", detail, errors } = {}, retryAfter = 0) {
  const said = BY_STATUS[status] ?? code;
  const named = Array.isArray(errors) ? errors.filter((error) => error?.detail) : [];
  return new (BY_CODE[said] ?? Refused)(status, said, detail, named, retryAfter);
}

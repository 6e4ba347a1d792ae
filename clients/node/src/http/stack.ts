/** The limits that one request meets, in order; none may charge another's limiter. */

/** A limit that a request has met. */
export interface Met {
  readonly limit: object;
  /** What keys of its scope begin with. */
  readonly space: string;
  /** The whole key; null for a limit that was not asked, which counts for every subject. */
  readonly key: string | null;
  readonly limiters: readonly string[];
  readonly before: Met | undefined;
}

/** A limit that a request meets now. */
export interface Meeting {
  readonly limit: object;
  /** What it counts under if no other limit does. */
  readonly scope: string;
  /** Whether its scope was given, so that it cannot move. */
  readonly named: boolean;
  /** `{kind}:{subject}`; null: not asked. */
  readonly subject: string | null;
  readonly limiters: readonly string[];
}

/** Whether `limit` has charged this request already. */
export function isCharged(stack: Met | undefined, limit: object): boolean {
  for (let each = stack; each; each = each.before) {
    if (each.limit === limit && each.key !== null) return true;
  }
  return false;
}

/**
 * Where a limit counts beside those that the request has met: its scope, or the first of `#2`,
 * `#3`, ... in which none of its limiters is taken. Null if it would have to move, and is named.
 *
 * @param spaceOf what keys of a scope begin with
 */
export function place(
  stack: Met | undefined,
  meeting: Meeting,
  spaceOf: (scope: string) => string,
): Met | null {
  const { limit, scope, named, subject, limiters } = meeting;
  for (let nth = 1; ; nth++) {
    const space = spaceOf(nth === 1 ? scope : `${scope}#${nth}`);
    const key = subject === null ? null : `${space}${subject}`;
    const place = { limit, space, key, limiters, before: stack };
    if (named && key === null) return place;
    if (!isTaken(stack, place, named)) return place;
    if (named) return null;
  }
}

function isTaken(
  stack: Met | undefined,
  { limit, space, key, limiters }: Met,
  named: boolean,
): boolean {
  for (let each = stack; each; each = each.before) {
    if (each.limit === limit) continue;
    const whose = each.key === null || key === null ? each.space === space : each.key === key;
    if (named && each.key === null) continue;
    if (whose && each.limiters.some((limiter) => limiters.includes(limiter))) return true;
  }
  return false;
}

/** Where the limits of one request count, so that none charges another's limiter. */

import { StoreMisconfigured } from '../errors.js';
import { isWhole, type Subject, type WholeKey } from '../keys/subjects.js';
import type { StoreLimiter } from '../limiter.js';
import { type Met, place } from './stack.js';

const met = Symbol.for('redis-rl.met');

/** A request of Node's http, on which it is noted what limits it has met. */
export type RawRequest = object & { [met]?: Met };

/** A limit as others of the request see it. */
export interface Placed {
  /** Its name in errors. */
  readonly label: string;
}

/** One limit, where a request meets it. */
export interface Place {
  readonly limit: Placed;
  readonly scope: string;
  /** Whether the scope was given, so that it cannot move. */
  readonly named: boolean;
  readonly limiters: readonly string[];
  /** Part of the first field of the key. */
  readonly slot?: string | undefined;
}

/** The limits that the request has met. */
export function metBy(raw: RawRequest): Met | undefined {
  return raw[met];
}

/** Notes that the request has met a limit which does not ask the store. */
export function pass(raw: RawRequest, limiter: StoreLimiter, place_: Place): null {
  const { limit, scope, named, limiters, slot } = place_;
  const meeting = { limit, scope, named, subject: null, limiters };
  const placed = place(raw[met], meeting, (each) => limiter.spaceOf(each, slot));
  if (placed !== null) raw[met] = placed;
  return null;
}

/** The key at which the first limit of a request charges. */
export function firstKey(
  raw: RawRequest,
  limiter: StoreLimiter,
  limit: Placed,
  scope: string,
  who: Subject | WholeKey,
  limiters: readonly string[],
  slot?: string,
): string {
  const whole = isWhole(who);
  const space = whole ? '' : limiter.spaceOf(scope, slot);
  const key = `${space}${whole ? who.key : limiter.subjectOf(who)}`;
  raw[met] = { limit, space, key, limiters, before: undefined };
  return key;
}

/** The key at which to charge. @throws StoreMisconfigured if that would charge it twice */
export function keyAt(
  raw: RawRequest,
  limiter: StoreLimiter,
  where: Place,
  who: Subject | WholeKey,
): string {
  const { limit, scope, limiters, slot } = where;
  const whole = isWhole(who);
  const stack = raw[met];
  if (stack === undefined) return firstKey(raw, limiter, limit, scope, who, limiters, slot);
  const subject = whole ? who.key : limiter.subjectOf(who);
  const named = whole || where.named;
  const spaceOf = (each: string) => (whole ? '' : limiter.spaceOf(each, slot));
  const placed = place(stack, { limit, scope, named, subject, limiters }, spaceOf);
  if (placed === null) throw conflict(limiter, stack, `${spaceOf(scope)}${subject}`, where);
  raw[met] = placed;
  return placed.key as string;
}

function conflict(
  limiter: StoreLimiter,
  stack: Met,
  key: string,
  { limit, limiters }: Place,
): StoreMisconfigured {
  let other: Met | undefined = stack;
  const shares = (each: Met) => each.key === key && each.limiters.some((l) => limiters.includes(l));
  while (other && !shares(other)) other = other.before;
  const shared = other?.limiters.find((each) => limiters.includes(each)) ?? '';
  const names = [(other?.limit as Placed).label, limit.label].join(' and ');
  const error = new StoreMisconfigured(
    `two limits of one request must not charge the same limiter, as ${names} do with ` +
      `${described(shared)}: give each a name of its own, or use one limit object for both`,
  );
  limiter.misconfigured(error);
  return error;
}

function described(limiter: string): string {
  const [kind = '', ms] = limiter.split(' ');
  if (kind === 'policy') return limiter;
  return ms === undefined ? `a ${kind}` : `a ${kind} limit of ${Number(ms) / 1000} s`;
}

/** What was decided, read from the reply of RL.LIMIT. */

import { StoreMisconfigured } from './errors.js';
import type { Label } from './limits/plan.js';

/** The verdict of one limit. Times are in seconds, exact to the millisecond. */
export interface Decision {
  /** Whether this limit alone would have allowed the request. */
  readonly allowed: boolean;
  /** The limit, or a bucket's capacity. */
  readonly limit: number;
  /** How much cost would still be allowed at once. */
  readonly remaining: number;
  /** 0 if allowed; else after this long the same request is allowed; null: never. */
  readonly retryAfter: number | null;
  /** Until the limit is as if never used. */
  readonly resetAfter: number;
  /** How long a LEAKY limit asks to hold the request before it is served; else 0. */
  readonly wait: number;
  /** The limit's name. */
  readonly policy: string;
  /** In how many whole seconds the limit comes back when all of it is used; null: not known. */
  readonly window: number | null;
}

/** The verdict of all limits of a request together. Times are in seconds. */
export interface Outcome {
  readonly allowed: boolean;
  /** One per limit, in order; none when nobody was asked. */
  readonly decisions: readonly Decision[];
  /** The smallest `remaining` of its limits; null when nobody was asked. */
  readonly remaining: number | null;
  /** The same as `remaining`. */
  readonly requestsLeft: number | null;
  /** 0 if allowed; else the longest wait of the limits that deny; null: never. */
  readonly retryAfter: number | null;
  /** The longest `resetAfter` of its limits; null when nobody was asked. */
  readonly resetAfter: number | null;
  /** How long to hold an allowed request before it is served. */
  readonly wait: number;
  /** The limit that is closest to denying, or denies longest; null when nobody was asked. */
  readonly tightest: Decision | null;
  /** The key in the store. */
  readonly key: string;
  readonly cost: number;
  /** Nobody was asked where it is `failed_open`, as the store could not be, or `exempt`. */
  readonly source: 'server' | 'failed_open' | 'exempt';
}

/** The limits in a reply, by which it is seen whether it fits what is known of policies. */
export function quotasOf(reply: unknown): unknown[] {
  if (!Array.isArray(reply)) throw unreadable(reply);
  return reply.slice(1).map((row) => (Array.isArray(row) ? (row[1] as unknown) : undefined));
}

/** @throws StoreMisconfigured if `reply` is not one that fits `labels` */
export function readOutcome(
  reply: unknown,
  labels: readonly Label[],
  key: string,
  cost: number,
): Outcome {
  const count = labels.length;
  if (!Array.isArray(reply) || reply.length !== count + 1) throw unreadable(reply);
  const allowed = flag(reply[0], reply);
  const decisions = new Array<Decision>(count);
  let remaining = Number.MAX_SAFE_INTEGER;
  let retryAfter: number | null = 0;
  let resetAfter = 0;
  let wait = 0;
  let denied = false;
  for (let at = 0; at < count; at++) {
    const decision = readDecision(reply, at, labels[at] as Label);
    decisions[at] = decision;
    denied ||= !decision.allowed;
    remaining = Math.min(remaining, decision.remaining);
    resetAfter = Math.max(resetAfter, decision.resetAfter);
    wait = Math.max(wait, decision.wait);
    retryAfter =
      retryAfter === null || decision.retryAfter === null
        ? null
        : Math.max(retryAfter, decision.retryAfter);
  }
  if (denied === allowed) throw unreadable(reply);
  return {
    allowed,
    decisions,
    remaining,
    requestsLeft: remaining,
    retryAfter,
    resetAfter,
    wait: allowed ? wait : 0,
    tightest: tightestOf(decisions),
    key,
    cost,
    source: 'server',
  };
}

/**
 * How a call of cost 1 would fare, from the outcome of one of cost 0.
 *
 * @param waitOf seconds that it would have to wait for a limit with nothing left; null: for ever
 */
export function standing(outcome: Outcome, waitOf: (at: number) => number | null): Outcome {
  const decisions = outcome.decisions.map((decision, at) =>
    decision.remaining > 0
      ? decision
      : { ...decision, allowed: false, retryAfter: waitOf(at), wait: 0 },
  );
  const waits = decisions.map(({ retryAfter }) => retryAfter);
  const allowed = decisions.every((decision) => decision.allowed);
  return {
    ...outcome,
    allowed,
    decisions,
    retryAfter: waits.includes(null) ? null : Math.max(...(waits as number[])),
    wait: allowed ? outcome.wait : 0,
    tightest: tightestOf(decisions),
  };
}

/** The outcome of a request that is served although nobody was asked. */
export function unasked(source: 'failed_open' | 'exempt', key: string, cost: number): Outcome {
  return {
    allowed: true,
    decisions: [],
    remaining: null,
    requestsLeft: null,
    retryAfter: 0,
    resetAfter: null,
    wait: 0,
    tightest: null,
    key,
    cost,
    source,
  };
}

function readDecision(reply: unknown[], at: number, { name, window }: Label): Decision {
  const row = reply[at + 1];
  if (!Array.isArray(row) || row.length !== 5) throw unreadable(reply);
  const allowed = flag(row[0], reply);
  const [, limit, remaining, wait, reset] = row as readonly unknown[];
  if (!isCount(limit) || !isCount(remaining) || !isCount(reset)) throw unreadable(reply);
  if (!isCount(wait) && (allowed || wait !== -1)) throw unreadable(reply);
  const seconds = wait === -1 ? null : wait / 1000;
  return {
    allowed,
    limit,
    remaining,
    retryAfter: allowed ? 0 : seconds,
    resetAfter: reset / 1000,
    wait: allowed ? (seconds ?? 0) : 0,
    policy: name,
    window,
  };
}

/** Of those that deny the one with the longest wait, else the least left; the first of equals. */
export function tightestOf(decisions: readonly Decision[]): Decision | null {
  let tightest: Decision | null = null;
  for (const each of decisions) {
    if (tightest === null || isTighter(each, tightest)) tightest = each;
  }
  return tightest;
}

function isTighter(a: Decision, b: Decision): boolean {
  if (a.allowed !== b.allowed) return b.allowed;
  if (!a.allowed) return (a.retryAfter ?? Infinity) > (b.retryAfter ?? Infinity);
  return share(a) < share(b);
}

function share({ remaining, limit }: Decision): number {
  return limit === 0 ? 0 : remaining / limit;
}

function flag(value: unknown, reply: unknown): boolean {
  if (value !== 0 && value !== 1) throw unreadable(reply);
  return value === 1;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function unreadable(reply: unknown): StoreMisconfigured {
  return new StoreMisconfigured(
    `This is not a reply of RL.LIMIT: ${JSON.stringify(reply)?.slice(0, 200)}. ` +
      'Either something else answers, or the client changes replies',
  );
}

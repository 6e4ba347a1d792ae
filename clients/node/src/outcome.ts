/** What was decided, read from the reply of RL.LIMIT. */

import { StoreMisconfigured } from './errors.js';
import type { Plan } from './plan.js';

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
  /** In how many whole seconds the limit comes back when all of it is used; at least 1. */
  readonly window: number;
}

/** The verdict of all limits of a request together. Times are in seconds. */
export interface Outcome {
  readonly allowed: boolean;
  /** One per limit, in order; none when failed open. */
  readonly decisions: readonly Decision[];
  /** The smallest `remaining` of its limits; null when failed open. */
  readonly remaining: number | null;
  /** The same as `remaining`. */
  readonly requestsLeft: number | null;
  /** 0 if allowed; else the longest wait of the limits that deny; null: never. */
  readonly retryAfter: number | null;
  /** The longest `resetAfter` of its limits; null when failed open. */
  readonly resetAfter: number | null;
  /** How long to hold an allowed request before it is served. */
  readonly wait: number;
  /** The limit that is closest to denying, or denies longest; null when failed open. */
  readonly tightest: Decision | null;
  /** The key in the store; null when failed open because nobody knows who is asking. */
  readonly key: string | null;
  readonly cost: number;
  /** `failed_open`: nobody was asked, since the store could not be. */
  readonly source: 'server' | 'failed_open';
}

/** @throws StoreMisconfigured if `reply` is not one to `plan` */
export function readOutcome(reply: unknown, plan: Plan, key: string, cost: number): Outcome {
  const count = plan.limits.length;
  if (!Array.isArray(reply) || reply.length !== count + 1) throw unreadable(reply);
  const allowed = flag(reply[0], reply);
  const decisions = new Array<Decision>(count);
  let remaining = Number.MAX_SAFE_INTEGER;
  let retryAfter: number | null = 0;
  let resetAfter = 0;
  let wait = 0;
  let denied = false;
  for (let at = 0; at < count; at++) {
    const decision = readDecision(reply, at, plan);
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

/** The outcome of a request that is served although nobody could be asked. */
export function failedOpen(key: string | null, cost: number): Outcome {
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
    source: 'failed_open',
  };
}

function readDecision(reply: unknown[], at: number, plan: Plan): Decision {
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
    policy: plan.names[at] as string,
    window: plan.windows[at] as number,
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

/** Outcomes and their verdicts, read from the reply of RL.LIMIT. */

import { StoreMisconfigured } from './errors.js';
import type { Label } from './limits/limit-set.js';
import { shown } from './options/shown.js';

/** One limit's answer. Times are in seconds, exact to the millisecond. */
export interface Verdict {
  /** Whether this limit alone would have allowed the request. */
  readonly allowed: boolean;
  /** The limit, or a bucket's capacity. */
  readonly limit: number;
  /** How much cost it would still allow at once. */
  readonly remaining: number;
  /** 0 if allowed; else how long until the same request is allowed; null: never. */
  readonly retryAfter: number | null;
  /** How long until the limit is as if never used. */
  readonly resetAfter: number;
  /** How long a LEAKY limit asks to hold the request before it is served; else 0. */
  readonly wait: number;
  /** The limit's name in headers. */
  readonly policy: string;
  /** Whole seconds until all of the limit is back once it is used up; null: not known. */
  readonly window: number | null;
  /** What is counted, if that is not requests as time goes by. */
  readonly unit?: 'concurrent-requests';
}

/** {@link Verdict} under the name that users of other limiters look for. */
export type Decision = Verdict;

/** Where an outcome comes from. */
export type Source = 'server' | 'deny_cache' | 'failed_open' | 'exempt';

/** The answer to a whole check. Times are in seconds. */
export interface Outcome {
  /** Whether all verdicts allow it. */
  readonly allowed: boolean;
  /** The verdicts, one per limit, in order; none if the store gave no answer. */
  readonly decisions: readonly Verdict[];
  /** The verdict of the ban, in refusals; null if there is none. */
  readonly ban: Verdict | null;
  /** The smallest `remaining` of its verdicts; null if there are none. */
  readonly remaining: number | null;
  /** The same as `remaining`. */
  readonly requestsLeft: number | null;
  /** 0 if allowed; else the longest wait of the verdicts that deny; null: never. */
  readonly retryAfter: number | null;
  /** The longest `resetAfter` of its verdicts; null if there are none. */
  readonly resetAfter: number | null;
  /** How long to hold an allowed request before it is served. */
  readonly wait: number;
  /** The verdict that denies longest, or else has the least left; null if there are none. */
  readonly tightest: Verdict | null;
  /** The key in the store. */
  readonly key: string;
  readonly cost: number;
  /**
   * `deny_cache`: it was refused a moment ago; `failed_open`: the store gave no answer; `exempt`:
   * there was nothing to ask.
   */
  readonly source: Source;
  /**
   * Where a route has `reserve`: says what the request really cost. True if the charge was still
   * known; the request's outcome then says what is left without the estimate.
   */
  readonly settle?: (actual: number) => Promise<boolean>;
}

/** The limits in a reply, which show whether it fits what is known of policies. */
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
  const decisions: Verdict[] = [];
  let ban: Verdict | null = null;
  let remaining = Number.MAX_SAFE_INTEGER;
  let retryAfter: number | null = 0;
  let resetAfter = 0;
  let wait = 0;
  let denied = false;
  for (let at = 0; at < count; at++) {
    const label = labels[at] as Label;
    const verdict = readVerdict(reply, at, label);
    denied ||= !verdict.allowed;
    if (label.isBan) ban = verdict;
    else {
      decisions.push(verdict);
      remaining = Math.min(remaining, verdict.remaining);
      resetAfter = Math.max(resetAfter, verdict.resetAfter);
      wait = Math.max(wait, verdict.wait);
    }
    retryAfter =
      retryAfter === null || verdict.retryAfter === null
        ? null
        : Math.max(retryAfter, verdict.retryAfter);
  }
  if (denied === allowed) throw unreadable(reply);
  const left = decisions.length > 0 ? remaining : null;
  return {
    allowed,
    decisions,
    ban,
    remaining: left,
    requestsLeft: left,
    retryAfter,
    resetAfter: left === null ? null : resetAfter,
    wait: allowed ? wait : 0,
    tightest: tightestOf(decisions, ban),
    key,
    cost,
    source: 'server',
  };
}

/**
 * The outcome of a call of cost 1, from that of a call of cost 0.
 *
 * @param waitOf seconds to wait for a limit with nothing left; null: forever
 */
export function standing(outcome: Outcome, waitOf: (at: number) => number | null): Outcome {
  const decisions = outcome.decisions.map((verdict, at) =>
    verdict.remaining > 0
      ? verdict
      : { ...verdict, allowed: false, retryAfter: waitOf(at), wait: 0 },
  );
  const { ban } = outcome;
  const all = ban === null ? decisions : [...decisions, ban];
  const waits = all.map(({ retryAfter }) => retryAfter);
  const allowed = all.every((verdict) => verdict.allowed);
  return {
    ...outcome,
    allowed,
    decisions,
    retryAfter: waits.includes(null) ? null : Math.max(0, ...(waits as number[])),
    wait: allowed ? outcome.wait : 0,
    tightest: tightestOf(decisions, ban),
  };
}

/**
 * The outcome of an allowed call, as if it had cost `actual`.
 *
 * @param isKept whether a limit gives nothing back
 */
export function settledAs(
  outcome: Outcome,
  actual: number,
  isKept: (at: number) => boolean,
): Outcome {
  const back = outcome.cost - actual;
  const decisions = outcome.decisions.map((verdict, at) => {
    if (isKept(at)) return verdict;
    const remaining = Math.min(verdict.limit, Math.max(0, verdict.remaining + back));
    return { ...verdict, remaining };
  });
  const left = decisions.length > 0 ? Math.min(...decisions.map((each) => each.remaining)) : null;
  return {
    ...outcome,
    decisions,
    remaining: left,
    requestsLeft: left,
    tightest: tightestOf(decisions, outcome.ban),
    cost: actual,
  };
}

/** The outcome of a request that is served without an answer. */
export function unasked(source: 'failed_open' | 'exempt', key: string, cost: number): Outcome {
  return {
    allowed: true,
    decisions: [],
    ban: null,
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

function readVerdict(reply: unknown[], at: number, { name, window }: Label): Verdict {
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

/**
 * The verdict that denies longest, or else has the least left; the first of equals. A ban counts
 * while it denies.
 */
export function tightestOf(decisions: readonly Verdict[], ban: Verdict | null): Verdict | null {
  let tightest: Verdict | null = null;
  for (const each of decisions) {
    if (tightest === null || isTighter(each, tightest)) tightest = each;
  }
  if (ban === null || ban.allowed) return tightest;
  return tightest === null || isTighter(ban, tightest) ? ban : tightest;
}

/** The verdicts that deny, that of the ban last. */
export function denials({ decisions, ban }: Pick<Outcome, 'decisions' | 'ban'>): Verdict[] {
  const denied = decisions.filter((verdict) => !verdict.allowed);
  return ban === null || ban.allowed ? denied : [...denied, ban];
}

function isTighter(a: Verdict, b: Verdict): boolean {
  if (a.allowed !== b.allowed) return b.allowed;
  if (!a.allowed) return (a.retryAfter ?? Infinity) > (b.retryAfter ?? Infinity);
  return share(a) < share(b);
}

function share({ remaining, limit }: Verdict): number {
  return limit === 0 ? 0 : remaining / limit;
}

function flag(value: unknown, reply: unknown): boolean {
  if (value !== 0 && value !== 1) throw unreadable(reply);
  return value === 1;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

export function unreadable(reply: unknown): StoreMisconfigured {
  return new StoreMisconfigured(
    `RL.LIMIT must answer with a verdict for each limit, not ${shown(reply)}: ` +
      "is it redis-rl's module that answers, and does the client change replies?",
  );
}

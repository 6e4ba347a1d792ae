/** Refusals that are remembered in this process until they end. */

import type { LimitSet } from '../limits/limit-set.js';
import type { Outcome, Verdict } from '../outcome.js';
import { now } from '../stores/clock.js';

const LONGEST_MS = 60_000;
/** Where the server may change its mind: the clauses of a policy change, and places come back. */
const SHORT_MS = 1_000;

interface Denial {
  readonly outcome: Outcome;
  readonly sentAt: number;
  readonly until: number;
}

/** What was refused at one key, by clauses and cost. */
type Denied = Map<string, Denial>;

export class Denials {
  /** In the order of their last use. */
  readonly #keys = new Map<string, Denied>();
  #count = 0;

  /** @param most how many refusals to remember */
  constructor(
    readonly most: number,
    readonly clock: () => number = now,
  ) {}

  /** The outcome of a check that is known to be refused, with what is left of its times. */
  at(key: string, clauses: string, cost: number): Outcome | undefined {
    const denied = this.#keys.get(key);
    const denial = denied?.get(nameOf(clauses, cost));
    if (denied === undefined || denial === undefined) return undefined;
    const at = this.clock();
    if (at >= denial.until) {
      this.forget(key);
      return undefined;
    }
    this.#keys.delete(key);
    this.#keys.set(key, denied);
    return later(denial.outcome, (at - denial.sentAt) / 1000);
  }

  /** Remembers `outcome`, if it is a refusal that ends and that the server need not know of. */
  keep(outcome: Outcome, clauses: string, sentAt: number, isShort: boolean): void {
    const { allowed, ban, key, cost, retryAfter } = outcome;
    // A ban counts refusals until it begins.
    if (allowed || retryAfter === null || ban?.allowed) return;
    const ms = Math.min(ban?.retryAfter ?? retryAfter, retryAfter) * 1000;
    const until = sentAt + Math.min(ms, isShort ? SHORT_MS : LONGEST_MS);
    const denied = this.#keys.get(key) ?? new Map<string, Denial>();
    this.#keys.delete(key);
    this.#keys.set(key, denied);
    const name = nameOf(clauses, cost);
    if (!denied.has(name)) this.#count += 1;
    denied.set(name, { outcome, sentAt, until });
    while (this.#count > this.most) this.forget(this.#keys.keys().next().value as string);
  }

  /** Forgets what is known of `key`. */
  forget(key: string): void {
    this.#count -= this.#keys.get(key)?.size ?? 0;
    this.#keys.delete(key);
  }
}

/** Whether refusals by `set` are remembered for a short while only. */
export function isShort(set: LimitSet): boolean {
  return set.policies.length > 0;
}

function nameOf(clauses: string, cost: number): string {
  return `${cost} ${clauses}`;
}

function later(outcome: Outcome, seconds: number): Outcome {
  const less = (time: number) => Math.max(0, Math.round((time - seconds) * 1000)) / 1000;
  const told = (verdict: Verdict): Verdict => ({
    ...verdict,
    retryAfter: verdict.retryAfter === null ? null : less(verdict.retryAfter),
    resetAfter: less(verdict.resetAfter),
  });
  const { decisions, ban, tightest, retryAfter, resetAfter } = outcome;
  return {
    ...outcome,
    decisions: decisions.map(told),
    ban: ban && told(ban),
    tightest: tightest && told(tightest),
    retryAfter: retryAfter === null ? null : less(retryAfter),
    resetAfter: resetAfter === null ? null : less(resetAfter),
    source: 'deny_cache',
  };
}

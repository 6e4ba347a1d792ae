/** Refusals that are remembered in this process until they end. */

import type { LimitSet } from '../limits/limit-set.js';
import type { Outcome, Verdict } from '../outcome.js';
import { now } from '../stores/clock.js';
import { partsOf, withParts } from './all.js';

const LONGEST_MS = 60_000;
/** Where the server may change its mind: the clauses of a policy change, and places come back. */
const SHORT_MS = 1_000;

interface Denial {
  readonly outcome: Outcome;
  readonly sentAt: number;
  readonly until: number;
  /** All keys that it is about. */
  readonly keys: readonly string[];
}

export class Denials {
  /** By what was asked, in the order of their last use. */
  readonly #denials = new Map<string, Denial>();
  readonly #askedAt = new Map<string, Set<string>>();
  /** When what was known of a key was forgotten: a refusal may be on its way. */
  readonly #forgotten = new Map<string, number>();

  /** @param most how many refusals to remember */
  constructor(
    readonly most: number,
    readonly clock: () => number = now,
  ) {}

  /** The outcome of a check that is known to be refused, with what is left of its times. */
  at(key: string, clauses: string, cost: number): Outcome | undefined {
    const asked = questionOf(key, clauses, cost);
    const denial = this.#denials.get(asked);
    if (denial === undefined) return undefined;
    const at = this.clock();
    this.#denials.delete(asked);
    if (at >= denial.until) {
      this.#unlink(asked, denial);
      return undefined;
    }
    this.#denials.set(asked, denial);
    return later(denial.outcome, (at - denial.sentAt) / 1000);
  }

  /**
   * Remembers `outcome`, if it is a refusal that ends and that the server need not know of.
   *
   * @param keys all that it is about; by default that of the outcome
   */
  keep(
    outcome: Outcome,
    clauses: string,
    sentAt: number,
    isShort: boolean,
    keys: readonly string[] = [outcome.key],
  ): void {
    const { allowed, key, cost, retryAfter } = outcome;
    if (allowed || retryAfter === null) return;
    if (keys.some((each) => (this.#forgotten.get(each) ?? sentAt) > sentAt)) return;
    const bans = partsOf(outcome).flatMap(({ ban }) => ban ?? []);
    const refusing = bans.filter((ban) => !ban.allowed);
    // A ban counts refusals until it begins.
    if (bans.length > 0 && refusing.length === 0) return;
    const waits = refusing.map((ban) => ban.retryAfter ?? retryAfter);
    const ms = Math.min(retryAfter, ...waits) * 1000;
    const asked = questionOf(key, clauses, cost);
    this.#drop(asked);
    const until = sentAt + Math.min(ms, isShort ? SHORT_MS : LONGEST_MS);
    this.#denials.set(asked, { outcome, sentAt, until, keys });
    for (const each of keys) {
      const there = this.#askedAt.get(each);
      if (there) there.add(asked);
      else this.#askedAt.set(each, new Set([asked]));
    }
    if (this.#denials.size > this.most) this.#drop(oldestOf(this.#denials));
  }

  /** Forgets what is known of `key`, and what a question under way will be told. */
  forget(key: string): void {
    for (const asked of this.#askedAt.get(key) ?? []) this.#drop(asked);
    this.#forgotten.delete(key);
    this.#forgotten.set(key, this.clock());
    if (this.#forgotten.size > this.most) this.#forgotten.delete(oldestOf(this.#forgotten));
  }

  #drop(asked: string): void {
    const denial = this.#denials.get(asked);
    if (denial === undefined) return;
    this.#denials.delete(asked);
    this.#unlink(asked, denial);
  }

  #unlink(asked: string, { keys }: Denial): void {
    for (const each of keys) {
      const there = this.#askedAt.get(each);
      there?.delete(asked);
      if (there?.size === 0) this.#askedAt.delete(each);
    }
  }
}

function oldestOf(map: ReadonlyMap<string, unknown>): string {
  return map.keys().next().value as string;
}

/** Whether refusals by `set` are remembered for a short while only. */
export function isShort(set: LimitSet): boolean {
  return set.policies.length > 0;
}

/** @param clauses and the keys of other subjects, without line breaks */
function questionOf(key: string, clauses: string, cost: number): string {
  return `${cost}\n${clauses}\n${key}`;
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
    ...withParts(outcome, (part) => later(part, seconds)),
    decisions: decisions.map(told),
    ban: ban && told(ban),
    tightest: tightest && told(tightest),
    retryAfter: retryAfter === null ? null : less(retryAfter),
    resetAfter: resetAfter === null ? null : less(resetAfter),
    source: 'deny_cache',
  };
}

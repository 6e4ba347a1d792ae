/** Limits made ready: all of a decision that is the same for every request. */

import { type Limit, type Limits, parseLimits } from './limits.js';
import { policyNames } from './names.js';

export interface Plan {
  readonly limits: readonly Limit[];
  /** The clauses of RL.LIMIT. */
  readonly words: readonly string[];
  /** One per limit, as in {@link policyNames}. */
  readonly names: readonly string[];
  /** Seconds that each whole quota takes to come back; see {@link Limit.windowSeconds}. */
  readonly windows: readonly number[];
}

/** @throws ConfigurationError for a wrong limit or name */
export function makePlan(like: Limits, name?: string): Plan {
  const limits = parseLimits(like);
  const names = policyNames(limits, name);
  const words = limits.flatMap((limit) => limit.words);
  const windows = limits.map((limit) => limit.windowSeconds);
  return { limits, words, names, windows };
}

const MAX_KEPT = 1_000;

/** Plans of limits that are chosen per request: each text is read once. */
export class PlanCache {
  readonly #plans = new Map<string, Plan>();

  constructor(readonly name?: string) {}

  get(like: Limits): Plan {
    if (typeof like !== 'string') return makePlan(like, this.name);
    const known = this.#plans.get(like);
    if (known) return known;
    const plan = makePlan(like, this.name);
    if (this.#plans.size >= MAX_KEPT) this.#plans.clear();
    this.#plans.set(like, plan);
    return plan;
  }
}

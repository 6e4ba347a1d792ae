/** Limits made ready: all of a decision that is the same for every request. */

import { Limit, type Limits, limiterOf, parseLimits } from './limit.js';
import { checkName, limitNames } from './names.js';
import { Policy } from './policy.js';

/** What is known of an entry of a reply before it comes. */
export interface Label {
  readonly name: string;
  /** Seconds that the whole quota takes to come back; null where the server has not said. */
  readonly window: number | null;
  /** The limit itself; nothing where the server has not said. */
  readonly limit: Limit | undefined;
}

export interface Plan {
  readonly limits: readonly (Limit | Policy)[];
  /** The clauses of RL.LIMIT. */
  readonly words: readonly string[];
  /** One per limit; null for a policy, whose clauses the server knows. */
  readonly labels: readonly (Label | null)[];
  readonly policies: readonly Policy[];
  /** What it counts with, as in {@link limiterOf}. */
  readonly limiters: readonly string[];
}

/** @throws ConfigurationError for a wrong limit or name */
export function makePlan(like: Limits, name?: string): Plan {
  const limits = parseLimits(like);
  const names = limitNames(limits, name);
  return {
    limits,
    words: limits.flatMap((limit) => limit.words),
    labels: limits.map((limit, at) =>
      limit instanceof Limit ? labelOf(limit, names[at] as string) : null,
    ),
    policies: limits.filter((limit) => limit instanceof Policy),
    limiters: limits.map(limiterOf),
  };
}

export function labelOf(limit: Limit, name: string): Label {
  return { name, window: limit.windowSeconds, limit };
}

const MAX_KEPT = 1_000;

/** Plans of limits that are chosen per request: each text is read once. */
export class PlanCache {
  readonly #plans = new Map<string, Plan>();

  /** @throws ConfigurationError for a wrong name */
  constructor(readonly name?: string) {
    if (name !== undefined) checkName(name);
  }

  get(like: Limits): Plan {
    if (typeof like !== 'string') return makePlan(like, this.name);
    const known = this.#plans.get(like);
    if (known) return known;
    const plan = makePlan(like, this.name);
    if (this.#plans.size >= MAX_KEPT) this.#plans.clear();
    this.#plans.set(like, plan);
    return plan;
  }

  /** What all of them count with. */
  get limiters(): string[] {
    return [...this.#plans.values()].flatMap(({ limiters }) => limiters);
  }
}

/** Limit sets: limits that are asked together, made ready once for all requests. */

import { Limit, type Limits, limiterOf, parseLimits } from './limit.js';
import { checkName, limitNames } from './names.js';
import { Policy } from './policy.js';

/** What is known of a verdict before the reply comes. */
export interface Label {
  readonly name: string;
  /** Seconds that the whole quota takes to come back; null if not known yet. */
  readonly window: number | null;
  /** The limit itself; undefined if not known yet. */
  readonly limit: Limit | undefined;
}

/** One or more limits that are asked together, all or nothing. */
export interface LimitSet {
  readonly limits: readonly (Limit | Policy)[];
  /** The clauses of RL.LIMIT. */
  readonly words: readonly string[];
  /** One per limit; null for a policy, whose clauses the server knows. */
  readonly labels: readonly (Label | null)[];
  readonly policies: readonly Policy[];
  /** Its limiters, as {@link limiterOf} names them. */
  readonly limiters: readonly string[];
}

/** @throws ConfigurationError for an invalid limit or name */
export function limitSetOf(like: Limits, name?: string): LimitSet {
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

/** Limit sets that are chosen per request: each text is parsed once. */
export class LimitSetCache {
  readonly #sets = new Map<string, LimitSet>();

  /** @throws ConfigurationError for an invalid name */
  constructor(readonly name?: string) {
    if (name !== undefined) checkName(name);
  }

  get(like: Limits): LimitSet {
    if (typeof like !== 'string') return limitSetOf(like, this.name);
    const known = this.#sets.get(like);
    if (known) return known;
    const set = limitSetOf(like, this.name);
    if (this.#sets.size >= MAX_KEPT) this.#sets.clear();
    this.#sets.set(like, set);
    return set;
  }

  /** The limiters of all of them. */
  get limiters(): string[] {
    return [...this.#sets.values()].flatMap(({ limiters }) => limiters);
  }
}

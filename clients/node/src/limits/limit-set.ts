/** Limit sets: limits that are asked together, made ready once for all requests. */

import { ConfigurationError } from '../errors.js';
import { shown } from '../options/shown.js';
import { Ban } from './ban.js';
import { type Item, Limit, type LimitLike, type Limits } from './limit.js';
import { checkName, rowNames } from './names.js';
import { Policy } from './policy.js';

/** What is known of a row of the reply before it comes. */
export interface Label {
  readonly name: string;
  /** Seconds that the whole quota takes to come back; null if not known yet. */
  readonly window: number | null;
  /** The limit itself; undefined if not known yet. */
  readonly limit: Limit | Ban | undefined;
  readonly isBan: boolean;
}

/** One or more limits that are asked together, all or nothing. */
export interface LimitSet {
  readonly limits: readonly Item[];
  /** The clauses of RL.LIMIT. */
  readonly words: readonly string[];
  /** One per row of the reply; null for a policy, whose clauses the server knows. */
  readonly labels: readonly (Label | null)[];
  readonly policies: readonly Policy[];
  /** Its limiters, as {@link limiterOf} names them. */
  readonly limiters: readonly string[];
}

/** @throws ConfigurationError for an invalid limit or name */
export function limitSetOf(like: Limits, name?: string): LimitSet {
  const limits = parseLimits(like);
  return {
    limits,
    words: limits.flatMap((limit) => limit.words),
    labels: labelsOf(limits, name),
    policies: limits.filter((limit) => limit instanceof Policy),
    limiters: limits.map(limiterOf),
  };
}

/** @throws ConfigurationError for a name that headers cannot carry */
function labelsOf(limits: readonly Item[], name: string | undefined): (Label | null)[] {
  const rows = limits.filter(hasRow);
  const names = rowNames(rows, name);
  for (const each of names) if (each !== null) checkName(each);
  return rows.map((row, at) => (row instanceof Policy ? null : labelOf(row, names[at] as string)));
}

export function labelOf(limit: Limit | Ban, name: string): Label {
  return { name, window: limit.windowSeconds, limit, isBan: limit instanceof Ban };
}

/** Whether the reply has a row of it: a limit on trial has none. */
export function hasRow(item: Item): boolean {
  return !(item instanceof Limit) || !item.shadow;
}

const MAX_LIMITS = 16;

/** All limits of `like`, in order: 1 to 16, no two of the same limiter. */
function parseLimits(like: Limits): Item[] {
  const all = (Array.isArray(like) ? like : [like]).flatMap((each: LimitLike) =>
    typeof each === 'string' ? Limit.parse(each) : [made(each)],
  );
  if (all.length < 1 || all.length > MAX_LIMITS) {
    throw new ConfigurationError(
      `limits must be 1 to ${MAX_LIMITS} in number, not ${all.length}, in ${shown(like)}`,
    );
  }
  const seen = new Set<string>();
  for (const each of all) {
    const kind = limiterOf(each);
    if (seen.has(kind)) {
      throw new ConfigurationError(
        'limits must differ in their algorithm, period or policy, and have one ban, not repeat ' +
          `that of ${each.words.join(' ')}, in ${shown(like)}`,
      );
    }
    seen.add(kind);
  }
  if (seen.has('ban') && all.every((each) => each instanceof Ban || !hasRow(each))) {
    throw new ConfigurationError(
      'a ban must come with a limit or a policy, whose refusals it counts, and there is none in ' +
        shown(like),
    );
  }
  return all;
}

/** The limiter that `limit` counts in; a policy whose clauses are not known is one by itself. */
export function limiterOf(limit: Item): string {
  return limit instanceof Policy ? `policy ${limit.policy}` : limit.limiter;
}

/** @throws ConfigurationError for anything but a limit */
function made(each: unknown): Item {
  if (isItem(each)) return each;
  throw new ConfigurationError(`a limit must be text or a Limit, not ${shown(each)}`);
}

/** Whether it is a limit that is made already. */
export function isItem(each: unknown): each is Item {
  return each instanceof Limit || each instanceof Policy || each instanceof Ban;
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

/** Several subjects in one check, all or nothing: RL.ALL. */

import { ConfigurationError } from '../errors.js';
import type { Label, LimitSet } from '../limits/limit-set.js';
import {
  type Outcome,
  readOutcome,
  tightestOf,
  unasked,
  unreadable,
  type Verdict,
} from '../outcome.js';
import type { Group } from './commands.js';

/** The outcome of all subjects together; of several bans it has the one that denies longest. */
export interface AllOutcome extends Outcome {
  /** What each subject alone would have answered, in order; charged only if all allow it. */
  readonly each: readonly Outcome[];
}

/** {@link AllOutcome} with each subject's own by its name. */
export interface NamedOutcome extends Outcome {
  readonly each: Readonly<Record<string, Outcome>>;
}

/** What a request has as `rateLimit`: after `limitAll` with each subject's own by its name. */
export interface RequestOutcome extends Outcome {
  readonly each?: Readonly<Record<string, Outcome>>;
}

/** The outcomes of all subjects, if there are several, or else the one. */
export function partsOf(outcome: Outcome): readonly Outcome[] {
  return (outcome as Partial<AllOutcome>).each ?? [outcome];
}

/** The same, with each subject's outcome, if there are several, as `change` makes it. */
export function withParts(outcome: Outcome, change: (part: Outcome) => Outcome): Outcome {
  const { each } = outcome as Partial<AllOutcome>;
  return each === undefined ? outcome : Object.assign({ ...outcome }, { each: each.map(change) });
}

const MAX_GROUPS = 8;
const MAX_ITEMS = 16;

/** The limits of all groups, as one set, whose words include the keys. */
export function together(groups: readonly Group[]): LimitSet {
  const sets = groups.map(({ set }) => set);
  return {
    limits: sets.flatMap(({ limits }) => limits),
    words: groups.flatMap(({ key, set }) => [key, ...set.words]),
    labels: sets.flatMap(({ labels }) => labels),
    policies: sets.flatMap(({ policies }) => policies),
    limiters: [],
  };
}

/** @throws ConfigurationError for too many subjects or limits, and for a key that comes twice */
export function checkGroups(groups: readonly Group[]): void {
  checkCounts(
    groups.length,
    groups.reduce((sum, { set }) => sum + set.limits.length, 0),
  );
  const keys = groups.map(({ key }) => key);
  const twice = keys.find((key, at) => keys.indexOf(key) !== at);
  if (twice === undefined) return;
  throw new ConfigurationError(
    `subjects of one check must have a key each, not '${twice}' twice: give each a name of its own`,
  );
}

/** @throws ConfigurationError for too many subjects or limits */
export function checkCounts(subjects: number, items: number): void {
  if (subjects < 1 || subjects > MAX_GROUPS) {
    throw new ConfigurationError(
      `subjects of one check must be 1 to ${MAX_GROUPS} in number, not ${subjects}`,
    );
  }
  if (items > MAX_ITEMS) {
    throw new ConfigurationError(
      `limits of one check must be at most ${MAX_ITEMS} in number, those of all subjects together, ` +
        `not ${items}`,
    );
  }
}

/**
 * @param counts how many rows each policy has
 * @throws StoreMisconfigured if `reply` is not one that fits
 */
export function readAll(
  reply: unknown,
  labels: readonly Label[],
  counts: readonly number[],
  groups: readonly Group[],
  made: (outcome: Outcome, labels: readonly Label[], allowed: boolean) => Outcome = (each) => each,
): AllOutcome {
  if (!Array.isArray(reply) || reply.length !== labels.length + 1) throw unreadable(reply);
  let at = 0;
  let policy = 0;
  const each = groups.map(({ key, set, cost }) => {
    const rows = set.labels.reduce(
      (sum, label) => sum + (label === null ? (counts[policy++] ?? 1) : 1),
      0,
    );
    const own = reply.slice(1 + at, 1 + at + rows) as unknown[];
    const allows = own.every((row) => !Array.isArray(row) || row[0] === 1);
    at += rows;
    const mine = labels.slice(at - rows, at);
    const outcome = readOutcome([allows ? 1 : 0, ...own], mine, key, cost);
    return made(outcome, mine, reply[0] === 1);
  });
  const allowed = each.every((outcome) => outcome.allowed);
  if (reply[0] !== (allowed ? 1 : 0)) throw unreadable(reply);
  return joined(each, allowed);
}

/** The outcome of a call that was not asked, or not answered. */
export function allUnasked(
  source: 'failed_open' | 'exempt',
  groups: readonly Group[],
  cost: number,
): AllOutcome {
  const each = groups.map((group) => unasked(source, group.key, group.cost));
  return { ...unasked(source, groups[0]?.key ?? '', cost), each };
}

/** What several subjects are answered together. */
export function joined(each: readonly Outcome[], allowed: boolean): AllOutcome {
  const decisions = each.flatMap((outcome) => outcome.decisions);
  const ban = worst(each.flatMap((outcome) => outcome.ban ?? []));
  const left = least(each.map(({ remaining }) => remaining));
  const waits = each.map(({ retryAfter }) => retryAfter);
  const resets = each.flatMap(({ resetAfter }) => resetAfter ?? []);
  return {
    allowed,
    decisions,
    ban,
    remaining: left,
    requestsLeft: left,
    retryAfter: waits.includes(null) ? null : Math.max(...(waits as number[])),
    resetAfter: resets.length > 0 ? Math.max(...resets) : null,
    wait: allowed ? Math.max(...each.map(({ wait }) => wait)) : 0,
    tightest: tightestOf(decisions, ban),
    key: each[0]?.key ?? '',
    cost: each.reduce((sum, outcome) => sum + outcome.cost, 0),
    source: 'server',
    each,
  };
}

/** The ban that denies longest, or else the first. */
function worst(bans: readonly Verdict[]): Verdict | null {
  const denies = bans.filter(({ allowed }) => !allowed);
  const longest = denies.sort((a, b) => (b.retryAfter ?? 0) - (a.retryAfter ?? 0))[0];
  return longest ?? bans[0] ?? null;
}

function least(counts: readonly (number | null)[]): number | null {
  const known = counts.filter((count) => count !== null);
  return known.length > 0 ? Math.min(...known) : null;
}

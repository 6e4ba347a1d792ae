/** What is known of the server's policies: no reply has their periods, which headers need. */

import { StoreMisconfigured } from '../errors.js';
import { now } from '../stores/clock.js';
import { Ban } from './ban.js';
import { Limit } from './limit.js';
import { hasRow, type Label, labelOf, type LimitSet } from './limit-set.js';
import { clauseNames } from './names.js';
import type { Policy } from './policy.js';

/** While a policy is in use it is asked for this often, and never more often. */
const ASK_EVERY_MS = 1_000;

interface Entry {
  labels: readonly Label[] | undefined;
  /** Those of its limits on trial, which have no labels. */
  shadows: readonly string[];
  askedAt: number;
  asking: Promise<void> | undefined;
  /** Why it could not be read, if somebody has to fix that. */
  error: StoreMisconfigured | undefined;
}

/** What the rows of a reply are. */
export interface Labelled {
  readonly labels: readonly Label[];
  /** How many rows each policy has. */
  readonly counts: readonly number[];
  /** Whether all of it is known to fit. */
  readonly fits: boolean;
}

/** Asks RL.POLICY GET; resolves with its clauses, or null if there is no such policy. */
export type AskPolicy = (name: string) => Promise<unknown>;

export class PolicyBook {
  readonly #entries = new Map<string, Entry>();

  /**
   * @param misconfigured the error that must not be passed over, if `error` is one
   * @param clock milliseconds that never step back
   */
  constructor(
    readonly misconfigured: (error: unknown) => StoreMisconfigured | undefined,
    readonly clock: () => number = now,
  ) {}

  /** Asks for the policies of `set` that were not asked for lately; resolves when they are known. */
  refresh({ policies }: LimitSet, ask: AskPolicy): Promise<unknown> | undefined {
    let waits: Promise<void>[] | undefined;
    for (const policy of policies) {
      const entry = this.#entryOf(policy.policy);
      if (!entry.asking && this.clock() - entry.askedAt >= ASK_EVERY_MS)
        this.#ask(policy, entry, ask);
      if (entry.asking) (waits ??= []).push(entry.asking);
    }
    return waits && Promise.all(waits);
  }

  /** Why a policy cannot be read until somebody fixes that. */
  errorOf({ policies }: LimitSet): StoreMisconfigured | undefined {
    for (const { policy } of policies) {
      const error = this.#entries.get(policy)?.error;
      if (error) return error;
    }
    return undefined;
  }

  /** The limiters of `set`, those of its policies' clauses included as far as they are known. */
  limitersOf({ limiters, policies }: LimitSet): readonly string[] {
    if (policies.length === 0) return limiters;
    const entries = policies.flatMap(({ policy }) => this.#entries.get(policy) ?? []);
    const known = entries.flatMap(({ labels = [], shadows }) => [
      ...labels.flatMap(({ limit }) => limit?.limiter ?? []),
      ...shadows,
    ]);
    return [...limiters, ...known];
  }

  /** The limits of `set`, those of its policies' clauses included as far as they are known. */
  limitsOf({ labels, policies }: LimitSet): Limit[] {
    const known = policies.flatMap(({ policy }) => this.#entries.get(policy)?.labels ?? []);
    const limits = [...labels, ...known].map((label) => label?.limit);
    return limits.filter((limit) => limit instanceof Limit);
  }

  /** One label per verdict of a reply, and whether all of them are known to fit. */
  labelsOf(set: LimitSet, quotas: readonly unknown[]): Labelled {
    if (set.policies.length === 0) {
      return { labels: set.labels as readonly Label[], counts: [], fits: true };
    }
    const known = set.policies.map(({ policy }) => this.#entries.get(policy)?.labels);
    const counts = known.map((labels) => labels?.length ?? 1);
    const total = counts.reduce((sum, count) => sum + count, set.labels.length - counts.length);
    const surplus = quotas.length - total;
    // Nothing shows which of several has changed its length.
    if (surplus !== 0) counts[counts.length - 1] = Math.max(1, (counts.at(-1) ?? 1) + surplus);
    const labels: Label[] = [];
    let fits = true;
    let at = 0;
    for (const label of set.labels) {
      if (label !== null) {
        labels.push(label);
        continue;
      }
      const count = counts[at] as number;
      const clauses = surplus === 0 || known.length === 1 ? known[at] : undefined;
      const right =
        clauses?.length === count &&
        clauses.every(({ limit }, next) => limit?.quota === quotas[labels.length + next]);
      fits &&= right;
      labels.push(...(right ? clauses : nameless(set.policies[at] as Policy, count)));
      at += 1;
    }
    return { labels, counts, fits };
  }

  /** @param clauses as RL.POLICY GET answers them */
  learn(policy: Policy, clauses: readonly unknown[]): void {
    const entry = this.#entryOf(policy.policy);
    const items: (Limit | Ban)[] = [];
    for (const clause of clauses) {
      const words = String(clause).toLowerCase().split(' ');
      if (words[0] === 'lease') entry.error = needsConcurrency(policy);
      const item = words[0] === 'ban' ? Ban.ofClause(words) : Limit.ofClause(words);
      if (item === undefined) return;
      items.push(item);
    }
    const rows = items.filter(hasRow);
    const names = clauseNames(rows, policy);
    entry.labels = rows.map((row, at) => labelOf(row, names[at] as string));
    entry.shadows = items.filter((item) => !hasRow(item)).map(({ limiter }) => limiter);
  }

  #ask(policy: Policy, entry: Entry, ask: AskPolicy): void {
    entry.askedAt = this.clock();
    entry.asking = ask(policy.policy).then(
      (clauses) => {
        entry.asking = undefined;
        entry.error = undefined;
        if (Array.isArray(clauses)) this.learn(policy, clauses);
      },
      (error: unknown) => {
        entry.asking = undefined;
        entry.error = this.misconfigured(error) ?? entry.error;
      },
    );
  }

  #entryOf(name: string): Entry {
    let entry = this.#entries.get(name);
    if (!entry) {
      entry = {
        labels: undefined,
        shadows: [],
        askedAt: -Infinity,
        asking: undefined,
        error: undefined,
      };
      this.#entries.set(name, entry);
    }
    return entry;
  }
}

/** Labels of a policy whose clauses are not known: its name, numbered where there are several. */
function nameless({ label }: Policy, count: number): Label[] {
  return Array.from({ length: count }, (_, at) => ({
    name: count === 1 ? label : `${label}-${at + 1}`,
    window: null,
    limit: undefined,
    isBan: false,
  }));
}

/** A place has to be renewed and given back, which no check does. */
function needsConcurrency({ policy }: Policy): StoreMisconfigured {
  return new StoreMisconfigured(
    `a policy of limits must have no LEASE, as '${policy}' has: ` +
      'take it out with RL.POLICY SET, and use concurrency beside the limits',
  );
}

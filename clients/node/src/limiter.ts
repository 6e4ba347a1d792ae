/** The limiter: one command per check, and what happens when there is no answer. */

import { Asker } from './checks/asker.js';
import { type AllOutcome, checkGroups } from './checks/all.js';
import { type Reservation, reserved } from './checks/charge.js';
import { checkMaxWait } from './checks/lines.js';
import { type Lease, leaseOf, readPlaces } from './checks/places.js';
import { limitCommand } from './checks/commands.js';
import { APP_SCOPE } from './keys/scope.js';
import {
  encodeField,
  isWhole,
  prefixField,
  readWho,
  type Subject,
  WholeKey,
  type Who,
} from './keys/subjects.js';
import type { Limits } from './limits/limit.js';
import { type LimitSet, LimitSetCache } from './limits/limit-set.js';
import { checkCost } from './options/cost.js';
import { knownOptions } from './options/known.js';
import {
  checkBoolean,
  checkOnError,
  type LimiterOptions,
  type OnError,
} from './options/limiter.js';
import { type Outcome, readOutcome, standing, unasked } from './outcome.js';
import { waitsOf } from './peek.js';

export interface CheckOptions {
  /** What the request costs, an integer from 0 to 10^12. Default 1. */
  cost?: number;
  /** The name of the limit in headers and, unless `scope` is given, in the key. */
  name?: string;
  /** What the budget is for: the second field of the key. Default `name`, else `app`. */
  scope?: string;
  /** Instead of the limiter's own. */
  onError?: OnError;
  /** Whether to send the check once more if its reply is lost: an id keeps it one charge. */
  retry?: boolean;
  /**
   * Seconds, above 0 and at most 3,600, that a refused check may wait until it is allowed, in the
   * order of arrival in this process; refused at once if that does not fit. Default: none.
   */
  maxWait?: number;
}

/** Options of {@link Limiter.reserve}; `cost` is the estimate. */
export interface ReserveOptions extends Omit<CheckOptions, 'retry' | 'maxWait'> {
  /** Whether an error of `run` gives the estimate back. Default false. */
  refundOnError?: boolean;
}

/** One check of {@link Limiter.checkMany}. */
export interface Check extends CheckOptions {
  who: Who;
  limits: Limits;
}

/** One subject of {@link Limiter.checkAll}. */
export type AllCheck = Omit<Check, 'onError' | 'retry' | 'maxWait'>;

/** Options of {@link Limiter.checkAll}. */
export interface AllOptions extends Pick<CheckOptions, 'onError' | 'retry' | 'maxWait'> {
  /** Has all keys share a slot of a cluster, where it must be given: `rl{acme}:...`. */
  slot?: string;
}

/** Options of {@link Limiter.lease}. */
export type LeaseOptions = Pick<CheckOptions, 'name' | 'scope' | 'onError'>;

/** The name of the limit, or the scope of its key, where `check` was given one. */
export type KeyOptions = Pick<CheckOptions, 'name' | 'scope'>;

const KEY_OPTIONS = { name: true, scope: true } as const;
const CHECK_OPTIONS = {
  ...KEY_OPTIONS,
  cost: true,
  onError: true,
  retry: true,
  maxWait: true,
} as const;
const OPTIONS = {
  check: knownOptions<CheckOptions>('check', CHECK_OPTIONS),
  checkMany: knownOptions<Check>('checkMany', { ...CHECK_OPTIONS, who: true, limits: true }),
  checkAll: knownOptions<AllCheck>('a subject of checkAll', {
    ...KEY_OPTIONS,
    who: true,
    limits: true,
    cost: true,
  }),
  all: knownOptions<AllOptions>('checkAll', {
    slot: true,
    onError: true,
    retry: true,
    maxWait: true,
  }),
  lease: knownOptions<LeaseOptions>('lease', { ...KEY_OPTIONS, onError: true }),
  reserve: knownOptions<ReserveOptions>('reserve', {
    ...KEY_OPTIONS,
    cost: true,
    onError: true,
    refundOnError: true,
  }),
  peek: knownOptions<KeyOptions>('peek', KEY_OPTIONS),
  reset: knownOptions<KeyOptions>('reset', KEY_OPTIONS),
};

export interface Limiter {
  /**
   * Checks one request in one command, however many limits. A denial is an outcome, not an error.
   *
   * @param who a Subject, or a user's id as text
   * @throws ConfigurationError for invalid limits, names, costs and options
   * @throws CannotIdentify for an empty id, or an invalid address
   * @throws StoreUnavailable if there is no answer in time and `onError` is `closed`
   * @throws StoreMisconfigured if the store refuses, as without the module, in every mode
   */
  check(who: Who, limits: Limits, options?: CheckOptions): Promise<Outcome>;
  /** Several checks in one round trip, each on its own: a denial undoes no other charge. */
  checkMany(checks: readonly Check[]): Promise<Outcome[]>;
  /**
   * Checks with an estimate as `cost`, to be settled when it is known what the request cost.
   *
   * @throws as `check` does
   */
  reserve(who: Who, limits: Limits, options?: ReserveOptions): Promise<Reservation>;
  /**
   * Several subjects in one command, all or nothing: each has a `name` or `scope` of its own.
   *
   * @throws as `check` does; in a cluster, ConfigurationError without a `slot`
   */
  checkAll(checks: readonly AllCheck[], options?: AllOptions): Promise<AllOutcome>;
  /**
   * A place among `limit` at once, to be released: by itself it ends after `lease`, and while it is
   * held it is renewed.
   *
   * @param lease such as `30s` or `5 minutes`: after so long the place of a crashed process is free
   * @throws as `check` does
   */
  lease(who: Who, limit: number, lease: string, options?: LeaseOptions): Promise<Lease>;
  /**
   * What a check of cost 1 would answer now, without charging it; rejects in every mode if the
   * store gives no answer.
   */
  peek(who: Who, limits: Limits, options?: KeyOptions): Promise<Outcome>;
  /** Forgets everything at a key; answers whether there was anything. */
  reset(who: Who, options?: KeyOptions): Promise<boolean>;
  /**
   * Connects, and asks every primary whether checks work; for the start of a program.
   *
   * @param timeoutMs how long that may take; default 1,000, or the limiter's timeouts if longer
   * @throws ModuleNotLoaded if one runs without the module
   * @throws StoreMisconfigured if one refuses for another reason
   * @throws StoreUnavailable if one cannot be reached
   */
  probe(timeoutMs?: number): Promise<void>;
  /** How many requests were served without an answer. */
  readonly failedOpen: number;
}

/**
 * A limiter over a Redis client.
 *
 * @throws ConfigurationError for an invalid option
 */
export function createLimiter(options: LimiterOptions): Limiter {
  return new StoreLimiter(options);
}

const MAX_SCOPES = 1_000;
const PROBE_MS = 1_000;

/** What the adapters use beyond {@link Limiter}. */
export class StoreLimiter extends Asker implements Limiter {
  readonly #sets = new Map<string | undefined, LimitSetCache>();
  readonly #spaces = new Map<string, string>();

  async check(who: Who, limits: Limits, options: CheckOptions = {}): Promise<Outcome> {
    OPTIONS.check.check(options);
    return this.#check(who, limits, options);
  }

  async checkMany(checks: readonly Check[]): Promise<Outcome[]> {
    for (const check of checks) OPTIONS.checkMany.check(check);
    return Promise.all(checks.map((check) => this.#check(check.who, check.limits, check)));
  }

  async checkAll(checks: readonly AllCheck[], options: AllOptions = {}): Promise<AllOutcome> {
    OPTIONS.all.check(options);
    const { slot, onError, retry = false, maxWait } = options;
    checkBoolean('retry', retry);
    const mode = onError === undefined ? undefined : checkOnError(onError);
    const waits = maxWait === undefined ? {} : { maxWaitMs: checkMaxWait(maxWait) };
    const groups = checks.map((check) => {
      OPTIONS.checkAll.check(check);
      const set = this.setOf(check.limits, check.name);
      return { key: this.#keyOf(check.who, check, slot), set, cost: checkCost(check.cost ?? 1) };
    });
    checkGroups(groups);
    if (!checks.every(({ who }) => who instanceof WholeKey)) this.checkSlot(slot, groups.length);
    return this.askAll(groups, { mode, retry, ...waits });
  }

  async lease(who: Who, limit: number, lease: string, options: LeaseOptions = {}): Promise<Lease> {
    OPTIONS.lease.check(options);
    const { name, onError } = options;
    const places = readPlaces(limit, lease, name);
    const mode = onError === undefined ? undefined : checkOnError(onError);
    return leaseOf(await this.askPlace(this.#keyOf(who, options), places, mode));
  }

  async reserve(who: Who, limits: Limits, options: ReserveOptions = {}): Promise<Reservation> {
    OPTIONS.reserve.check(options);
    const { key, set, cost, mode } = this.#read(who, limits, options);
    const { refundOnError = false } = options;
    checkBoolean('refundOnError', refundOnError);
    const outcome = await this.askWithId(key, set, cost, mode, true);
    return reserved(outcome, refundOnError);
  }

  async peek(who: Who, limits: Limits, options: KeyOptions = {}): Promise<Outcome> {
    OPTIONS.peek.check(options);
    const set = this.setOf(limits, options.name);
    const key = this.#keyOf(who, options);
    const exchange = this.exchange;
    if (!exchange) return unasked('exempt', key, 0);
    const { reply, labels } = await this.askLabelled(exchange, limitCommand(key, set, 0), set);
    const outcome = readOutcome(reply, labels, key, 0);
    if (outcome.decisions.every(({ remaining }) => remaining > 0)) return outcome;
    const waits = waitsOf(await exchange.send({ name: 'RL.PEEK', key, rest: [] }), outcome, labels);
    return standing(outcome, (at) => waits[at] as number | null);
  }

  async reset(who: Who, options: KeyOptions = {}): Promise<boolean> {
    OPTIONS.reset.check(options);
    const key = this.#keyOf(who, options);
    const { exchange } = this;
    if (!exchange) return false;
    return (await this.sendFreeing(exchange, key, { name: 'DEL', key, rest: [] })) === 1;
  }

  async probe(timeoutMs?: number): Promise<void> {
    const { prefix, timeoutMs: own, connectTimeoutMs } = this.settings;
    const key = `${encodeField(prefix)}:probe`;
    const nothing = { name: 'RL.LIMIT', key, rest: ['FIXED', '0', '1s', 'COST', '0'] };
    await this.exchange?.probe(nothing, timeoutMs ?? Math.max(PROBE_MS, own, connectTimeoutMs));
  }

  /** The beginning of all keys of a scope: `{prefix}:{scope}:`, in a slot `{prefix}{slot}:`. */
  spaceOf(scope: string, slot?: string): string {
    if (slot !== undefined) {
      return `${prefixField(this.settings.prefix, slot)}:${encodeField(scope)}:`;
    }
    const known = this.#spaces.get(scope);
    if (known !== undefined) return known;
    const space = `${encodeField(this.settings.prefix)}:${encodeField(scope)}:`;
    if (this.#spaces.size >= MAX_SCOPES) this.#spaces.clear();
    this.#spaces.set(scope, space);
    return space;
  }

  /** The last two fields of a key, `{kind}:{subject}`. @throws CannotIdentify for an invalid address */
  subjectOf(subject: Subject): string {
    return `${subject.kind}:${subject.field(this.settings.ipv6Prefix)}`;
  }

  async #check(who: Who, limits: Limits, options: CheckOptions): Promise<Outcome> {
    const { cost = 1, onError, retry, maxWait } = options;
    const mode = onError === undefined ? undefined : checkOnError(onError);
    const set = this.setOf(limits, options.name);
    const key = this.#keyOf(who, options);
    checkCost(cost);
    if (retry === undefined && maxWait === undefined) return this.ask(key, set, cost, mode);
    const withId = checkBoolean('retry', retry ?? false);
    const ask = (quiet: boolean) =>
      withId
        ? this.askWithId(key, set, cost, mode, false, quiet)
        : this.ask(key, set, cost, mode, quiet);
    if (maxWait === undefined) return ask(false);
    const maxWaitMs = checkMaxWait(maxWait);
    return this.askInLine({ key, set, cost, maxWaitMs, ask: () => ask(true) });
  }

  #read(who: Who, limits: Limits, options: ReserveOptions) {
    const { cost = 1, onError, name } = options;
    const mode = onError === undefined ? undefined : checkOnError(onError);
    const set = this.setOf(limits, name);
    return { key: this.#keyOf(who, options), set, cost: checkCost(cost), mode };
  }

  #keyOf(who: Who, { scope, name }: KeyOptions, slot?: string): string {
    const whom = readWho(who, 'who');
    if (isWhole(whom)) return whom.key;
    return `${this.spaceOf(scope ?? name ?? APP_SCOPE, slot)}${this.subjectOf(whom)}`;
  }

  /** Limits that are made ready once. @throws ConfigurationError for invalid ones */
  setOf(limits: Limits, name: string | undefined): LimitSet {
    let sets = this.#sets.get(name);
    if (!sets) {
      if (this.#sets.size >= MAX_SCOPES) this.#sets.clear();
      sets = new LimitSetCache(name);
      this.#sets.set(name, sets);
    }
    return sets.get(limits);
  }
}

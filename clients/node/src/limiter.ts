/** The limiter: one command per check, and what happens when there is no answer. */

import { Asker } from './checks/asker.js';
import { Charge, nothingCharged, type Reservation } from './checks/charge.js';
import { limitCommand } from './checks/commands.js';
import { APP_SCOPE } from './keys/scope.js';
import { encodeField, isWhole, readWho, type Subject, type Who } from './keys/subjects.js';
import type { Limits } from './limits/limit.js';
import { type LimitSet, LimitSetCache } from './limits/limit-set.js';
import { checkCost } from './options/cost.js';
import { knownOptions } from './options/known.js';
import {
  checkBoolean,
  checkFunction,
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
}

/** Options of {@link Limiter.reserve}; `cost` is the estimate. */
export type ReserveOptions = Omit<CheckOptions, 'retry'>;

/** Options of {@link Limiter.reserving}. */
export interface ReservingOptions extends ReserveOptions {
  /** Whether an error gives the estimate back. Default false. */
  refundOnError?: boolean;
}

/** One check of {@link Limiter.checkMany}. */
export interface Check extends CheckOptions {
  who: Who;
  limits: Limits;
}

/** The name of the limit, or the scope of its key, where `check` was given one. */
export type KeyOptions = Pick<CheckOptions, 'name' | 'scope'>;

const KEY_OPTIONS = { name: true, scope: true } as const;
const RESERVE_OPTIONS = { ...KEY_OPTIONS, cost: true, onError: true } as const;
const CHECK_OPTIONS = { ...RESERVE_OPTIONS, retry: true } as const;
const OPTIONS = {
  check: knownOptions<CheckOptions>('check', CHECK_OPTIONS),
  checkMany: knownOptions<Check>('checkMany', { ...CHECK_OPTIONS, who: true, limits: true }),
  reserve: knownOptions<ReserveOptions>('reserve', RESERVE_OPTIONS),
  reserving: knownOptions<ReservingOptions>('reserving', {
    ...RESERVE_OPTIONS,
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
   * The same around `work`. An error of its settles as 0 with `refundOnError`; else the estimate
   * stands, unless `work` has settled.
   */
  reserving<Result>(
    who: Who,
    limits: Limits,
    options: ReservingOptions,
    work: (reservation: Reservation) => Result | Promise<Result>,
  ): Promise<Result>;
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

  async reserve(who: Who, limits: Limits, options: ReserveOptions = {}): Promise<Reservation> {
    OPTIONS.reserve.check(options);
    return this.#reserve(who, limits, options);
  }

  async reserving<Result>(
    who: Who,
    limits: Limits,
    options: ReservingOptions,
    work: (reservation: Reservation) => Result | Promise<Result>,
  ): Promise<Result> {
    OPTIONS.reserving.check(options);
    const { refundOnError = false, ...others } = options;
    checkBoolean('refundOnError', refundOnError);
    checkFunction('work', work);
    const reservation = await this.#reserve(who, limits, others);
    try {
      return await work(reservation);
    } catch (error) {
      if (refundOnError) await reservation.settle(0);
      throw error;
    }
  }

  async peek(who: Who, limits: Limits, options: KeyOptions = {}): Promise<Outcome> {
    OPTIONS.peek.check(options);
    const set = this.#setOf(limits, options.name);
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
    return (await this.exchange?.send({ name: 'DEL', key, rest: [] })) === 1;
  }

  async probe(timeoutMs?: number): Promise<void> {
    const { prefix, timeoutMs: own, connectTimeoutMs } = this.settings;
    const key = `${encodeField(prefix)}:probe`;
    const nothing = { name: 'RL.LIMIT', key, rest: ['FIXED', '0', '1s', 'COST', '0'] };
    await this.exchange?.probe(nothing, timeoutMs ?? Math.max(PROBE_MS, own, connectTimeoutMs));
  }

  /** The beginning of all keys of a scope: `{prefix}:{scope}:`. */
  spaceOf(scope: string): string {
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
    const { key, set, cost, mode } = this.#read(who, limits, options);
    const { retry = false } = options;
    return checkBoolean('retry', retry)
      ? this.askWithId(key, set, cost, mode, false)
      : this.ask(key, set, cost, mode);
  }

  async #reserve(who: Who, limits: Limits, options: ReserveOptions): Promise<Reservation> {
    const { key, set, cost, mode } = this.#read(who, limits, options);
    const outcome = await this.askWithId(key, set, cost, mode, true);
    return Charge.of(outcome) ?? nothingCharged(outcome);
  }

  #read(who: Who, limits: Limits, options: ReserveOptions) {
    const { cost = 1, onError, name } = options;
    const mode = onError === undefined ? undefined : checkOnError(onError);
    const set = this.#setOf(limits, name);
    return { key: this.#keyOf(who, options), set, cost: checkCost(cost), mode };
  }

  #keyOf(who: Who, { scope, name }: KeyOptions): string {
    const whom = readWho(who, 'who');
    if (isWhole(whom)) return whom.key;
    return `${this.spaceOf(scope ?? name ?? APP_SCOPE)}${this.subjectOf(whom)}`;
  }

  #setOf(limits: Limits, name: string | undefined): LimitSet {
    let sets = this.#sets.get(name);
    if (!sets) {
      if (this.#sets.size >= MAX_SCOPES) this.#sets.clear();
      sets = new LimitSetCache(name);
      this.#sets.set(name, sets);
    }
    return sets.get(limits);
  }
}

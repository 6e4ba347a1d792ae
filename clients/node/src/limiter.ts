/** The limiter: one command per check, a deadline, and what happens when nobody decides. */

import { Breaker } from './breaker.js';
import { type Command, type RedisClient, type Store, storeOf } from './clients/store.js';
import { Deadline } from './deadline.js';
import {
  type CannotIdentify,
  ConfigurationError,
  classify,
  StoreMisconfigured,
  StoreUnavailable,
} from './errors.js';
import { encodeField, type Subject } from './keys.js';
import type { Limits } from './limits.js';
import {
  checkOnError,
  type LimiterOptions,
  type OnError,
  readOptions,
  type Settings,
} from './options.js';
import { failedOpen, type Outcome, readOutcome } from './outcome.js';
import { type Plan, PlanCache } from './plan.js';

export interface CheckOptions {
  /** What the request costs, an integer from 0 to 10^12. Default 1. */
  cost?: number;
  /** The name of the limit in headers and, unless `scope` is given, in the key. */
  name?: string;
  /** What the budget is for: the second field of the key. Default `name`, else `app`. */
  scope?: string;
  /** Instead of the limiter's own. */
  onError?: OnError;
}

/** One check of {@link Limiter.checkMany}. */
export interface Check extends CheckOptions {
  who: Subject | string;
  limits: Limits;
}

export interface Limiter {
  /**
   * Decides one request: one command, however many limits. A denial is an outcome, no error.
   *
   * @param who a Subject, or a whole key, which is sent as it is
   * @throws ConfigurationError for wrong limits, names and costs
   * @throws StoreUnavailable if nobody decided in time and `onError` is `closed`
   * @throws StoreMisconfigured if the store refuses, as without the module, in every mode
   */
  check(who: Subject | string, limits: Limits, options?: CheckOptions): Promise<Outcome>;
  /** Several checks in one round trip, each decided by itself: a denial undoes no other's charge. */
  checkMany(checks: readonly Check[]): Promise<Outcome[]>;
  /** What stands, without consuming anything; rejects if the store cannot tell, in every mode. */
  peek(who: Subject | string, limits: Limits, options?: CheckOptions): Promise<Outcome>;
  /** Forgets all that is recorded at a key; whether there was anything. */
  reset(who: Subject | string, options?: Pick<CheckOptions, 'name' | 'scope'>): Promise<boolean>;
  /**
   * Asks every primary whether it can decide; for the start of a program.
   *
   * @param timeoutMs how long that may take; default 1,000, or the limiter's own if longer
   * @throws ModuleNotLoaded if one runs without the module
   * @throws StoreMisconfigured if one refuses for another reason
   * @throws StoreUnavailable if one cannot be reached
   */
  probe(timeoutMs?: number): Promise<void>;
  /** How many requests were served without a decision. */
  readonly failedOpen: number;
}

/**
 * A limiter over a Redis client.
 *
 * @throws ConfigurationError for a wrong option
 */
export function createLimiter(options: LimiterOptions): Limiter {
  return new StoreLimiter(options);
}

const DEFAULT_SCOPE = 'app';
const MAX_COST = 10 ** 12;
const MAX_SCOPES = 1_000;
const LOG_EVERY_MS = 1_000;
const PROBE_MS = 1_000;

const warned = new WeakSet<RedisClient>();

/** What the adapters of frameworks use beyond {@link Limiter}. */
export class StoreLimiter implements Limiter {
  readonly settings: Settings;
  failedOpen = 0;
  readonly #store: Store;
  readonly #deadline: Deadline;
  readonly #breaker = new Breaker();
  readonly #plans = new Map<string | undefined, PlanCache>();
  readonly #scopes = new Map<string, string>();
  readonly #quietUntil = { warn: 0, error: 0 };

  constructor(options: LimiterOptions) {
    this.settings = readOptions(options);
    this.#store = storeOf(options.client, this.settings.timeoutMs);
    this.#deadline = new Deadline(this.settings.timeoutMs);
    if (this.#store.warnings.length > 0 && !warned.has(options.client)) {
      warned.add(options.client);
      this.settings.logger.warn(
        `redis-rl: the Redis client is not set up for limiting, where a late answer is none and a ` +
          `charge is never sent twice: ${this.#store.warnings.join('; ')}.`,
      );
    }
  }

  async check(who: Subject | string, limits: Limits, options: CheckOptions = {}): Promise<Outcome> {
    const mode = options.onError === undefined ? undefined : checkOnError(options.onError);
    const plan = this.#planOf(limits, options.name);
    const key = this.#keyOf(who, options);
    const cost = checkCost(options.cost ?? 1);
    return new Promise((resolve, reject) => {
      this.decide(key, plan, cost, mode, resolve, reject);
    });
  }

  async checkMany(checks: readonly Check[]): Promise<Outcome[]> {
    return Promise.all(checks.map((check) => this.check(check.who, check.limits, check)));
  }

  async peek(who: Subject | string, limits: Limits, options: CheckOptions = {}): Promise<Outcome> {
    const plan = this.#planOf(limits, options.name);
    const key = this.#keyOf(who, options);
    const refusal = this.#breaker.refusal();
    if (refusal) throw refusal;
    try {
      return this.#read(await this.#ask(key, plan, 0), key, plan, 0);
    } catch (cause) {
      throw this.#failed(cause);
    }
  }

  async reset(who: Subject | string, options: CheckOptions = {}): Promise<boolean> {
    const key = this.#keyOf(who, options);
    return (await this.#classified(this.#send({ name: 'DEL', key, rest: [] }))) === 1;
  }

  async probe(timeoutMs = Math.max(PROBE_MS, this.settings.timeoutMs)): Promise<void> {
    const key = `${encodeField(this.settings.prefix)}:probe`;
    const nothing = { name: 'RL.LIMIT', key, rest: ['FIXED', '0', '1s', 'COST', '0'] };
    const ask = async (until: number) => {
      const primaries = await this.#store.primaries();
      if (primaries.length === 0) throw new StoreUnavailable('No primary of the cluster is known');
      await Promise.all(
        primaries.map((send) => send(nothing, until, false).catch(unlessRedirected)),
      );
    };
    await this.#classified(new Deadline(timeoutMs).within(ask));
  }

  /** Decides, by the mode where nobody can be asked. Calls one of the two, maybe at once. */
  decide(
    key: string,
    plan: Plan,
    cost: number,
    mode: OnError | undefined,
    resolve: (outcome: Outcome) => void,
    reject: (error: unknown) => void,
  ): void {
    const refusal = this.#breaker.refusal();
    if (refusal) {
      return settle(() => this.undecided(refusal, key, cost, mode), resolve, reject);
    }
    this.#ask(key, plan, cost).then(
      (reply) => settle(() => this.#decided(reply, key, plan, cost, mode), resolve, reject),
      (cause: unknown) =>
        settle(() => this.undecided(this.#failed(cause), key, cost, mode), resolve, reject),
    );
  }

  /** The outcome of a request that nobody decided. @throws `error` unless it is to be served */
  undecided(
    error: StoreUnavailable | CannotIdentify,
    key: string | null,
    cost: number,
    mode: OnError = this.settings.onError,
  ): Outcome {
    const serves = mode === 'open' && !(error instanceof StoreMisconfigured);
    this.#log(error, serves);
    if (!serves) throw error;
    this.failedOpen += 1;
    const outcome = failedOpen(key, cost);
    this.settings.onDecision?.(outcome);
    return outcome;
  }

  /** `{prefix}:{scope}:{kind}:{subject}`. @throws CannotIdentify for an address that is none */
  keyOf(scope: string, subject: Subject): string {
    const start = this.#scopes.get(scope) ?? this.#startOf(scope);
    return `${start}${subject.kind}:${subject.field(this.settings.ipv6Prefix)}`;
  }

  #decided(reply: unknown, key: string, plan: Plan, cost: number, mode?: OnError): Outcome {
    let outcome: Outcome;
    try {
      outcome = this.#read(reply, key, plan, cost);
    } catch (cause) {
      return this.undecided(this.#failed(cause), key, cost, mode);
    }
    this.settings.onDecision?.(outcome);
    return outcome;
  }

  /** The reply in time. */
  #ask(key: string, plan: Plan, cost: number): Promise<unknown> {
    const rest = cost === 1 ? plan.words : [...plan.words, 'COST', `${cost}`];
    return this.#send({ name: 'RL.LIMIT', key, rest });
  }

  #send(command: Command): Promise<unknown> {
    const { crowded } = this.#deadline;
    return this.#deadline.within((until) => this.#store.send(command, until, crowded));
  }

  #read(reply: unknown, key: string, plan: Plan, cost: number): Outcome {
    const outcome = readOutcome(reply, plan, key, cost);
    this.#breaker.succeeded();
    return outcome;
  }

  #failed(cause: unknown): StoreUnavailable {
    const error = classify(cause);
    this.#breaker.failed(error);
    return error;
  }

  async #classified<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (cause) {
      throw classify(cause);
    }
  }

  #keyOf(who: Subject | string, { scope, name }: CheckOptions): string {
    return typeof who === 'string' ? who : this.keyOf(scope ?? name ?? DEFAULT_SCOPE, who);
  }

  #startOf(scope: string): string {
    const start = `${encodeField(this.settings.prefix)}:${encodeField(scope)}:`;
    if (this.#scopes.size >= MAX_SCOPES) this.#scopes.clear();
    this.#scopes.set(scope, start);
    return start;
  }

  #planOf(limits: Limits, name: string | undefined): Plan {
    let plans = this.#plans.get(name);
    if (!plans) {
      if (this.#plans.size >= MAX_SCOPES) this.#plans.clear();
      plans = new PlanCache(name);
      this.#plans.set(name, plans);
    }
    return plans.get(limits);
  }

  #log(error: Error, serves: boolean): void {
    const level = error instanceof StoreMisconfigured ? 'error' : 'warn';
    const now = performance.now();
    if (now < this.#quietUntil[level]) return;
    this.#quietUntil[level] = now + LOG_EVERY_MS;
    const answer = serves ? 'served without a limit' : 'answered 503';
    this.settings.logger[level](`redis-rl: ${error.message}. Requests are ${answer}.`);
  }
}

/** @throws ConfigurationError if it is no cost */
export function checkCost(cost: number): number {
  if (Number.isInteger(cost) && cost >= 0 && cost <= MAX_COST) return cost;
  throw new ConfigurationError(`cost must be an integer from 0 to ${MAX_COST}, not ${cost}`);
}

/** Passes on what `decide` answers or throws. */
function settle(
  decide: () => Outcome,
  resolve: (outcome: Outcome) => void,
  reject: (error: unknown) => void,
): void {
  let outcome: Outcome;
  try {
    outcome = decide();
  } catch (error) {
    return reject(error);
  }
  resolve(outcome);
}

/** A node looks a command up before its key: whoever redirects has the module. */
function unlessRedirected(error: Error): void {
  if (!/^(MOVED|ASK) /.test(error.message)) throw error;
}

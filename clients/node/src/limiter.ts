/** The limiter: one command per check, and what happens when there is no answer. */

import {
  type CannotIdentify,
  ConfigurationError,
  StoreMisconfigured,
  type StoreUnavailable,
} from './errors.js';
import { APP_SCOPE } from './keys/scope.js';
import { encodeField, isWhole, readWho, type Subject, type Who } from './keys/subjects.js';
import type { Limits } from './limits/limit.js';
import { type Label, type LimitSet, LimitSetCache } from './limits/limit-set.js';
import { PolicyBook } from './limits/policy-book.js';
import { Log } from './log.js';
import { knownOptions } from './options/known.js';
import {
  checkOnError,
  type LimiterOptions,
  type OnError,
  readOptions,
  type Settings,
} from './options/limiter.js';
import { shown } from './options/shown.js';
import { type Outcome, quotasOf, readOutcome, standing, unasked } from './outcome.js';
import { waitsOf } from './peek.js';
import { now } from './stores/clock.js';
import { Exchange } from './stores/exchange.js';
import { storeOf } from './stores/open.js';
import type { Command, RedisClient } from './stores/types.js';

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
  who: Who;
  limits: Limits;
}

/** The name of the limit, or the scope of its key, where `check` was given one. */
export type KeyOptions = Pick<CheckOptions, 'name' | 'scope'>;

const KEY_OPTIONS = { name: true, scope: true } as const;
const CHECK_OPTIONS = { ...KEY_OPTIONS, cost: true, onError: true } as const;
const OPTIONS = {
  check: knownOptions<CheckOptions>('check', CHECK_OPTIONS),
  checkMany: knownOptions<Check>('checkMany', { ...CHECK_OPTIONS, who: true, limits: true }),
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

const MAX_COST = 10 ** 12;
const MAX_SCOPES = 1_000;
const PROBE_MS = 1_000;

const warned = new WeakSet<RedisClient>();

/** What the adapters use beyond {@link Limiter}. */
export class StoreLimiter implements Limiter {
  readonly settings: Settings;
  readonly policies: PolicyBook;
  failedOpen = 0;
  readonly #exchange: Exchange | undefined;
  readonly #sets = new Map<string | undefined, LimitSetCache>();
  readonly #spaces = new Map<string, string>();
  readonly #log: Log;

  constructor(options: LimiterOptions) {
    this.settings = readOptions(options);
    this.#log = new Log(this.settings.logger);
    this.policies = new PolicyBook((error) =>
      error instanceof StoreMisconfigured ? error : undefined,
    );
    if (!this.settings.enabled) return;
    const client = options.client as RedisClient;
    const store = storeOf(client, this.settings);
    this.#exchange = new Exchange(store, this.settings.timeoutMs);
    if (store.warnings.length > 0 && !warned.has(client)) {
      warned.add(client);
      this.settings.logger.warn(
        'redis-rl: client should neither queue nor retry, since a late answer is useless and a ' +
          `charge that is sent twice counts twice, but ${store.warnings.join('; ')}`,
      );
    }
  }

  async check(who: Who, limits: Limits, options: CheckOptions = {}): Promise<Outcome> {
    OPTIONS.check.check(options);
    return this.#check(who, limits, options);
  }

  async checkMany(checks: readonly Check[]): Promise<Outcome[]> {
    for (const check of checks) OPTIONS.checkMany.check(check);
    return Promise.all(checks.map((check) => this.#check(check.who, check.limits, check)));
  }

  async peek(who: Who, limits: Limits, options: KeyOptions = {}): Promise<Outcome> {
    OPTIONS.peek.check(options);
    const set = this.#setOf(limits, options.name);
    const key = this.#keyOf(who, options);
    const exchange = this.#exchange;
    if (!exchange) return unasked('exempt', key, 0);
    const { reply, labels } = await this.#askLabelled(exchange, key, set, 0);
    const outcome = readOutcome(reply, labels, key, 0);
    if (outcome.decisions.every(({ remaining }) => remaining > 0)) return outcome;
    const waits = waitsOf(await exchange.send({ name: 'RL.PEEK', key, rest: [] }), outcome, labels);
    return standing(outcome, (at) => waits[at] as number | null);
  }

  async reset(who: Who, options: KeyOptions = {}): Promise<boolean> {
    OPTIONS.reset.check(options);
    const key = this.#keyOf(who, options);
    return (await this.#exchange?.send({ name: 'DEL', key, rest: [] })) === 1;
  }

  async probe(timeoutMs?: number): Promise<void> {
    const { prefix, timeoutMs: own, connectTimeoutMs } = this.settings;
    const key = `${encodeField(prefix)}:probe`;
    const nothing = { name: 'RL.LIMIT', key, rest: ['FIXED', '0', '1s', 'COST', '0'] };
    await this.#exchange?.probe(nothing, timeoutMs ?? Math.max(PROBE_MS, own, connectTimeoutMs));
  }

  /** Checks, and follows the mode if there is no answer. */
  ask(key: string, set: LimitSet, cost: number, mode?: OnError): Promise<Outcome> {
    const exchange = this.#exchange;
    if (!exchange) return Promise.resolve(unasked('exempt', key, cost));
    if (set.policies.length > 0) return this.#askThenRead(exchange, key, set, cost, mode);
    return exchange.ask(limitCommand(key, set, cost), {
      read: (reply) => readOutcome(reply, set.labels as readonly Label[], key, cost),
      done: (outcome) => this.#told(outcome),
      fail: (error) => this.unanswered(error, key, cost, mode),
    });
  }

  /** The outcome of a check without an answer. @throws `error` unless the mode serves */
  unanswered(
    error: StoreUnavailable,
    key: string,
    cost: number,
    mode: OnError = this.settings.onError,
  ): Outcome {
    const serves = mode === 'open' && !(error instanceof StoreMisconfigured);
    const kind = error instanceof StoreMisconfigured ? 'misconfigured' : 'unavailable';
    this.#log.say(kind, error, serves ? 'served without a limit' : 'refused');
    if (!serves) throw error;
    this.failedOpen += 1;
    return this.#told(unasked('failed_open', key, cost));
  }

  /** Logs that a client cannot be identified. */
  unidentified(error: CannotIdentify): void {
    this.#log.say('unidentified', error, 'refused');
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
    const mode = options.onError === undefined ? undefined : checkOnError(options.onError);
    const set = this.#setOf(limits, options.name);
    const key = this.#keyOf(who, options);
    return this.ask(key, set, checkCost(options.cost ?? 1), mode);
  }

  async #askThenRead(
    exchange: Exchange,
    key: string,
    set: LimitSet,
    cost: number,
    mode?: OnError,
  ): Promise<Outcome> {
    let outcome: Outcome;
    try {
      const { reply, labels } = await this.#askLabelled(exchange, key, set, cost);
      outcome = readOutcome(reply, labels, key, cost);
    } catch (error) {
      // Already counted as a failure, unless it is a reply of another shape.
      const failure = error instanceof StoreMisconfigured ? exchange.failed(error, key) : error;
      return this.unanswered(failure as StoreUnavailable, key, cost, mode);
    }
    return this.#told(outcome);
  }

  /** A reply and its labels, for which the server is asked if there are policies. */
  async #askLabelled(
    exchange: Exchange,
    key: string,
    set: LimitSet,
    cost: number,
  ): Promise<{ reply: unknown; labels: readonly Label[] }> {
    const until = now() + this.settings.timeoutMs;
    const asked = exchange.ask(limitCommand(key, set, cost), {
      read: (reply): { reply: unknown; quotas: unknown[] } => ({ reply, quotas: quotasOf(reply) }),
      done: (result) => result,
      fail: (error) => {
        throw error;
      },
    });
    if (set.policies.length === 0) {
      return { reply: (await asked).reply, labels: set.labels as readonly Label[] };
    }
    const get = (name: string) =>
      exchange.send({ name: 'RL.POLICY', key, rest: ['GET', name], keyless: true });
    const [{ reply, quotas }] = await Promise.all([asked, this.policies.refresh(set, get)]);
    let labelled = this.policies.labelsOf(set, quotas);
    if (!labelled.fits && now() < until) {
      await this.policies.refresh(set, get);
      labelled = this.policies.labelsOf(set, quotas);
    }
    const error = this.policies.errorOf(set);
    if (error) throw error;
    return { reply, labels: labelled.labels };
  }

  #told(outcome: Outcome): Outcome {
    this.settings.onDecision?.(outcome);
    return outcome;
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

function limitCommand(key: string, set: LimitSet, cost: number): Command {
  const rest = cost === 1 ? set.words : [...set.words, 'COST', `${cost}`];
  return { name: 'RL.LIMIT', key, rest };
}

/** @throws ConfigurationError if it is invalid */
export function checkCost(cost: number): number {
  if (Number.isInteger(cost) && cost >= 0 && cost <= MAX_COST) return cost;
  throw new ConfigurationError(`cost must be an integer from 0 to 10^12, not ${shown(cost)}`);
}

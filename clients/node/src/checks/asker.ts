/** Asks the store for outcomes, and says what happens when there is no answer. */

import {
  type CannotIdentify,
  ConfigurationError,
  StoreMisconfigured,
  type StoreUnavailable,
} from '../errors.js';
import type { Label, LimitSet } from '../limits/limit-set.js';
import { PolicyBook } from '../limits/policy-book.js';
import { Log } from '../log.js';
import {
  type LimiterOptions,
  type OnError,
  readOptions,
  type Settings,
} from '../options/limiter.js';
import { type Outcome, quotasOf, readOutcome, unasked } from '../outcome.js';
import { now } from '../stores/clock.js';
import { Exchange } from '../stores/exchange.js';
import { storeOf } from '../stores/open.js';
import type { Command, RedisClient } from '../stores/types.js';
import { type AllOutcome, allUnasked, readAll, together } from './all.js';
import { Charge } from './charge.js';
import { allCommand, type Group, limitCommand, limitCommandWithId } from './commands.js';
import { Denials, isShort } from './denials.js';
import { newId } from './ids.js';
import { Lines, type Patient } from './lines.js';
import { Place, type Places } from './places.js';

const warned = new WeakSet<RedisClient>();

/** How several keys are checked at once. */
export interface AllHow extends Partial<Pick<Patient, 'maxWaitMs' | 'onGone'>> {
  readonly mode?: OnError | undefined;
  readonly retry?: boolean;
  /** Whether the charges may be settled. */
  readonly settles?: boolean;
}

/** What is made of an outcome that the store answered, before anybody is told. */
type Made = (outcome: Outcome, labels: readonly Label[]) => Outcome;

export class Asker {
  readonly settings: Settings;
  readonly policies: PolicyBook;
  failedOpen = 0;
  protected readonly exchange: Exchange | undefined;
  protected readonly denials: Denials | undefined;
  readonly log: Log;
  #lines: Lines | undefined;

  constructor(options: LimiterOptions) {
    this.settings = readOptions(options);
    this.log = new Log(this.settings.logger);
    this.policies = new PolicyBook((error) =>
      error instanceof StoreMisconfigured ? error : undefined,
    );
    const { denyCache, enabled } = this.settings;
    this.denials = denyCache > 0 ? new Denials(denyCache) : undefined;
    if (!enabled) return;
    const client = options.client as RedisClient;
    const store = storeOf(client, this.settings);
    this.exchange = new Exchange(store, this.settings.timeoutMs);
    if (store.warnings.length > 0 && !warned.has(client)) {
      warned.add(client);
      this.settings.logger.warn(
        'redis-rl: client should neither queue nor retry, since a late answer is useless and a ' +
          `charge that is sent twice counts twice, but ${store.warnings.join('; ')}`,
      );
    }
  }

  /** Checks, and follows the mode if there is no answer. */
  ask(key: string, set: LimitSet, cost: number, mode?: OnError, quiet?: boolean): Promise<Outcome> {
    if (!this.exchange) return Promise.resolve(unasked('exempt', key, cost));
    const command = limitCommand(key, set, cost);
    if (this.denials !== undefined) return this.#askUnlessDenied(command, set, cost, mode, quiet);
    return this.askCommand(command, set, cost, mode, undefined, quiet);
  }

  /**
   * The same with an id, so that a command whose reply is lost is sent again.
   *
   * @param settles whether the charge may be settled; {@link Charge.of} then knows the outcome
   */
  askWithId(
    key: string,
    set: LimitSet,
    cost: number,
    mode: OnError | undefined,
    settles: boolean,
    quiet?: boolean,
  ): Promise<Outcome> {
    const { exchange } = this;
    if (!exchange) return Promise.resolve(unasked('exempt', key, cost));
    const id = newId();
    const command = limitCommandWithId({ key, set, cost }, id, settles);
    if (!settles) {
      if (this.denials !== undefined) return this.#askUnlessDenied(command, set, cost, mode, quiet);
      return this.askCommand(command, set, cost, mode, undefined, quiet);
    }
    const send = this.#settling(exchange, key);
    const made: Made | undefined =
      cost === 0
        ? undefined
        : (outcome, labels) => Charge.made(outcome, labels, id, send, this.log);
    return this.askCommand(command, set, cost, mode, made, quiet);
  }

  /** Sends what settles a charge at `key`, which may let others pass. */
  #settling(exchange: Exchange, key: string): (settle: Command) => Promise<unknown> {
    return (settle) => this.sendFreeing(exchange, key, settle);
  }

  /** Sends what may let others pass at `key`, also those who were refused in the meantime. */
  protected sendFreeing(exchange: Exchange, key: string, command: Command): Promise<unknown> {
    const { denials } = this;
    if (denials === undefined) return exchange.send(command);
    denials.forget(key);
    return exchange.send(command).finally(() => denials.forget(key));
  }

  /** The same, unless it was refused a moment ago. */
  #askUnlessDenied(
    command: Command,
    set: LimitSet,
    cost: number,
    mode?: OnError,
    quiet?: boolean,
  ): Promise<Outcome> {
    const denials = this.denials as Denials;
    const clauses = set.words.join(' ');
    const denied = denials.at(command.key, clauses, cost);
    if (denied) return Promise.resolve(quiet === true ? denied : this.told(denied));
    const sentAt = now();
    const made: Made = (outcome) => {
      if (cost > 0) denials.keep(outcome, clauses, sentAt, isShort(set));
      return outcome;
    };
    return this.askCommand(command, set, cost, mode, made, quiet);
  }

  /** Sends a command whose reply has a verdict for each limit of `set`. */
  protected askCommand(
    command: Command,
    set: LimitSet,
    cost: number,
    mode?: OnError,
    made?: Made,
    quiet?: boolean,
  ): Promise<Outcome> {
    const exchange = this.exchange as Exchange;
    const { key } = command;
    if (set.policies.length > 0) {
      return this.#askThenRead(exchange, command, set, cost, mode, made, quiet);
    }
    const labels = set.labels as readonly Label[];
    return exchange.ask(command, {
      read: (reply) => {
        const outcome = readOutcome(reply, labels, key, cost);
        return made === undefined ? outcome : made(outcome, labels);
      },
      done: (outcome) => (quiet === true ? outcome : this.told(outcome)),
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
    this.log.say(kind, error, serves ? 'served without a limit' : 'refused');
    if (!serves) throw error;
    this.failedOpen += 1;
    return this.told(unasked('failed_open', key, cost));
  }

  /** Checks several keys, all or nothing, and waits for that where `how` says so. */
  askAll(groups: readonly Group[], how: AllHow = {}): Promise<AllOutcome> {
    const { maxWaitMs, onGone } = how;
    if (maxWaitMs === undefined) return this.#askAll(groups, how, false);
    const set = together(groups);
    const cost = Math.max(...groups.map((each) => each.cost));
    const ask = () => this.#askAll(groups, how, true);
    const patient = { key: '', set, cost, maxWaitMs, ask, ...(onGone && { onGone }) };
    return this.askInLine(patient) as Promise<AllOutcome>;
  }

  async #askAll(groups: readonly Group[], how: AllHow, quiet: boolean): Promise<AllOutcome> {
    const { mode, retry = false, settles = false } = how;
    const set = together(groups);
    const { key } = groups[0] as Group;
    const cost = groups.reduce((sum, each) => sum + each.cost, 0);
    const { exchange } = this;
    if (!exchange) return allUnasked('exempt', groups, cost);
    const denials = settles || cost === 0 ? undefined : this.denials;
    const clauses = denials === undefined ? '' : asked(groups);
    const denied = denials?.at(key, clauses, cost) as AllOutcome | undefined;
    if (denied) return quiet ? denied : this.told(denied);
    const sentAt = now();
    const id = retry || settles ? newId() : undefined;
    const command = allCommand(groups, id, settles);
    const made = (each: Outcome, labels: readonly Label[], allowed: boolean) => {
      if (id === undefined || !settles || !allowed || each.cost === 0) return each;
      return Charge.made(each, labels, id, this.#settling(exchange, each.key), this.log);
    };
    let outcome: AllOutcome;
    try {
      const { reply, labels, counts } = await this.askLabelled(exchange, command, set);
      outcome = readAll(reply, labels, counts, groups, made);
      const keys = groups.map((each) => each.key);
      denials?.keep(outcome, clauses, sentAt, isShort(set), keys);
    } catch (error) {
      const failure = error instanceof StoreMisconfigured ? exchange.failed(error, key) : error;
      this.unanswered(failure as StoreUnavailable, key, cost, mode);
      return allUnasked('failed_open', groups, cost);
    }
    return quiet ? outcome : this.told(outcome);
  }

  /**
   * Checks, and while it is refused for a while waits in line, no longer than `maxWaitMs`. Whoever
   * asks does so without telling; only the outcome in the end is told.
   */
  async askInLine(patient: Omit<Patient, 'limits'>): Promise<Outcome> {
    const limits = () => this.policies.limitsOf(patient.set);
    this.#lines ??= new Lines();
    const outcome = await this.#lines.through({ ...patient, limits });
    const isNews = outcome.source === 'server' || outcome.source === 'deny_cache';
    return isNews ? this.told(outcome) : outcome;
  }

  /** Takes a place; {@link Place.of} then knows the outcome. */
  askPlace(key: string, places: Places, mode?: OnError): Promise<Outcome> {
    const { exchange } = this;
    if (!exchange) return Promise.resolve(unasked('exempt', key, 1));
    const { denials } = this;
    const clauses = `LEASE ${places.limit} ${places.lease}`;
    const denied = denials?.at(key, clauses, 1);
    if (denied) return Promise.resolve(this.told(denied));
    const send = (command: Command) =>
      command.name === 'RL.RELEASE'
        ? this.sendFreeing(exchange, key, command)
        : exchange.send(command);
    const place = new Place(key, places, newId(), send, this.log);
    const sentAt = now();
    return exchange.ask(place.command, {
      read: (reply) => {
        const outcome = place.read(reply);
        denials?.keep(outcome, clauses, sentAt, true);
        return outcome;
      },
      done: (outcome) => this.told(outcome),
      fail: (error) => {
        // It may have been taken all the same, by a command whose reply is late.
        if (!(error instanceof StoreMisconfigured)) place.release();
        return this.unanswered(error, key, 1, mode);
      },
    });
  }

  /** @throws ConfigurationError for several keys in a cluster without a slot */
  checkSlot(slot: unknown, keys: number): void {
    if (slot !== undefined || keys < 2 || !this.exchange?.store.isCluster) return;
    throw new ConfigurationError(
      'slot must be given in a cluster, whose nodes check several keys only if they share a slot, ' +
        "as in { slot: 'acme' }, and is missing",
    );
  }

  /** Logs what somebody must mend. */
  misconfigured(error: StoreMisconfigured): void {
    this.log.say('misconfigured', error, 'refused');
  }

  /** Logs that a client cannot be identified. */
  unidentified(error: CannotIdentify): void {
    this.log.say('unidentified', error, 'refused');
  }

  /** A reply and its labels, for which the server is asked if there are policies. */
  protected async askLabelled(
    exchange: Exchange,
    command: Command,
    set: LimitSet,
  ): Promise<{ reply: unknown; labels: readonly Label[]; counts: readonly number[] }> {
    const until = now() + this.settings.timeoutMs;
    const asked = exchange.ask(command, {
      read: (reply): { reply: unknown; quotas: unknown[] } => ({ reply, quotas: quotasOf(reply) }),
      done: (result) => result,
      fail: (error) => {
        throw error;
      },
    });
    if (set.policies.length === 0) {
      return { reply: (await asked).reply, labels: set.labels as readonly Label[], counts: [] };
    }
    const { key } = command;
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
    return { reply, labels: labelled.labels, counts: labelled.counts };
  }

  async #askThenRead(
    exchange: Exchange,
    command: Command,
    set: LimitSet,
    cost: number,
    mode?: OnError,
    made?: Made,
    quiet?: boolean,
  ): Promise<Outcome> {
    const { key } = command;
    let outcome: Outcome;
    try {
      const { reply, labels } = await this.askLabelled(exchange, command, set);
      outcome = readOutcome(reply, labels, key, cost);
      if (made !== undefined) outcome = made(outcome, labels);
    } catch (error) {
      // Already counted as a failure, unless it is a reply of another shape.
      const failure = error instanceof StoreMisconfigured ? exchange.failed(error, key) : error;
      return this.unanswered(failure as StoreUnavailable, key, cost, mode);
    }
    return quiet === true ? outcome : this.told(outcome);
  }

  protected told<Whole extends Outcome>(outcome: Whole): Whole {
    this.settings.onDecision?.(outcome);
    return outcome;
  }
}

/** What several subjects are asked for, in a line. */
function asked(groups: readonly Group[]): string {
  return JSON.stringify(groups.map(({ key, set, cost }) => [key, set.words, cost]));
}

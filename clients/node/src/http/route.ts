/** The limits of a route: for which requests, for whom, at what cost. */

import { reservable } from '../checks/charge.js';
import { ConfigurationError, isUnidentified, StoreMisconfigured } from '../errors.js';
import { scopeOf } from '../keys/scope.js';
import { isWhole, readWho, Subject, type SubjectOptions, type WholeKey } from '../keys/subjects.js';
import type { StoreLimiter } from '../limiter.js';
import { checkCost } from '../options/cost.js';
import type { OnError } from '../options/limiter.js';
import type { LimitSet } from '../limits/limit-set.js';
import type { Outcome } from '../outcome.js';
import { clientOf, type HttpRequest } from './client.js';
import { type ReadOptions, readRoute, type RouteOptions } from './route-options.js';
import { isCharged, type Met, place } from './stack.js';

const met = Symbol.for('redis-rl.met');

/** A request of Node's http, on which it is noted what limits it has met. */
export type RawRequest = object & { [met]?: Met };

export class Route<Request extends HttpRequest> {
  readonly limiter: StoreLimiter;
  readonly waits: boolean;
  /** Whether its charges may be settled. */
  readonly settles: boolean;
  /** Whether it asks for nothing but a check. */
  readonly #isPlain: boolean;
  readonly #options: ReadOptions<Request>;
  /** Its name in errors. */
  readonly #name: string;

  /**
   * @param counts whether only some answers count
   * @throws ConfigurationError for wrong and unknown options
   */
  constructor(limiter: unknown, options: RouteOptions<Request>, counts = false) {
    this.#options = readRoute(limiter, options);
    const { reserve, retry } = this.#options;
    if (counts && reserve) {
      throw new ConfigurationError(
        'countIf and reserve must not be given together, since each settles what a request cost',
      );
    }
    this.settles = counts || reserve;
    this.#isPlain = !this.settles && !retry;
    this.limiter = this.#options.limiter;
    this.waits = this.#options.wait;
    this.#name = this.#options.scope === null ? 'one without a name' : `'${this.#options.scope}'`;
  }

  /** Whether the framework identifies requests, perhaps by X-Forwarded-For. */
  get asksFramework(): boolean {
    return this.#options.key === undefined && this.limiter.settings.proxies === undefined;
  }

  /**
   * The outcome; null where it is not limited; nothing where this limit is not for the request, or
   * has charged it already. Rejects with what the functions of the options throw, or `check` does.
   *
   * @param raw the same object for all limits of the request
   * @param template of the route that it reached, if any
   */
  check(
    request: Request,
    raw: RawRequest,
    template: (request: Request) => string | null,
  ): Promise<Outcome | null> | undefined {
    if (!this.limiter.settings.enabled) return undefined;
    const stack = raw[met];
    if (stack !== undefined && isCharged(stack, this)) return undefined;
    const { set, key, cost, exempt, methods, scope: name } = this.#options;
    const path = name === null ? template(request) : null;
    const scope = scopeOf(request.method, path, name, methods);
    if (scope === null) {
      this.#pass(raw, scopeOf(request.method, path, name, null) as string);
      return undefined;
    }
    if (set !== null && key === undefined && exempt === undefined && typeof cost === 'number') {
      try {
        const where = this.#place(raw, scope, this.#client(request), set);
        const { onError } = this.#options;
        if (!this.#isPlain) return this.#askOtherwise(where, set, cost, onError);
        return this.limiter.ask(where, set, cost, onError);
      } catch (error) {
        return Promise.reject(this.#noted(error));
      }
    }
    return this.#checkAsked(request, raw, scope);
  }

  /** The same, with functions that may be slow or fail. */
  async #checkAsked(request: Request, raw: RawRequest, scope: string): Promise<Outcome | null> {
    const { key, cost, exempt, onError } = this.#options;
    if (exempt !== undefined && (await exempt(request))) return this.#pass(raw, scope);
    try {
      let who: Subject | WholeKey;
      if (key === undefined) who = this.#client(request);
      else {
        const answer = await key(request, (options) => this.#client(request, options));
        if (answer === null) return this.#pass(raw, scope);
        who = readWho(answer, 'what a key function returns');
      }
      const set = await this.#options.setOf(request, who);
      if (set === null) return this.#pass(raw, scope);
      const price = typeof cost === 'function' ? checkCost(await cost(request)) : cost;
      const where = this.#place(raw, scope, who, set);
      if (!this.#isPlain) return await this.#askOtherwise(where, set, price, onError);
      return await this.limiter.ask(where, set, price, onError);
    } catch (error) {
      throw this.#noted(error);
    }
  }

  /** The same with an id. */
  #askOtherwise(key: string, set: LimitSet, cost: number, mode?: OnError): Promise<Outcome> {
    const asked = this.limiter.askWithId(key, set, cost, mode, this.settles);
    return this.#options.reserve ? asked.then(reservable) : asked;
  }

  /** Notes that the request has met this limit, which does not ask the store. */
  #pass(raw: RawRequest, scope: string): null {
    const { named, limiters } = this.#options;
    const meeting = { limit: this, scope, named, subject: null, limiters: limiters() };
    const placed = place(raw[met], meeting, (each) => this.limiter.spaceOf(each));
    if (placed !== null) raw[met] = placed;
    return null;
  }

  /** The key at which to charge. @throws StoreMisconfigured if that would charge it twice */
  #place(raw: RawRequest, scope: string, who: Subject | WholeKey, set: LimitSet): string {
    const whole = isWhole(who);
    const limiters = this.limiter.policies.limitersOf(set);
    const stack = raw[met];
    const subject = whole ? who.key : this.limiter.subjectOf(who);
    if (stack === undefined) {
      const space = whole ? '' : this.limiter.spaceOf(scope);
      const key = `${space}${subject}`;
      raw[met] = { limit: this, space, key, limiters, before: undefined };
      return key;
    }
    const named = whole || this.#options.named;
    const spaceOf = (each: string) => (whole ? '' : this.limiter.spaceOf(each));
    const placed = place(stack, { limit: this, scope, named, subject, limiters }, spaceOf);
    if (placed === null) throw this.#conflict(stack, `${spaceOf(scope)}${subject}`, limiters);
    raw[met] = placed;
    return placed.key as string;
  }

  #conflict(stack: Met, key: string, limiters: readonly string[]): StoreMisconfigured {
    let other: Met | undefined = stack;
    const shares = (each: Met) =>
      each.key === key && each.limiters.some((l) => limiters.includes(l));
    while (other && !shares(other)) other = other.before;
    const limiter = other?.limiters.find((each) => limiters.includes(each)) ?? '';
    const [kind = '', ms = ''] = limiter.split(' ');
    const what = kind === 'policy' ? limiter : `a ${kind} limit of ${Number(ms) / 1000} s`;
    const names = [other?.limit as Route<Request>, this].map((each) => each.#name).join(' and ');
    const error = new StoreMisconfigured(
      `two limits of one request must not charge the same limiter, as ${names} do with ${what}: ` +
        'give each a name of its own, or use one limit object for both',
    );
    this.#unanswered(error);
    return error;
  }

  #unanswered(error: StoreMisconfigured): void {
    try {
      this.limiter.unanswered(error, '', 0, 'closed');
    } catch {
      // It is logged; the caller throws it.
    }
  }

  #noted(error: unknown): unknown {
    if (isUnidentified(error)) this.limiter.unidentified(error);
    return error;
  }

  #client(request: Request, options?: SubjectOptions): Subject {
    return Subject.ip(clientOf(request, this.limiter.settings.proxies), options);
  }
}

/** `:id` as other frameworks write it; one budget for `/a` and `/a/`. */
export function template(path: string): string {
  return path.replace(/:(\w+)/g, '{$1}').replace(/(.)\/+$/, '$1');
}

/** The limits of a route: for which requests, for whom, at what cost. */

import { reservable } from '../checks/charge.js';
import { isUnidentified } from '../errors.js';
import { scopeOf } from '../keys/scope.js';
import { readWho, Subject, type SubjectOptions, type WholeKey } from '../keys/subjects.js';
import type { StoreLimiter } from '../limiter.js';
import { checkCost } from '../options/cost.js';
import type { LimitSet } from '../limits/limit-set.js';
import type { Outcome } from '../outcome.js';
import type { Checker } from './checker.js';
import { clientOf, type HttpRequest, whenGone } from './client.js';
import { firstKey, keyAt, metBy, pass, type Placed, type RawRequest } from './placing.js';
import { checkSettling, type ReadOptions, readRoute, type RouteOptions } from './route-options.js';
import { isCharged } from './stack.js';

export class Route<Request extends HttpRequest> implements Checker<Request>, Placed {
  readonly limiter: StoreLimiter;
  readonly waits: boolean;
  readonly settles: boolean;
  readonly holdsPlace = false;
  /** Whether it asks for nothing but a check. */
  readonly #isPlain: boolean;
  readonly #options: ReadOptions<Request>;
  /** Its name in errors. */
  readonly label: string;

  /**
   * @param counts whether only some answers count
   * @throws ConfigurationError for wrong and unknown options
   */
  constructor(limiter: unknown, options: RouteOptions<Request>, counts = false) {
    this.#options = readRoute(limiter, options);
    const { reserve, retry, maxWaitMs } = this.#options;
    this.settles = checkSettling(counts, reserve);
    this.#isPlain = !this.settles && !retry && maxWaitMs === undefined;
    this.limiter = this.#options.limiter;
    this.waits = this.#options.wait;
    this.label = this.#options.scope === null ? 'one without a name' : `'${this.#options.scope}'`;
  }

  get asksFramework(): boolean {
    return this.#options.key === undefined && this.limiter.settings.proxies === undefined;
  }

  check(
    request: Request,
    raw: RawRequest,
    template: (request: Request) => string | null,
  ): Promise<Outcome | null> | undefined {
    if (!this.limiter.settings.enabled) return undefined;
    const stack = metBy(raw);
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
        if (!this.#isPlain) return this.#askOtherwise(request, where, set, cost);
        return this.limiter.ask(where, set, cost, this.#options.onError);
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
      if (!this.#isPlain) return await this.#askOtherwise(request, where, set, price);
      return await this.limiter.ask(where, set, price, onError);
    } catch (error) {
      throw this.#noted(error);
    }
  }

  /** The same with an id, or in line. */
  async #askOtherwise(
    request: Request,
    key: string,
    set: LimitSet,
    cost: number,
  ): Promise<Outcome> {
    const { onError, retry, reserve, maxWaitMs } = this.#options;
    const { limiter, settles } = this;
    const ask = (quiet: boolean) =>
      settles || retry
        ? limiter.askWithId(key, set, cost, onError, settles, quiet)
        : limiter.ask(key, set, cost, onError, quiet);
    const outcome =
      maxWaitMs === undefined
        ? await ask(false)
        : await limiter.askInLine({
            key,
            set,
            cost,
            maxWaitMs,
            ask: () => ask(true),
            onGone: (gone) => whenGone(request.socket, gone),
          });
    return reserve ? reservable(outcome) : outcome;
  }

  #pass(raw: RawRequest, scope: string): null {
    const { named, limiters } = this.#options;
    return pass(raw, this.limiter, { limit: this, scope, named, limiters: limiters() });
  }

  #place(raw: RawRequest, scope: string, who: Subject | WholeKey, set: LimitSet): string {
    const { limiter } = this;
    const limiters = limiter.policies.limitersOf(set);
    if (metBy(raw) === undefined) return firstKey(raw, limiter, this, scope, who, limiters);
    return keyAt(
      raw,
      this.limiter,
      { limit: this, scope, named: this.#options.named, limiters },
      who,
    );
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

/** The limits of a route: which requests they are for, who is asking, what it costs. */

import type { IncomingHttpHeaders } from 'node:http';
import { isUnavailable } from './errors.js';
import { Subject } from './keys.js';
import { checkCost, type Limiter, type StoreLimiter } from './limiter.js';
import type { Limits } from './limits.js';
import { checkOnError, type OnError } from './options.js';
import type { Outcome } from './outcome.js';
import { makePlan, type Plan, PlanCache } from './plan.js';

/** What is read of a request, in Express and in Fastify. */
export interface HttpRequest {
  readonly method: string;
  readonly ip?: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly socket: { readonly remoteAddress?: string | undefined };
}

type Now<T> = T | Promise<T>;

/**
 * The client by its address: what the framework resolved, or what the limiter's `trustedProxies`
 * say. @throws CannotIdentify where there is none
 */
export type Client = (options?: { tier?: string }) => Subject;

export interface RouteOptions<Request> {
  /** Limits, or a function that chooses them per request, as by tier; null: not limited. */
  limits: Limits | ((request: Request, who: Subject) => Now<Limits | null>);
  /**
   * Who is asking; null: not limited. Default the client's address, which `client()` answers, too:
   * `(req, client) => userOf(req) ?? client()`.
   */
  key?: (request: Request, client: Client) => Now<Subject | null>;
  /** The name of the limit in headers and keys. Default its numbers, and the route's template. */
  name?: string;
  /** The second field of the key, where it is not to be the name. */
  scope?: string;
  /** What a request costs, an integer from 0 to 10^12. Default 1. */
  cost?: number | ((request: Request) => Now<number>);
  /** The methods that are limited; GET includes HEAD. Default all but OPTIONS, which never is. */
  methods?: readonly string[];
  /** Instead of the limiter's own. */
  onError?: OnError;
  /** Whether to hold requests as long as LEAKY limits ask. Default false. */
  wait?: boolean;
}

type Resolve = (outcome: Outcome | null) => void;
type Reject = (error: unknown) => void;

export class Route<Request extends HttpRequest> {
  readonly limiter: StoreLimiter;
  /** What the options say of the key; else the framework knows the route's template. */
  readonly scope: string | undefined;
  readonly waits: boolean;
  readonly #options: RouteOptions<Request>;
  readonly #plan: Plan | undefined;
  readonly #plans: PlanCache;
  readonly #methods: ReadonlySet<string> | undefined;

  /** @throws ConfigurationError for wrong limits, names, costs and modes */
  constructor(limiter: Limiter, options: RouteOptions<Request>) {
    const { limits, name, scope, cost, methods, onError, wait } = options;
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- none but createLimiter makes one
    this.limiter = limiter as StoreLimiter;
    this.scope = scope ?? name;
    this.waits = wait ?? false;
    this.#options = options;
    this.#plans = new PlanCache(name);
    this.#plan = typeof limits === 'function' ? undefined : makePlan(limits, name);
    this.#methods = methods && new Set(methods.map((method) => method.toUpperCase()));
    if (typeof cost === 'number') checkCost(cost);
    if (onError !== undefined) checkOnError(onError);
  }

  /** Whether requests are identified by what the framework makes of X-Forwarded-For. */
  get asksFramework(): boolean {
    return this.#options.key === undefined && this.limiter.settings.proxies === undefined;
  }

  covers(method: string): boolean {
    if (method === 'OPTIONS') return false;
    return this.#methods === undefined || this.#methods.has(method === 'HEAD' ? 'GET' : method);
  }

  /**
   * Calls `resolve` with the outcome, null where it is not limited, or `reject` with what the
   * functions of the options throw, or `check` does. Maybe at once.
   */
  check(request: Request, scope: string, resolve: Resolve, reject: Reject): void {
    const { key, cost = 1, onError } = this.#options;
    if (this.#plan !== undefined && key === undefined && typeof cost !== 'function') {
      const where = this.#whereOf(request, scope);
      if (where !== undefined) {
        this.limiter.decide(where, this.#plan, cost, onError, resolve, reject);
        return;
      }
    }
    this.#checkAsked(request, scope).then(resolve, reject);
  }

  #whereOf(request: Request, scope: string): string | undefined {
    try {
      return this.limiter.keyOf(scope, this.#client(request));
    } catch {
      return undefined;
    }
  }

  /** The same, with functions that may be slow or fail. */
  async #checkAsked(request: Request, scope: string): Promise<Outcome | null> {
    const { limits, key, cost = 1, onError } = this.#options;
    let who: Subject | null;
    try {
      who =
        key === undefined
          ? this.#client(request)
          : await key(request, (options) => this.#client(request, options));
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      return this.limiter.undecided(error, null, 1, onError);
    }
    if (who === null) return null;
    let plan = this.#plan;
    if (plan === undefined) {
      const chosen = typeof limits === 'function' ? await limits(request, who) : limits;
      if (chosen === null) return null;
      plan = this.#plans.get(chosen);
    }
    const price = typeof cost === 'function' ? checkCost(await cost(request)) : cost;
    let where: string;
    try {
      where = this.limiter.keyOf(scope, who);
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      return this.limiter.undecided(error, null, price, onError);
    }
    const chosen = plan;
    return new Promise((resolve, reject) => {
      this.limiter.decide(where, chosen, price, onError, resolve, reject);
    });
  }

  #client(request: Request, options?: { tier?: string }): Subject {
    const { proxies } = this.limiter.settings;
    // Node parses headers when they are first read, here not before they are needed.
    if (proxies === undefined) return Subject.ip(request.ip, options);
    const forwarded = request.headers['x-forwarded-for'];
    const lines = Array.isArray(forwarded) ? forwarded.join(',') : forwarded;
    return Subject.ip(proxies.client(request.socket.remoteAddress, lines), options);
  }
}

/** `:id` as other frameworks write it; one budget for `/a` and `/a/`. */
export function template(path: string): string {
  return path.replace(/:(\w+)/g, '{$1}').replace(/(.)\/+$/, '$1');
}

const METHODS = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE']);

/**
 * The scope of requests that reach a handler by its template, never by the path a client wrote.
 * Node knows methods that HTTP does not define: these share a budget, where a route takes any.
 */
export function routeScope(method: string, path: string): string {
  const known = method === 'HEAD' ? 'GET' : method;
  return `${METHODS.has(known) ? known : '*'} ${path}`;
}

/** The scope of requests that no route is known of. */
export const APP_SCOPE = 'app';

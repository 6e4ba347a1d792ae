/** Places for the requests of a route: so many of a subject are served at once. */

import { PLACES, type Places, readPlaces } from '../checks/places.js';
import { isUnidentified } from '../errors.js';
import { readMethods, scopeOf } from '../keys/scope.js';
import { readWho, Subject, type SubjectOptions } from '../keys/subjects.js';
import type { StoreLimiter } from '../limiter.js';
import { checkFunction, checkOnError, wrong } from '../options/limiter.js';
import type { Outcome } from '../outcome.js';
import type { Checker } from './checker.js';
import { clientOf, type HttpRequest } from './client.js';
import { keyAt, metBy, pass, type Placed, type RawRequest } from './placing.js';
import { checkLimiter, type RouteOptions } from './route-options.js';
import { isCharged } from './stack.js';

/** Options of places. */
export interface PlacesOptions<Request> extends Pick<
  RouteOptions<Request>,
  'key' | 'name' | 'scope' | 'methods' | 'exempt' | 'onError'
> {
  /**
   * For how long a place is held unless it is renewed, which happens every third of that: after so
   * long those of a killed application are free. Default `30s`.
   */
  lease?: string;
}

/** For the lists of options of each framework. */
export const PLACES_OPTIONS = {
  key: true,
  name: true,
  scope: true,
  methods: true,
  exempt: true,
  onError: true,
  lease: true,
} as const;

const LIMITERS = [PLACES];

export class PlacesRoute<Request extends HttpRequest> implements Checker<Request>, Placed {
  readonly limiter: StoreLimiter;
  readonly waits = false;
  readonly settles = false;
  readonly holdsPlace = true;
  readonly label: string;
  readonly #places: Places;
  readonly #scope: string | null;
  readonly #methods: ReadonlySet<string> | null;
  readonly #options: PlacesOptions<Request>;

  /** @throws ConfigurationError for wrong and unknown options */
  constructor(limiter: unknown, limit: number, options: PlacesOptions<Request>) {
    this.limiter = checkLimiter(limiter);
    const { lease = '30s', name, scope, key, exempt, onError } = options;
    this.#places = readPlaces(limit, lease, name);
    if (key !== undefined) checkFunction('key', key);
    if (exempt !== undefined) checkFunction('exempt', exempt);
    if (onError !== undefined) checkOnError(onError);
    if (scope !== undefined && (typeof scope !== 'string' || scope === '')) {
      throw wrong('scope', scope, 'text that is not empty');
    }
    this.#scope = scope ?? name ?? null;
    this.label = this.#scope === null ? 'one without a name' : `'${this.#scope}'`;
    this.#methods = readMethods(options.methods);
    this.#options = options;
  }

  get asksFramework(): boolean {
    return this.#options.key === undefined && this.limiter.settings.proxies === undefined;
  }

  check(
    request: Request,
    raw: RawRequest,
    template: (request: Request) => string | null,
  ): Promise<Outcome | null> | undefined {
    if (!this.limiter.settings.enabled || isCharged(metBy(raw), this)) return undefined;
    const path = this.#scope === null ? template(request) : null;
    const scope = scopeOf(request.method, path, this.#scope, this.#methods);
    if (scope !== null) return this.#ask(request, raw, scope);
    this.#pass(raw, scopeOf(request.method, path, this.#scope, null) as string);
    return undefined;
  }

  async #ask(request: Request, raw: RawRequest, scope: string): Promise<Outcome | null> {
    const { key, exempt, onError } = this.#options;
    if (exempt !== undefined && (await exempt(request))) return this.#pass(raw, scope);
    try {
      const client = (options?: SubjectOptions) =>
        Subject.ip(clientOf(request, this.limiter.settings.proxies), options);
      const answer = key === undefined ? client() : await key(request, client);
      if (answer === null) return this.#pass(raw, scope);
      const who = readWho(answer, 'what a key function returns');
      const where = this.#where(scope);
      return await this.limiter.askPlace(
        keyAt(raw, this.limiter, where, who),
        this.#places,
        onError,
      );
    } catch (error) {
      if (isUnidentified(error)) this.limiter.unidentified(error);
      throw error;
    }
  }

  #pass(raw: RawRequest, scope: string): null {
    return pass(raw, this.limiter, this.#where(scope));
  }

  #where(scope: string) {
    return { limit: this, scope, named: this.#scope !== null, limiters: LIMITERS };
  }
}

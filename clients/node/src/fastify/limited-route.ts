/** One limit of Fastify's, as a hook runs it. */

import type { FastifyReply, FastifyRequest, preHandlerHookHandler } from 'fastify';
import type { RequestOutcome } from '../checks/all.js';
import { settlings } from '../checks/charge.js';
import { Place } from '../checks/places.js';
import { ALL_OPTIONS, AllRoute, type AllRouteOptions, type Subjects } from '../http/all-route.js';
import type { Checker } from '../http/checker.js';
import { PROBLEM_TYPE, problemOf, quotaExceeded } from '../http/problem.js';
import { PLACES_OPTIONS, type PlacesOptions, PlacesRoute } from '../http/places-route.js';
import { hold, holdPlace } from '../http/response.js';
import { Route, template } from '../http/route.js';
import { ROUTE_OPTIONS, type RouteOptions } from '../http/route-options.js';
import type { Limiter } from '../limiter.js';
import { knownOptions } from '../options/known.js';
import { checkFunction } from '../options/limiter.js';
import type { Outcome } from '../outcome.js';
import { tell, tellCharge } from './reply.js';

export interface FastifyRouteOptions extends RouteOptions<FastifyRequest> {
  /**
   * Answers denied requests instead of the 429, with the reply or by what it returns; the rate
   * headers are sent with its answer.
   */
  handler?: (request: FastifyRequest, reply: FastifyReply, outcome: RequestOutcome) => unknown;
  /**
   * Which answers count, as in `(reply) => reply.statusCode >= 400`. Asked when the head of an
   * answer is known; a promise is waited for, except where the head is written by hand.
   */
  countIf?: (reply: FastifyReply, request: FastifyRequest) => boolean | Promise<boolean>;
}

/** The options of a route, by their names. */
export const FASTIFY_ROUTE_OPTIONS = { ...ROUTE_OPTIONS, handler: true, countIf: true } as const;

const OPTIONS = knownOptions<FastifyRouteOptions>(
  'config.rl and fastify.rl()',
  FASTIFY_ROUTE_OPTIONS,
);

/** Options of `fastify.rl.limitAll()`. */
export type FastifyAllOptions = AllRouteOptions<FastifyRequest> &
  Pick<FastifyRouteOptions, 'handler' | 'countIf'>;

/** Options of `fastify.rl.concurrency()`. */
export type FastifyPlacesOptions = PlacesOptions<FastifyRequest> &
  Pick<FastifyRouteOptions, 'handler'>;

const ALL = knownOptions<FastifyAllOptions>('limitAll', {
  ...ALL_OPTIONS,
  handler: true,
  countIf: true,
});
const PLACES = knownOptions<FastifyPlacesOptions>('concurrency', {
  ...PLACES_OPTIONS,
  handler: true,
});

/** @throws ConfigurationError for an unknown option */
export function checkRouteOptions(options: unknown): void {
  OPTIONS.check(options);
}

/** Goes on with the request. */
export type Done = (error?: Error) => void;

/** A hook, wherever it is added. */
export type Hook = (request: FastifyRequest, reply: FastifyReply, done: Done) => void;

/** A hook for any place: preParsing has a payload before `done`. */
export function hookOf(hook: Hook): preHandlerHookHandler {
  return (request: FastifyRequest, reply: FastifyReply, ...last: unknown[]) =>
    hook(request, reply, last.at(-1) as Done);
}

/** A checker of requests, and how denied ones are answered. */
export class LimitedRoute {
  readonly #checker: Checker<FastifyRequest>;
  readonly #handler: FastifyRouteOptions['handler'];
  readonly #countIf: FastifyRouteOptions['countIf'];
  readonly #templateOf: (request: FastifyRequest) => string | null;

  /** @param alone whether a limit without a name has a budget for each route */
  private constructor(
    checker: Checker<FastifyRequest>,
    { handler, countIf }: Pick<FastifyRouteOptions, 'handler' | 'countIf'>,
    alone: boolean,
  ) {
    if (handler !== undefined) checkFunction('handler', handler);
    if (countIf !== undefined) checkFunction('countIf', countIf);
    this.#checker = checker;
    this.#handler = handler;
    this.#countIf = countIf;
    this.#templateOf = alone ? templateOf : () => null;
  }

  /** @throws ConfigurationError for wrong options */
  static of(limiter: Limiter, options: FastifyRouteOptions, alone: boolean): LimitedRoute {
    const counts = options.countIf !== undefined;
    return new LimitedRoute(new Route(limiter, options, counts), options, alone);
  }

  /** Several subjects, all or nothing. @throws ConfigurationError for wrong options */
  static all(
    limiter: Limiter,
    subjects: Subjects<FastifyRequest>,
    options: FastifyAllOptions = {},
  ): LimitedRoute {
    ALL.check(options);
    const counts = options.countIf !== undefined;
    return new LimitedRoute(new AllRoute(limiter, subjects, options, counts), options, true);
  }

  /** So many at once. @throws ConfigurationError for wrong options */
  static places(limiter: Limiter, limit: number, options: FastifyPlacesOptions = {}): LimitedRoute {
    PLACES.check(options);
    return new LimitedRoute(new PlacesRoute(limiter, limit, options), options, true);
  }

  run(request: FastifyRequest, reply: FastifyReply, done: Done): void {
    const checked = this.#checker.check(request, request.raw, this.#templateOf);
    if (checked === undefined) return done();
    const serve = (outcome: Outcome | null) => {
      request.rateLimit = outcome;
      if (outcome === null) return done();
      tell(reply, outcome, this.#checker.limiter.settings.legacy);
      if (this.#checker.settles) this.#settleLater(request, reply, outcome);
      if (!outcome.allowed) return void this.#deny(request, reply, outcome).catch(done);
      if (this.#checker.holdsPlace) {
        const place = Place.of(outcome);
        if (place !== undefined && !holdPlace(reply.raw, place)) return void reply.hijack();
      }
      if (!this.#checker.waits || outcome.wait === 0) return done();
      hold(reply.raw, outcome.wait, done, () => void reply.hijack());
    };
    checked.then(serve, (error: unknown) => {
      const problem = problemOf(error);
      if (problem === undefined) return done(error as Error);
      for (const [name, value] of problem.fields) reply.header(name, value);
      send(reply, problem.status, problem.body);
    });
  }

  #settleLater(request: FastifyRequest, reply: FastifyReply, outcome: Outcome): void {
    const charge = settlings.get(outcome);
    if (charge === undefined) return;
    const countIf = this.#countIf;
    if (countIf !== undefined) charge.countIf = () => countIf(reply, request);
    charge.onSettled = (settled, before) => {
      if (request.rateLimit === before) request.rateLimit = settled;
    };
    tellCharge(reply, charge);
  }

  async #deny(request: FastifyRequest, reply: FastifyReply, outcome: Outcome): Promise<void> {
    if (!this.#handler) return send(reply, 429, quotaExceeded(outcome));
    const answer = await this.#handler(request, reply, outcome);
    if (answer !== undefined && answer !== reply && !reply.sent) reply.send(answer);
  }
}

function templateOf({ routeOptions: { url } }: FastifyRequest): string | null {
  return url === undefined ? null : template(url);
}

function send(reply: FastifyReply, status: number, body: string): void {
  // To a string Fastify would add a charset, which JSON has none of.
  reply.code(status).header('Content-Type', PROBLEM_TYPE).send(Buffer.from(body));
}

/** Limits for Express 4 and 5, and for what takes its middleware: connect, plain http, Nest. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Application, ErrorRequestHandler, Request, Response } from 'express';
import type { RequestOutcome } from '../checks/all.js';
import { settlings } from '../checks/charge.js';
import { Place } from '../checks/places.js';
import { ALL_OPTIONS, AllRoute, type AllRouteOptions, type Subjects } from '../http/all-route.js';
import type { Checker } from '../http/checker.js';
import { PLACES_OPTIONS, type PlacesOptions, PlacesRoute } from '../http/places-route.js';
import { PROBLEM_TYPE, type Problem, problemOf, quotaExceeded } from '../http/problem.js';
import { announce, announceCharge, hold, holdPlace, hook } from '../http/response.js';
import { Route } from '../http/route.js';
import {
  checkLimiter,
  isLimiter,
  ROUTE_OPTIONS,
  type RouteOptions,
} from '../http/route-options.js';
import type { Limiter, StoreLimiter } from '../limiter.js';
import { knownOptions } from '../options/known.js';
import { checkFunction } from '../options/limiter.js';
import type { Outcome } from '../outcome.js';
import { templateOf } from './template.js';

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- Express' types are one
  namespace Express {
    interface Request {
      /** The last limiter's outcome; null if the request was not limited. */
      rateLimit?: RequestOutcome | null;
    }
  }
}

export type { SubjectLimits, Subjects } from '../http/all-route.js';
export type { ChooseLimits, Client, RouteOptions, Tiers } from '../http/route-options.js';

/** As Express, connect and others call a middleware. */
export type Next = (error?: unknown) => void;

/** A middleware of Express, of connect, and of whatever else has Node's requests and responses. */
export type Middleware = (request: IncomingMessage, response: ServerResponse, next: Next) => void;

export interface ExpressOptions extends RouteOptions<Request> {
  /** Answers denied requests instead of the 429; the rate headers are sent with its answer. */
  handler?: (request: Request, response: Response, next: Next, outcome: RequestOutcome) => void;
  /**
   * Which answers count, as in `(response) => response.statusCode >= 400`. Asked when the head of
   * an answer is known, which cannot be held: where it answers a promise, the rate headers say that
   * the answer counts, and the charge is given back once the promise says that it does not.
   */
  countIf?: (response: Response, request: Request) => boolean | Promise<boolean>;
}

const EXPRESS_OPTIONS = knownOptions<ExpressOptions>('rateLimit', {
  ...ROUTE_OPTIONS,
  handler: true,
  countIf: true,
});

/** Options of {@link limitAll}. */
export type ExpressAllOptions = AllRouteOptions<Request> &
  Pick<ExpressOptions, 'handler' | 'countIf'>;

/** Options of {@link concurrency}. */
export type ExpressPlacesOptions = PlacesOptions<Request> & Pick<ExpressOptions, 'handler'>;

const ALL = knownOptions<ExpressAllOptions>('limitAll', {
  ...ALL_OPTIONS,
  handler: true,
  countIf: true,
});
const PLACES = knownOptions<ExpressPlacesOptions>('concurrency', {
  ...PLACES_OPTIONS,
  handler: true,
});

/**
 * A middleware that limits the requests of a route, a router or an app.
 *
 * `req.rateLimit` is the outcome. A denied request is answered 429, an unidentified one 400, and
 * 503 if Redis gives no answer, all as application/problem+json.
 *
 * @throws ConfigurationError for invalid and unknown options
 */
export function rateLimit(limiter: Limiter, options: ExpressOptions): Middleware {
  // Other packages take the options alone.
  if (options === undefined && !isLimiter(limiter)) EXPRESS_OPTIONS.check(limiter);
  checkLimiter(limiter);
  EXPRESS_OPTIONS.check(options);
  const { handler, countIf } = options;
  return limiting(new Route<Request>(limiter, options, countIf !== undefined), handler, countIf);
}

/**
 * A middleware that limits several subjects of a request in one command, all or nothing:
 * `limitAll(limiter, { user: { limits: '10/minute', key }, team: { limits: '15/minute', key } })`.
 * `req.rateLimit.each.user` is the outcome of one.
 *
 * @throws ConfigurationError for invalid and unknown options
 */
export function limitAll(
  limiter: Limiter,
  subjects: Subjects<Request>,
  options: ExpressAllOptions = {},
): Middleware {
  ALL.check(options);
  const { handler, countIf } = options;
  const route = new AllRoute<Request>(limiter, subjects, options, countIf !== undefined);
  return limiting(route, handler, countIf);
}

/**
 * A middleware that lets `limit` requests of a subject be served at once:
 * `concurrency(limiter, 4, { lease: '30s' })`. A place is released when the body has ended, or the
 * client is gone.
 *
 * @throws ConfigurationError for invalid and unknown options
 */
export function concurrency(
  limiter: Limiter,
  limit: number,
  options: ExpressPlacesOptions = {},
): Middleware {
  PLACES.check(options);
  return limiting(new PlacesRoute<Request>(limiter, limit, options), options.handler);
}

function limiting(
  checker: Checker<Request>,
  handler: ExpressOptions['handler'],
  countIf?: ExpressOptions['countIf'],
): Middleware {
  if (handler !== undefined) checkFunction('handler', handler);
  if (countIf !== undefined) checkFunction('countIf', countIf);
  const { legacy } = checker.limiter.settings;
  return function rateLimited(incoming, response, next) {
    const request = incoming as Request;
    if (isExpress(request)) {
      hookResponses(request.app);
      if (checker.asksFramework) warnOfTrust(checker.limiter, request.app);
    }
    const checked = checker.check(request, request, templateOf);
    if (checked === undefined) return next();
    const serve = (outcome: Outcome | null) => {
      request.rateLimit = outcome;
      if (outcome === null) return next();
      announce(response, outcome, legacy);
      if (checker.settles) settleLater(request, response as Response, outcome, countIf);
      if (!outcome.allowed) {
        return void deny(handler, request, response as Response, next, outcome).catch(next);
      }
      if (checker.holdsPlace) {
        const place = Place.of(outcome);
        if (place !== undefined && !holdPlace(response, place)) return;
      }
      if (!checker.waits || outcome.wait === 0) return next();
      hold(response, outcome.wait, next);
    };
    checked.then(serve, (error: unknown) => {
      if (!answerFor(error, response)) next(error);
    });
  };
}

function settleLater(
  request: Request,
  response: Response,
  outcome: Outcome,
  countIf: ExpressOptions['countIf'],
): void {
  const charge = settlings.get(outcome);
  if (charge === undefined) return;
  if (countIf !== undefined) charge.countIf = () => countIf(response, request);
  charge.onSettled = (settled, before) => {
    if (request.rateLimit === before) request.rateLimit = settled;
  };
  announceCharge(response, charge);
}

async function deny(
  handler: ExpressOptions['handler'],
  request: Request,
  response: Response,
  next: Next,
  outcome: Outcome,
): Promise<void> {
  if (!handler) return send(response, denial(outcome));
  // eslint-disable-next-line @typescript-eslint/await-thenable -- it may be async
  await handler(request, response, next, outcome);
}

/**
 * An error handler for errors of this package that handlers throw: a {@link StoreUnavailable} of
 * `limiter.check()` becomes a 503, a {@link CannotIdentify} a 400. `rateLimit` itself does not need
 * it.
 */
export function problemHandler(): ErrorRequestHandler {
  return (error, _request, response, next) => {
    if (!answerFor(error, response)) next(error);
  };
}

/** Answers a request that a handler's own `limiter.check()` denied: 429, as `rateLimit` does. */
export function sendDenied(response: ServerResponse, outcome: Outcome): void {
  announce(response, outcome);
  send(response, denial(outcome));
}

function denial(outcome: Outcome): Problem {
  return { status: 429, fields: [], body: quotaExceeded(outcome) };
}

/** Sends the answer to `error`, if it is an error of this package; whether it was. */
function answerFor(error: unknown, response: ServerResponse): boolean {
  const problem = problemOf(error);
  if (problem === undefined || response.headersSent) return false;
  send(response, problem);
  return true;
}

function send(response: ServerResponse, { status, fields, body }: Problem): void {
  response.statusCode = status;
  for (const [name, value] of fields) response.setHeader(name, value);
  response.setHeader('Content-Type', PROBLEM_TYPE);
  response.setHeader('Content-Length', Buffer.byteLength(body));
  response.end(body);
}

function isExpress({ app }: Request): boolean {
  return typeof (app as Partial<Application> | undefined)?.path === 'function';
}

const hookedApps = new WeakSet<Application>();

/** What Express keeps of an app, and does not type. */
interface App {
  parent?: App;
  /** The prototype of its responses, and of those of the apps within it. */
  response: ServerResponse;
}

function hookResponses(app: Application): void {
  if (hookedApps.has(app)) return;
  hookedApps.add(app);
  let root = app as unknown as App;
  while (root.parent) root = root.parent;
  hook(root.response);
}

const warnedApps = new WeakSet<Application>();

function warnOfTrust(limiter: StoreLimiter, app: Application): void {
  if (warnedApps.has(app)) return;
  warnedApps.add(app);
  if (app.get('trust proxy') !== true) return;
  limiter.settings.logger.warn(
    "redis-rl: 'trust proxy' should be the number or the addresses of your proxies, not true, with " +
      'which any client chooses its own address; or set trustedProxies in createLimiter',
  );
}

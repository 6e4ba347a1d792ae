/** Limits for Express 4 and 5. */

import type { ServerResponse } from 'node:http';
import type {
  Application,
  ErrorRequestHandler,
  NextFunction,
  Request,
  RequestHandler,
  Response,
} from 'express';
import { isUnavailable } from './errors.js';
import { expressScope } from './express-scope.js';
import type { Limiter } from './limiter.js';
import type { Outcome } from './outcome.js';
import { PROBLEM_TYPE, quotaExceeded, UNAVAILABLE_RETRY_AFTER, unavailable } from './problem.js';
import { announce, hold, hook } from './response.js';
import { Route, type RouteOptions } from './route.js';

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- Express' types are one
  namespace Express {
    interface Request {
      /** What the last limiter decided; null where it found nothing to limit. */
      rateLimit?: Outcome | null;
    }
  }
}

export type { Client, RouteOptions } from './route.js';

export interface ExpressOptions extends RouteOptions<Request> {
  /** Answers denied requests instead of the 429; the rate headers are sent with its answer. */
  handler?: (request: Request, response: Response, next: NextFunction, outcome: Outcome) => void;
}

/**
 * A middleware that limits the requests of a route, a router or an app.
 *
 * `req.rateLimit` is the outcome. A denied request is answered 429, one that nobody could decide
 * 503, both as application/problem+json.
 *
 * @throws ConfigurationError for wrong limits, names, costs and modes
 */
export function rateLimit(limiter: Limiter, options: ExpressOptions): RequestHandler {
  const route = new Route<Request>(limiter, options);
  return function rateLimited(request, response, next) {
    if (!route.covers(request.method)) return next();
    hookResponses(request.app);
    if (route.asksFramework) warnOfTrust(route, request.app);
    const scope = route.scope ?? expressScope(request);
    const serve = (outcome: Outcome | null) => {
      request.rateLimit = outcome;
      if (outcome === null) return next();
      announce(response, outcome, route.limiter.settings.legacy);
      if (!outcome.allowed) {
        return void deny(options.handler, request, response, next, outcome).catch(next);
      }
      if (!route.waits || outcome.wait === 0) return next();
      hold(response, outcome.wait, next);
    };
    route.check(request, scope, serve, (error) => {
      if (isUnavailable(error)) sendUnavailable(response);
      else next(error);
    });
  };
}

async function deny(
  handler: ExpressOptions['handler'],
  request: Request,
  response: Response,
  next: NextFunction,
  outcome: Outcome,
): Promise<void> {
  if (!handler) return sendProblem(response, 429, quotaExceeded(outcome));
  // eslint-disable-next-line @typescript-eslint/await-thenable -- it may be async
  await handler(request, response, next, outcome);
}

/**
 * An error handler for what handlers throw of this package: a {@link StoreUnavailable} of
 * `limiter.check()` becomes the 503. What `rateLimit` refuses needs it not.
 */
export function problemHandler(): ErrorRequestHandler {
  return (error, _request, response, next) => {
    if (isUnavailable(error) && !response.headersSent) sendUnavailable(response);
    else next(error);
  };
}

/** Answers a request that a handler's own `limiter.check()` denied: 429, as `rateLimit` does. */
export function sendDenied(response: Response, outcome: Outcome): void {
  announce(response, outcome);
  sendProblem(response, 429, quotaExceeded(outcome));
}

function sendUnavailable(response: Response): void {
  response.setHeader('Retry-After', UNAVAILABLE_RETRY_AFTER);
  sendProblem(response, 503, unavailable);
}

function sendProblem(response: Response, status: number, body: string): void {
  response.statusCode = status;
  response.setHeader('Content-Type', PROBLEM_TYPE);
  response.setHeader('Content-Length', Buffer.byteLength(body));
  response.end(body);
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

function warnOfTrust(route: Route<Request>, app: Application): void {
  if (warnedApps.has(app)) return;
  warnedApps.add(app);
  if (app.get('trust proxy') !== true) return;
  route.limiter.settings.logger.warn(
    "redis-rl: with 'trust proxy' set to true any client chooses its own address. Set the number " +
      'or the addresses of your proxies, or trustedProxies of the limiter.',
  );
}

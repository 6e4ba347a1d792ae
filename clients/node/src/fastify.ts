/** Limits for Fastify 5. */

import type {
  FastifyInstance,
  FastifyPluginCallback,
  FastifyReply,
  FastifyRequest,
  preHandlerHookHandler,
} from 'fastify';
import { isUnavailable } from './errors.js';
import { tell, tellWithReplies } from './fastify-reply.js';
import type { Limiter, StoreLimiter } from './limiter.js';
import type { Outcome } from './outcome.js';
import { PROBLEM_TYPE, quotaExceeded, UNAVAILABLE_RETRY_AFTER, unavailable } from './problem.js';
import { hold } from './response.js';
import { APP_SCOPE, Route, type RouteOptions, routeScope, template } from './route.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** What the last limiter decided; null where none did. */
    rateLimit: Outcome | null;
  }
  interface FastifyInstance {
    /** A hook that limits one route. @throws ConfigurationError for wrong limits, names and costs */
    rl(options: FastifyRouteOptions): preHandlerHookHandler;
  }
  interface FastifyContextConfig {
    /** Limits of this route, in place of the plugin's; false: none. */
    rl?: FastifyRouteOptions | false;
  }
}

export type { Client, RouteOptions } from './route.js';

export interface FastifyRouteOptions extends RouteOptions<FastifyRequest> {
  /**
   * Answers denied requests instead of the 429, with the reply or by what it returns; the rate
   * headers are sent with its answer.
   */
  handler?: (request: FastifyRequest, reply: FastifyReply, outcome: Outcome) => unknown;
}

export interface FastifyRateLimitOptions extends Partial<FastifyRouteOptions> {
  limiter: Limiter;
  /** When requests are checked. Default `onRequest`; later for a `key` that needs the body or a user. */
  hook?: 'onRequest' | 'preParsing' | 'preValidation' | 'preHandler';
  /** Whether the plugin's own limits are also for requests that no route is found for. Default true. */
  coverNotFound?: boolean;
}

/**
 * A plugin that limits the routes of its instance and of those below it.
 *
 * With `limits` all of them share one budget, `name` or `app`; a route's `config.rl` takes their
 * place. `key`, `methods`, `onError`, `wait` and `handler` are the routes' defaults, too.
 *
 * @throws ConfigurationError when a route is added with wrong limits, names, costs or modes
 */
export const fastifyRateLimit: FastifyPluginCallback<FastifyRateLimitOptions> = (
  fastify: FastifyInstance,
  { limiter, hook = 'onRequest', coverNotFound = true, ...options }: FastifyRateLimitOptions,
  done: (error?: Error) => void,
) => {
  const { limits, name: _name, scope: _scope, cost: _cost, ...defaults } = options;
  const make = (own: FastifyRouteOptions) => new LimitedRoute(limiter, { ...defaults, ...own });
  const whole = limits === undefined ? undefined : make({ ...options, limits });
  const routes = new WeakMap<FastifyRouteOptions, LimitedRoute>();

  const routeOf = (own: FastifyRouteOptions) => {
    const known = routes.get(own);
    if (known) return known;
    const made = make(own);
    routes.set(own, made);
    return made;
  };

  fastify.decorateRequest('rateLimit', null);
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- none but createLimiter makes one
  tellWithReplies(fastify, (limiter as StoreLimiter).settings.legacy);
  fastify.decorate('rl', (own: FastifyRouteOptions) => {
    const route = make(own);
    return hookOf((request, reply, next) => route.run(request, reply, true, next));
  });
  // Only to refuse wrong options when the route is added.
  fastify.addHook('onRoute', ({ config }) => {
    if (config?.rl) routeOf(config.rl);
  });
  const check: Hook = (request, reply, next) => {
    const own = request.routeOptions.config.rl;
    if (own) return routeOf(own).run(request, reply, true, next);
    if (own === false || !whole || (request.is404 && !coverNotFound)) return next();
    whole.run(request, reply, false, next);
  };
  fastify.addHook(hook as 'preHandler', hookOf(check));
  done();
};

type Done = (error?: Error) => void;
type Hook = (request: FastifyRequest, reply: FastifyReply, done: Done) => void;

/** A hook for any place: preParsing has a payload before `done`. */
function hookOf(hook: Hook): preHandlerHookHandler {
  return (request: FastifyRequest, reply: FastifyReply, ...last: unknown[]) =>
    hook(request, reply, last.at(-1) as Done);
}

// What fastify-plugin sets: decorators and hooks belong to the instance that registers.
Object.assign(fastifyRateLimit, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'redis-rl',
  [Symbol.for('plugin-meta')]: { name: 'redis-rl', fastify: '5.x' },
});

class LimitedRoute {
  readonly #route: Route<FastifyRequest>;
  readonly #handler: FastifyRouteOptions['handler'];

  constructor(limiter: Limiter, options: FastifyRouteOptions) {
    this.#route = new Route(limiter, options);
    this.#handler = options.handler;
  }

  /** @param alone whether a route without a name has a budget of its own */
  run(request: FastifyRequest, reply: FastifyReply, alone: boolean, done: Done): void {
    const route = this.#route;
    if (!route.covers(request.method)) return done();
    const scope = route.scope ?? (alone ? scopeOf(request) : APP_SCOPE);
    const serve = (outcome: Outcome | null) => {
      request.rateLimit = outcome;
      if (outcome === null) return done();
      tell(reply, outcome);
      if (!outcome.allowed) return void this.#deny(request, reply, outcome).catch(done);
      if (!route.waits || outcome.wait === 0) return done();
      hold(reply.raw, outcome.wait, done, () => void reply.hijack());
    };
    route.check(request, scope, serve, (error) => {
      if (!isUnavailable(error)) return done(error as Error);
      reply.header('Retry-After', UNAVAILABLE_RETRY_AFTER);
      problem(reply, 503, unavailable);
    });
  }

  async #deny(request: FastifyRequest, reply: FastifyReply, outcome: Outcome): Promise<void> {
    if (!this.#handler) return problem(reply, 429, quotaExceeded(outcome));
    const answer = await this.#handler(request, reply, outcome);
    if (answer !== undefined && answer !== reply && !reply.sent) reply.send(answer);
  }
}

function scopeOf({ method, routeOptions: { url } }: FastifyRequest): string {
  return url === undefined ? APP_SCOPE : routeScope(method, template(url));
}

function problem(reply: FastifyReply, status: number, body: string): void {
  // To a string Fastify would add a charset, which JSON has none of.
  reply.code(status).header('Content-Type', PROBLEM_TYPE).send(Buffer.from(body));
}

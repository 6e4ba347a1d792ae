/** Limits for Fastify 5. */

import type {
  FastifyInstance,
  FastifyPluginAsync,
  FastifyRequest,
  preHandlerHookHandler,
} from 'fastify';
import type { RequestOutcome } from '../checks/all.js';
import { ConfigurationError } from '../errors.js';
import type { Subjects } from '../http/all-route.js';
import { checkLimiter } from '../http/route-options.js';
import type { Limiter } from '../limiter.js';
import { knownOptions } from '../options/known.js';
import { wrong } from '../options/limiter.js';
import { type FastifyConfig, routeOfConfig } from './config.js';
import {
  checkRouteOptions,
  type FastifyAllOptions,
  type FastifyPlacesOptions,
  FASTIFY_ROUTE_OPTIONS,
  type FastifyRouteOptions,
  type Hook,
  hookOf,
  LimitedRoute,
} from './limited-route.js';
import { tellWithReplies } from './reply.js';

/** Makes hooks of limits, for single routes. */
export interface MakeHooks {
  /** A hook that limits one route. @throws ConfigurationError for invalid and unknown options */
  (options: FastifyRouteOptions): preHandlerHookHandler;
  /**
   * A hook that limits several subjects of a request in one command, all or nothing;
   * `request.rateLimit.each.user` is the outcome of one.
   *
   * @throws ConfigurationError for invalid and unknown options
   */
  limitAll(subjects: Subjects<FastifyRequest>, options?: FastifyAllOptions): preHandlerHookHandler;
  /**
   * A hook that lets `limit` requests of a subject be served at once. A place is released when the
   * body has ended, or the client is gone.
   *
   * @throws ConfigurationError for invalid and unknown options
   */
  concurrency(limit: number, options?: FastifyPlacesOptions): preHandlerHookHandler;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The last limiter's outcome; null if the request was not limited. */
    rateLimit: RequestOutcome | null;
  }
  interface FastifyInstance {
    rl: MakeHooks;
  }
  interface FastifyContextConfig {
    /** Limits of this route, in place of the plugin's; false: none. */
    rl?: FastifyConfig | false;
  }
}

export type { ChooseLimits, Client, RouteOptions, Tiers } from '../http/route-options.js';
export type { SubjectLimits, Subjects } from '../http/all-route.js';
export type { FastifyAllConfig, FastifyConfig, FastifyPlacesConfig } from './config.js';
export type {
  FastifyAllOptions,
  FastifyPlacesOptions,
  FastifyRouteOptions,
} from './limited-route.js';

export interface FastifyRateLimitOptions extends Partial<FastifyRouteOptions> {
  limiter: Limiter;
  /** When requests are checked. Default `onRequest`; later for a `key` that needs the body or a user. */
  hook?: 'onRequest' | 'preParsing' | 'preValidation' | 'preHandler';
  /** Whether the plugin's own limits include requests without a route. Default true. */
  coverNotFound?: boolean;
}

const PLUGIN_OPTIONS = knownOptions<FastifyRateLimitOptions & FastifysOwn>('fastifyRateLimit', {
  ...FASTIFY_ROUTE_OPTIONS,
  limiter: true,
  hook: true,
  coverNotFound: true,
  prefix: true,
  logLevel: true,
  logSerializers: true,
});

/** What `register()` takes with the options of any plugin. */
interface FastifysOwn {
  prefix?: string;
  logLevel?: string;
  logSerializers?: object;
}

/** Options of the plugin's own limits, which are no defaults for routes. */
const OWN = ['name', 'scope', 'cost', 'countIf', 'reserve'] as const;

const HOOKS = ['onRequest', 'preParsing', 'preValidation', 'preHandler'];

const nearest = Symbol('redis-rl.nearest');

/** An instance, and the registration whose defaults its routes have. */
type Instance = FastifyInstance & { [nearest]?: object };

/**
 * A plugin that limits the routes of its instance and of those below it.
 *
 * With `limits` all of them share one budget, `name` or `app`; a route's `config.rl` takes their
 * place. `key`, `methods`, `exempt`, `onError`, `retry`, `wait` and `handler` are the routes' defaults, too.
 * It may be registered several times: all limits of plugins around a route apply, and `config.rl`
 * has the defaults of the nearest.
 *
 * @throws ConfigurationError for wrong and unknown options, here and when a route is added
 */
export const fastifyRateLimit: FastifyPluginAsync<FastifyRateLimitOptions> = async (
  fastify: Instance,
  given: FastifyRateLimitOptions,
) => {
  const { limiter, hook, coverNotFound, ...options } = readPlugin(given);
  const { limits, name: _name, scope: _scope, cost: _cost, ...others } = options;
  const { countIf: _countIf, reserve: _reserve, ...defaults } = others;
  const whole = limits && LimitedRoute.of(limiter, { ...options, limits }, false);
  const routes = new WeakMap<FastifyConfig, LimitedRoute>();
  const registration = {};

  const routeOf = (own: FastifyConfig) => {
    const known = routes.get(own);
    if (known) return known;
    const made = routeOfConfig(limiter, defaults, own);
    routes.set(own, made);
    return made;
  };

  const again = Object.hasOwn(fastify, nearest);
  fastify[nearest] = registration;
  if (!fastify.hasRequestDecorator('rateLimit')) fastify.decorateRequest('rateLimit', null);
  tellWithReplies(fastify);
  const alone = (own: FastifyRouteOptions) => {
    checkRouteOptions(own);
    return runs(LimitedRoute.of(limiter, { ...defaults, ...own }, true));
  };
  const rl: MakeHooks = Object.assign(alone, {
    limitAll: (subjects: Subjects<FastifyRequest>, own?: FastifyAllOptions) =>
      runs(LimitedRoute.all(limiter, subjects, own)),
    concurrency: (limit: number, own?: FastifyPlacesOptions) =>
      runs(LimitedRoute.places(limiter, limit, own)),
  });
  if (again) fastify.rl = rl;
  else fastify.decorate('rl', rl);
  // Only to refuse wrong options when the route is added.
  fastify.addHook('onRoute', function ({ config }) {
    if ((this as Instance)[nearest] !== registration) return;
    checkConfig(config, this);
    if (config?.rl) routeOf(config.rl);
  });
  const check: Hook = (request, reply, next) => {
    const own = request.routeOptions.config.rl;
    if (own !== undefined) {
      const mine = own !== false && (request.server as Instance)[nearest] === registration;
      return mine ? routeOf(own).run(request, reply, next) : next();
    }
    if (!whole || (!coverNotFound && request.is404)) return next();
    whole.run(request, reply, next);
  };
  fastify.addHook(hook as 'preHandler', hookOf(check));
};

// What fastify-plugin sets: decorators and hooks belong to the instance that registers.
Object.assign(fastifyRateLimit, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'redis-rl',
  [Symbol.for('plugin-meta')]: { name: 'redis-rl', fastify: '5.x' },
});

type Read = FastifyRateLimitOptions &
  Required<Pick<FastifyRateLimitOptions, 'hook' | 'coverNotFound'>>;

/** @throws ConfigurationError for invalid and unknown options */
function readPlugin(given: FastifyRateLimitOptions & FastifysOwn): Read {
  PLUGIN_OPTIONS.check(given);
  const { prefix: _prefix, logLevel: _logLevel, logSerializers: _serializers, ...options } = given;
  const { hook = 'onRequest', coverNotFound = true } = options;
  checkLimiter(options.limiter);
  if (!HOOKS.includes(hook)) throw wrong('hook', hook, `one of ${HOOKS.join(', ')}`);
  if (typeof coverNotFound !== 'boolean')
    throw wrong('coverNotFound', coverNotFound, 'true or false');
  const lost = OWN.find((name) => options[name] !== undefined);
  if (options.limits === undefined) {
    if (lost !== undefined) {
      throw new ConfigurationError(
        `limits must be given with ${lost}, which is for the plugin's own limits, and are missing: ` +
          `for a single route, set ${lost} in config.rl`,
      );
    }
    // Defaults of routes, wrong ones refused here.
    LimitedRoute.of(options.limiter, { ...options, limits: '1/second' }, true);
  }
  return { ...options, hook, coverNotFound };
}

/** A hook that runs one limit. */
function runs(route: LimitedRoute): preHandlerHookHandler {
  return hookOf((request, reply, next) => route.run(request, reply, next));
}

/** @throws ConfigurationError for what looks like limits of a route, and is not read */
function checkConfig(config: object | undefined, fastify: FastifyInstance): void {
  const { rl, rateLimit } = (config ?? {}) as { rl?: unknown; rateLimit?: unknown };
  if (rl !== undefined && rl !== false && (typeof rl !== 'object' || rl === null)) {
    throw wrong('config.rl', rl, "options, as in { limits: '5/minute' }, or false");
  }
  // What @fastify/rate-limit decorates: then it reads this itself.
  if (rateLimit !== undefined && !fastify.hasDecorator('rateLimit')) {
    throw new ConfigurationError(
      "limits of a route must be in config.rl, as in config: { rl: { limits: '5/minute' } }, " +
        'not in config.rateLimit',
    );
  }
}

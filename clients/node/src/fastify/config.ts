/** What `config.rl` of a route may be: a limit, several subjects, or places. */

import type { FastifyRequest } from 'fastify';
import { ALL_OPTIONS, type Subjects } from '../http/all-route.js';
import { PLACES_OPTIONS } from '../http/places-route.js';
import type { Limiter } from '../limiter.js';
import {
  checkRouteOptions,
  type FastifyAllOptions,
  type FastifyPlacesOptions,
  type FastifyRouteOptions,
  LimitedRoute,
} from './limited-route.js';

/** Several subjects of a request, all or nothing, as `fastify.rl.limitAll()` takes them. */
export interface FastifyAllConfig extends FastifyAllOptions {
  subjects: Subjects<FastifyRequest>;
}

/** So many requests at once, as `fastify.rl.concurrency()` takes them. */
export interface FastifyPlacesConfig extends FastifyPlacesOptions {
  concurrency: number;
}

/** `config.rl` of a route that is limited. */
export type FastifyConfig = FastifyRouteOptions | FastifyAllConfig | FastifyPlacesConfig;

/**
 * @param defaults of the plugin, of which each kind takes those that it has
 * @throws ConfigurationError for wrong and unknown options
 */
export function routeOfConfig(
  limiter: Limiter,
  defaults: Partial<FastifyRouteOptions>,
  config: FastifyConfig,
): LimitedRoute {
  if ('subjects' in config) {
    const { subjects, ...options } = config;
    return LimitedRoute.all(limiter, subjects, { ...taken(defaults, ALL_OPTIONS), ...options });
  }
  if ('concurrency' in config) {
    const { concurrency, ...options } = config;
    const all = { ...taken(defaults, PLACES_OPTIONS), ...options };
    return LimitedRoute.places(limiter, concurrency, all);
  }
  checkRouteOptions(config);
  return LimitedRoute.of(limiter, { ...defaults, ...config }, true);
}

function taken(defaults: Partial<FastifyRouteOptions>, options: object): object {
  const isTaken = ([name]: [string, unknown]) => name === 'handler' || name in options;
  return Object.fromEntries(Object.entries(defaults).filter(isTaken));
}

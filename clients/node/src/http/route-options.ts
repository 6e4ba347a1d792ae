/** The options of a limit, and their validation. */

import { checkMaxWait } from '../checks/lines.js';
import { ConfigurationError } from '../errors.js';
import { readMethods } from '../keys/scope.js';
import type { Subject, SubjectOptions, WholeKey, Who } from '../keys/subjects.js';
import type { StoreLimiter } from '../limiter.js';
import { checkCost } from '../options/cost.js';
import type { Limits } from '../limits/limit.js';
import { isItem, limitSetOf, type LimitSet, LimitSetCache } from '../limits/limit-set.js';
import {
  checkBoolean,
  checkFunction,
  checkOnError,
  type OnError,
  wrong,
} from '../options/limiter.js';
import { shown } from '../options/shown.js';

type Now<T> = T | Promise<T>;

/**
 * The client by its address: what the framework resolved, or what the limiter's `trustedProxies`
 * say. @throws CannotIdentify if there is none
 */
export type Client = (options?: SubjectOptions) => Subject;

/** Limits by the tier of whoever asks. */
export type Tiers = Readonly<Record<string, Limits>>;

/** Limits that are chosen per request; null: not limited. */
export type ChooseLimits<Request> = (
  request: Request,
  who: Subject | WholeKey,
) => Now<Limits | null>;

export interface RouteOptions<Request> {
  /** Limits, those of each tier as `{ free: '5/minute', paid: '100/minute' }`, or a function. */
  limits: Limits | Tiers | ChooseLimits<Request>;
  /**
   * Who is asking: a Subject, or a user's id as text; null: not limited. Default: the client's
   * address, which `client()` returns: `(req, client) => userOf(req) ?? client()`.
   */
  key?: (request: Request, client: Client) => Now<Who | null>;
  /** The name in headers and keys. Default: its numbers, and the route's template. */
  name?: string;
  /** The second field of the key, if not `name`. */
  scope?: string;
  /** What a request costs, an integer from 0 to 10^12. Default 1. */
  cost?: number | ((request: Request) => Now<number>);
  /** The methods that are limited; GET includes HEAD, `*` is what HTTP does not define. Default all. */
  methods?: readonly string[];
  /** Requests that are not limited. */
  exempt?: (request: Request) => Now<boolean>;
  /** Instead of the limiter's own. */
  onError?: OnError;
  /** Whether to send the check once more if its reply is lost: an id keeps it one charge. */
  retry?: boolean;
  /** Whether `cost` is an estimate, which `request.rateLimit.settle(actual)` corrects. */
  reserve?: boolean;
  /**
   * Seconds, above 0 and at most 3,600, that a refused request may wait until it is allowed, in the
   * order of arrival in this process; refused at once if that does not fit. Default: none.
   */
  maxWait?: number;
  /** Whether to hold requests as long as LEAKY limits ask. Default false. */
  wait?: boolean;
}

/** For the lists of options of each framework. */
export const ROUTE_OPTIONS = {
  limits: true,
  key: true,
  name: true,
  scope: true,
  cost: true,
  methods: true,
  exempt: true,
  onError: true,
  retry: true,
  reserve: true,
  maxWait: true,
  wait: true,
} as const;

/** {@link RouteOptions} made ready. */
export interface ReadOptions<Request> {
  readonly limiter: StoreLimiter;
  /** The name or scope given, if one was. */
  readonly scope: string | null;
  readonly named: boolean;
  /** The set of all requests; null if it is chosen per request. */
  readonly set: LimitSet | null;
  readonly setOf: (request: Request, who: Subject | WholeKey) => Now<LimitSet | null>;
  /** The limiters that it may count in, as far as they are known. */
  readonly limiters: () => readonly string[];
  readonly key: RouteOptions<Request>['key'];
  readonly cost: number | ((request: Request) => Now<number>);
  readonly methods: ReadonlySet<string> | null;
  readonly exempt: RouteOptions<Request>['exempt'];
  readonly onError: OnError | undefined;
  readonly wait: boolean;
  readonly retry: boolean;
  readonly reserve: boolean;
  readonly maxWaitMs: number | undefined;
}

/** @throws ConfigurationError for invalid options, and a limiter that createLimiter did not make */
export function readRoute<Request>(
  given: unknown,
  options: RouteOptions<Request>,
): ReadOptions<Request> {
  const limiter = checkLimiter(given);
  const { limits, name, scope, cost = 1, key, exempt, onError } = options;
  const { wait = false, retry = false, reserve = false, maxWait } = options;
  if (typeof cost !== 'function') checkCost(cost);
  if (key !== undefined) checkFunction('key', key);
  if (exempt !== undefined) checkFunction('exempt', exempt);
  if (onError !== undefined) checkOnError(onError);
  if (scope !== undefined && (typeof scope !== 'string' || scope === '')) {
    throw wrong('scope', scope, 'text that is not empty');
  }
  return {
    limiter,
    scope: scope ?? name ?? null,
    named: scope !== undefined || name !== undefined,
    ...readLimits(limits, name, limiter),
    key,
    cost,
    methods: readMethods(options.methods),
    exempt,
    onError,
    wait: checkBoolean('wait', wait),
    retry: checkBoolean('retry', retry),
    reserve: checkBoolean('reserve', reserve),
    maxWaitMs: maxWait === undefined ? undefined : checkMaxWait(maxWait),
  };
}

/** Whether charges may be settled. @throws ConfigurationError if two would do it */
export function checkSettling(counts: boolean, reserve: boolean): boolean {
  checkBoolean('reserve', reserve);
  if (!counts || !reserve) return counts || reserve;
  throw new ConfigurationError(
    'countIf and reserve must not be given together, since each settles what a request cost',
  );
}

type Chosen<Request> = Pick<ReadOptions<Request>, 'set' | 'setOf' | 'limiters'>;

function readLimits<Request>(
  limits: RouteOptions<Request>['limits'],
  name: string | undefined,
  limiter: StoreLimiter,
): Chosen<Request> {
  if (limits === undefined || limits === null) {
    throw new ConfigurationError("limits must be given, as in '5/minute', and are missing");
  }
  if (typeof limits === 'function') {
    const sets = new LimitSetCache(name);
    const setOf: Chosen<Request>['setOf'] = async (request, who) => {
      const chosen = await limits(request, who);
      return chosen === null ? null : sets.get(chosen);
    };
    return { set: null, setOf, limiters: () => sets.limiters };
  }
  if (isTiers(limits)) return readTiers(limits, name);
  const set = limitSetOf(limits, name);
  return { set, setOf: () => set, limiters: () => limiter.policies.limitersOf(set) };
}

function isTiers<Request>(limits: RouteOptions<Request>['limits']): limits is Tiers {
  if (typeof limits !== 'object' || Array.isArray(limits)) return false;
  return !isItem(limits);
}

function readTiers<Request>(tiers: Tiers, name: string | undefined): Chosen<Request> {
  const sets = new Map(Object.entries(tiers).map(([tier, like]) => [tier, limitSetOf(like, name)]));
  if (sets.size === 0) throw wrong('limits', tiers, 'of at least one tier');
  const setOf = (_request: Request, { tier }: Subject | WholeKey) => {
    const set = sets.get(tier as string);
    if (set) return set;
    const known = [...sets.keys()].join(', ');
    throw new ConfigurationError(`tier must be one of ${known}, not ${shown(tier)}`);
  };
  const limiters = [...sets.values()].flatMap((set) => set.limiters);
  return { set: null, setOf, limiters: () => limiters };
}

/** Whether createLimiter made it, of this build of the package or the other. */
export function isLimiter(limiter: unknown): limiter is StoreLimiter {
  return typeof (limiter as Partial<StoreLimiter> | null | undefined)?.ask === 'function';
}

/** @throws ConfigurationError if createLimiter did not make it */
export function checkLimiter(limiter: unknown): StoreLimiter {
  if (isLimiter(limiter)) return limiter;
  throw new ConfigurationError(
    `limiter must be made by createLimiter, not ${limiter ? `of type ${typeof limiter}` : shown(limiter)}`,
  );
}

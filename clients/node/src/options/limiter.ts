/** The options of a limiter, and their validation. */

import { ConfigurationError } from '../errors.js';
import type { Legacy } from '../http/headers.js';
import { checkIpv6Prefix, DEFAULT_IPV6_PREFIX, TrustedProxies } from '../keys/addresses.js';
import type { Outcome } from '../outcome.js';
import { isIoRedis, isNodeRedis } from '../stores/open.js';
import type { RedisClient } from '../stores/types.js';
import { knownOptions } from './known.js';
import { shown } from './shown.js';

/** What to do while the store gives no answer: 503, or serve without rate headers. */
export type OnError = 'closed' | 'open';

/** Gets what an operator should know, at most one line a second of each kind. */
export interface Logger {
  warn(message: string): void;
  error(message: string): void;
}

/** The options of a limiter. Only one that is switched off needs no client. */
export type LimiterOptions = OtherOptions &
  ({ client: RedisClient; enabled?: boolean } | { client?: RedisClient; enabled: false });

interface OtherOptions {
  /**
   * A client or a cluster of ioredis or node-redis. The first check, or `probe()`, connects one
   * that was never connected; closing it is up to you.
   */
  client?: RedisClient;
  /** Whether anything is limited. Default true; false for tests and development. */
  enabled?: boolean;
  /** The first field of every key. Default `rl`. */
  prefix?: string;
  /** Milliseconds that a check may take in total, waiting and connecting included. Default 100. */
  timeoutMs?: number;
  /** Milliseconds that checks wait for a connection that is being made. Default 1,000. */
  connectTimeoutMs?: number;
  /** Default `closed`. */
  onError?: OnError;
  /** How many refusals to remember in this process until they end, 0 to 1,000,000. Default 0. */
  denyCache?: number;
  /** Adds older headers. Default none. */
  legacy?: Legacy | undefined;
  /** How many bits of an IPv6 address stand for one client, 32 to 128. Default 64. */
  ipv6Prefix?: number;
  /** CIDRs of proxies whose X-Forwarded-For is believed; `unix`: on a Unix socket. Default none. */
  trustedProxies?: readonly string[];
  /** Called with every outcome, for metrics; denials and requests that failed open included. */
  onDecision?: (outcome: Outcome) => void;
  /** Default `console`. */
  logger?: Logger;
}

const LIMITER_OPTIONS = knownOptions<LimiterOptions>('createLimiter', {
  client: true,
  enabled: true,
  prefix: true,
  timeoutMs: true,
  connectTimeoutMs: true,
  onError: true,
  denyCache: true,
  legacy: true,
  ipv6Prefix: true,
  trustedProxies: true,
  onDecision: true,
  logger: true,
});

export interface Settings {
  readonly enabled: boolean;
  readonly prefix: string;
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly onError: OnError;
  readonly denyCache: number;
  readonly legacy: Legacy | undefined;
  readonly ipv6Prefix: number;
  readonly proxies: TrustedProxies | undefined;
  readonly onDecision: ((outcome: Outcome) => void) | undefined;
  readonly logger: Logger;
}

const MAX_DENIALS = 1_000_000;
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** @throws ConfigurationError that names the option, what it must be and what it was */
export function readOptions(options: LimiterOptions): Settings {
  if (isIoRedis(options) || isNodeRedis(options)) {
    throw new ConfigurationError(
      'the options of createLimiter must be an object, as in createLimiter({ client }), not a client',
    );
  }
  LIMITER_OPTIONS.check(options);
  const { prefix = 'rl', timeoutMs = 100, connectTimeoutMs = 1_000, enabled = true } = options;
  const { denyCache = 0 } = options;
  if (!Number.isInteger(denyCache) || denyCache < 0 || denyCache > MAX_DENIALS) {
    throw wrong('denyCache', denyCache, `an integer from 0 to ${MAX_DENIALS}`);
  }
  const { onError = 'closed', legacy, onDecision, logger = console } = options;
  const { ipv6Prefix = DEFAULT_IPV6_PREFIX, trustedProxies } = options;
  if (typeof prefix !== 'string' || prefix === '') {
    throw wrong('prefix', prefix, 'text that is not empty');
  }
  if (legacy !== undefined && !['delta', 'epoch', 'draft6'].includes(legacy)) {
    throw wrong('legacy', legacy, "'delta', 'epoch' or 'draft6'");
  }
  checkBoolean('enabled', enabled);
  if (onDecision !== undefined) checkFunction('onDecision', onDecision);
  if (typeof logger?.warn !== 'function' || typeof logger.error !== 'function') {
    throw wrong('logger', logger, 'an object with the methods warn and error');
  }
  const proxies = trustedProxies === undefined ? undefined : new TrustedProxies(trustedProxies);
  return {
    enabled,
    prefix,
    timeoutMs: checkMs('timeoutMs', timeoutMs),
    connectTimeoutMs: checkMs('connectTimeoutMs', connectTimeoutMs),
    onError: checkOnError(onError),
    denyCache,
    legacy,
    ipv6Prefix: checkIpv6Prefix(ipv6Prefix),
    proxies: trustedProxies?.length ? proxies : undefined,
    onDecision,
    logger,
  };
}

function checkMs(name: string, ms: number): number {
  if (typeof ms === 'number' && ms > 0 && ms <= MAX_TIMEOUT_MS) return ms;
  throw wrong(name, ms, `a number of milliseconds above 0 and at most ${MAX_TIMEOUT_MS}`);
}

/** @throws ConfigurationError for anything but a function */
export function checkFunction(name: string, given: unknown): void {
  if (typeof given !== 'function') throw wrong(name, given, 'a function');
}

/** @throws ConfigurationError for anything but true and false */
export function checkBoolean(name: string, given: unknown): boolean {
  if (typeof given === 'boolean') return given;
  throw wrong(name, given, 'true or false');
}

/** @throws ConfigurationError if it is neither */
export function checkOnError(onError: OnError): OnError {
  if (onError === 'closed' || onError === 'open') return onError;
  throw wrong('onError', onError, "'closed' or 'open'");
}

/** What `name` must be, and what it was. */
export function wrong(name: string, given: unknown, must: string): ConfigurationError {
  return new ConfigurationError(`${name} must be ${must}, not ${shown(given)}`);
}

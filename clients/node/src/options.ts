/** The options of a limiter, and whether they are right. */

import { checkIpv6Prefix, DEFAULT_IPV6_PREFIX, TrustedProxies } from './addresses.js';
import type { RedisClient } from './clients/store.js';
import { ConfigurationError } from './errors.js';
import type { Legacy } from './headers.js';
import type { Outcome } from './outcome.js';

/** What answers requests while the store cannot decide: 503, or the handler without rate headers. */
export type OnError = 'closed' | 'open';

/** Where a limiter says what an operator should know, at most one line a second of each kind. */
export interface Logger {
  warn(message: string): void;
  error(message: string): void;
}

export interface LimiterOptions {
  /** A client or a cluster of ioredis or node-redis. It stays yours: connect and close it. */
  client: RedisClient;
  /** The first field of every key. Default `rl`. */
  prefix?: string;
  /** Milliseconds that a check may take, waiting and connecting included. Default 100. */
  timeoutMs?: number;
  /** Default `closed`. */
  onError?: OnError;
  /** Older header fields beside the new ones. Default none. */
  legacy?: Legacy | undefined;
  /** Bits of an IPv6 address that share a budget, 32 to 128. Default 64. */
  ipv6Prefix?: number;
  /** CIDRs of proxies whose X-Forwarded-For is believed. Default none. */
  trustedProxies?: readonly string[];
  /** Called with every outcome, denied and failed open ones included, for metrics. */
  onDecision?: (outcome: Outcome) => void;
  /** Default `console`. */
  logger?: Logger;
}

export interface Settings {
  readonly prefix: string;
  readonly timeoutMs: number;
  readonly onError: OnError;
  readonly legacy: Legacy | undefined;
  readonly ipv6Prefix: number;
  readonly proxies: TrustedProxies | undefined;
  readonly onDecision: ((outcome: Outcome) => void) | undefined;
  readonly logger: Logger;
}

const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** @throws ConfigurationError that names the option, what it was and what it may be */
export function readOptions(options: LimiterOptions): Settings {
  const { prefix = 'rl', timeoutMs = 100, onError = 'closed', legacy, onDecision } = options;
  const { ipv6Prefix = DEFAULT_IPV6_PREFIX, trustedProxies = [], logger = console } = options;
  if (typeof prefix !== 'string' || prefix === '') {
    throw wrong('prefix', prefix, 'a string that is not empty');
  }
  if (!(timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS)) {
    throw wrong('timeoutMs', timeoutMs, `a number above 0, at most ${MAX_TIMEOUT_MS}`);
  }
  if (legacy !== undefined && !['delta', 'epoch', 'draft6'].includes(legacy)) {
    throw wrong('legacy', legacy, "'delta', 'epoch' or 'draft6'");
  }
  return {
    prefix,
    timeoutMs,
    onError: checkOnError(onError),
    legacy,
    ipv6Prefix: checkIpv6Prefix(ipv6Prefix),
    proxies: trustedProxies.length > 0 ? new TrustedProxies(trustedProxies) : undefined,
    onDecision,
    logger,
  };
}

/** @throws ConfigurationError if it is neither */
export function checkOnError(onError: OnError): OnError {
  if (onError === 'closed' || onError === 'open') return onError;
  throw wrong('onError', onError, "'closed' or 'open'");
}

function wrong(name: string, given: unknown, may: string): ConfigurationError {
  return new ConfigurationError(`${name} must be ${may}, not ${JSON.stringify(given)}`);
}

/** Limits and how they are written: `5/minute`, `token 10/second burst 20; 1000/hour`. */

import { ConfigurationError } from '../errors.js';
import { shown } from '../options/shown.js';
import { Policy, readPolicy } from './policy.js';

export type Algorithm = 'fixed' | 'sliding' | 'log' | 'token' | 'leaky';

/** A limit, or several in one string. */
export type LimitLike = string | Limit | Policy;

/** One or more limits. */
export type Limits = LimitLike | readonly LimitLike[];

const GRAMMAR =
  '[fixed|sliding|log|token|leaky] n (/|per) [k] unit [burst b], or policy NAME, several joined ' +
  "by ';', such as '5/minute' or 'token 10/second burst 20'";

const ALGORITHMS = new Set<string>(['fixed', 'sliding', 'log', 'token', 'leaky']);

const UNITS = [
  { name: 'second', ms: 1_000, words: ['s', 'sec', 'second', 'seconds'] },
  { name: 'minute', ms: 60_000, words: ['m', 'min', 'minute', 'minutes'] },
  { name: 'hour', ms: 3_600_000, words: ['h', 'hr', 'hour', 'hours'] },
  { name: 'day', ms: 86_400_000, words: ['d', 'day', 'days'] },
  { name: 'week', ms: 604_800_000, words: ['w', 'week', 'weeks'] },
] as const;
type Unit = (typeof UNITS)[number];

/** The units of the server's answers, by their letters. */
const MILLISECOND = { name: 'millisecond', ms: 1 } as const;
const UNIT_OF_CLAUSE = new Map<string, { name: Unit['name'] | 'millisecond'; ms: number }>([
  ['ms', MILLISECOND],
  ...UNITS.map((unit): [string, Unit] => [unit.words[0], unit]),
]);

const UNIT_OF = new Map<string, Unit>(
  UNITS.flatMap((unit) => unit.words.map((word): [string, Unit] => [word, unit])),
);

const MAX_NUMBER = 10 ** 12;
const MAX_LOG = 10 ** 6;
const MAX_PERIOD_MS = 366 * 86_400_000;
const MAX_LIMITS = 16;
/** Integers in structured headers have at most 15 digits. */
const MAX_HEADER_INTEGER = 999_999_999_999_999;

/** One limit, as it is sent and as headers show it. */
export class Limit {
  private constructor(
    readonly algorithm: Algorithm,
    /** What a window allows, or the tokens that come back (token) or leak (leaky) each period. */
    readonly rate: number,
    /** The most that can pass at once: the limit of a window, the capacity of a bucket. */
    readonly quota: number,
    /** How many units the period is. */
    readonly count: number,
    /** The unit of the period, in the singular. */
    readonly unit: Unit['name'] | 'millisecond',
    readonly periodMs: number,
  ) {}

  /** The words of its clause in RL.LIMIT. */
  get words(): string[] {
    const period = `${this.count}${this.unit === 'millisecond' ? 'ms' : this.unit.charAt(0)}`;
    const name = this.algorithm.toUpperCase();
    return isBucket(this.algorithm)
      ? [name, `${this.quota}`, `${this.rate}`, period]
      : [name, `${this.quota}`, period];
  }

  /** Seconds that the whole quota takes to come back, rounded up: `w` of RateLimit-Policy. */
  get windowSeconds(): number {
    const bucket = isBucket(this.algorithm);
    const tokens = BigInt(bucket ? this.quota : 1);
    const perSecond = BigInt(bucket ? this.rate : 1) * 1000n;
    const seconds = (BigInt(this.periodMs) * tokens + perSecond - 1n) / perSecond;
    return Math.min(Math.max(Number(seconds), 1), MAX_HEADER_INTEGER);
  }

  /** The limiter it counts in, whatever its numbers: algorithm and period. */
  get limiter(): string {
    return `${this.algorithm} ${this.periodMs}`;
  }

  /** The limits that `text` writes; see the README for the grammar. */
  static parse(text: string): (Limit | Policy)[] {
    if (typeof text !== 'string') throw notLimit(text);
    return text.split(/[;,|]/).map((part) => {
      const policy = readPolicy(part);
      return policy === undefined ? Limit.#one(part, text) : new Policy(policy);
    });
  }

  /** A clause as RL.POLICY GET shows it, such as `TOKEN 20 10 1s`; undefined if it is invalid. */
  static ofClause(clause: string): Limit | undefined {
    const [kind = '', quota, ...rest] = clause.toLowerCase().split(' ');
    const [, count, letters = ''] = /^([0-9]+)([a-z]+)$/.exec(rest.at(-1) ?? '') ?? [];
    const unit = UNIT_OF_CLAUSE.get(letters);
    if (!ALGORITHMS.has(kind) || !unit) return undefined;
    const algorithm = kind as Algorithm;
    const rate = Number(isBucket(algorithm) ? rest[0] : quota);
    return new Limit(
      algorithm,
      rate,
      Number(quota),
      Number(count),
      unit.name,
      Number(count) * unit.ms,
    );
  }

  /** A policy that the server keeps: its clauses change there, without a deployment. */
  static policy(name: string): Policy {
    return new Policy(name);
  }

  /** `n` in each second, counted in fixed windows. */
  static perSecond(n: number): Limit {
    return Limit.fixed(n, 's');
  }

  /** `n` in each minute, counted in fixed windows. */
  static perMinute(n: number): Limit {
    return Limit.fixed(n, 'm');
  }

  /** `n` in each hour, counted in fixed windows. */
  static perHour(n: number): Limit {
    return Limit.fixed(n, 'h');
  }

  /** `n` in each day, counted in fixed windows. */
  static perDay(n: number): Limit {
    return Limit.fixed(n, 'd');
  }

  /** `n` in each window, opened by its first request. A period is `'10 minutes'` or `'10m'`. */
  static fixed(n: number, period: string): Limit {
    return Limit.#only(`fixed ${n}/${period}`);
  }

  /** `n` in the last period, estimated from two counters. */
  static sliding(n: number, period: string): Limit {
    return Limit.#only(`sliding ${n}/${period}`);
  }

  /** `n` in any period, exactly; at most 1,000,000. */
  static log(n: number, period: string): Limit {
    return Limit.#only(`log ${n}/${period}`);
  }

  /** A bucket of `burst` tokens (default: `refill`), refilled by `refill` each period. */
  static token(refill: number, period: string, burst = refill): Limit {
    return Limit.#only(`token ${refill}/${period} burst ${burst}`);
  }

  /** A queue of `burst` places (default: `leak`), of which `leak` are freed each period. */
  static leaky(leak: number, period: string, burst = leak): Limit {
    return Limit.#only(`leaky ${leak}/${period} burst ${burst}`);
  }

  static #only(text: string): Limit {
    return Limit.#one(text, text);
  }

  static #one(part: string, text: string): Limit {
    if (!/^[ \t\r\n\f\va-z0-9/]+$/i.test(part)) throw notLimit(text);
    const tokens = part.toLowerCase().match(/[a-z]+|[0-9]+|\//g) ?? [];
    let at = 0;
    const algorithm = ALGORITHMS.has(tokens[at] ?? '') ? (tokens[at++] as Algorithm) : undefined;
    const n = integer(tokens[at++]);
    const per = tokens[at++];
    const count = /^[0-9]/.test(tokens[at] ?? '') ? tokens[at++] : undefined;
    const counted = count === undefined ? 1 : integer(count);
    const word = tokens[at++] ?? '';
    const bursting = tokens[at] === 'burst';
    const burst = bursting ? integer(tokens[at + 1]) : undefined;
    if (bursting) at += 2;
    if (at !== tokens.length || (per !== '/' && per !== 'per')) throw notLimit(text);
    if (n === undefined || counted === undefined || !/^[a-z]/.test(word)) throw notLimit(text);
    if (bursting && burst === undefined) throw notLimit(text);
    const unit = UNIT_OF.get(word);
    if (!unit) {
      const period = shown(count === undefined ? word : `${count} ${word}`);
      throw wrong('period', 'whole seconds, minutes, hours, days or weeks', period, text);
    }
    if (counted === 0) throw wrong('k', 'an integer from 1 to 10^12', counted, text);

    const kind = algorithm ?? (bursting ? 'token' : 'fixed');
    const periodMs = counted * unit.ms;
    if (periodMs > MAX_PERIOD_MS) {
      throw wrong('period', 'at most 366 days', shown(`${counted}${unit.name.charAt(0)}`), text);
    }
    if (bursting && !isBucket(kind)) throw wrong('burst', 'of token or leaky', `of ${kind}`, text);
    const most = kind === 'log' ? MAX_LOG : MAX_NUMBER;
    checkNumber('n', n, isBucket(kind) ? 1 : 0, most, text);
    checkNumber('burst', burst ?? n, 0, most, text);
    return new Limit(kind, n, burst ?? n, counted, unit.name, periodMs);
  }
}

/** All limits of `like`, in order: 1 to 16, no two of the same limiter. */
export function parseLimits(like: Limits): (Limit | Policy)[] {
  const all = (Array.isArray(like) ? like : [like]).flatMap((each: LimitLike) =>
    typeof each === 'string' ? Limit.parse(each) : [made(each)],
  );
  if (all.length < 1 || all.length > MAX_LIMITS) {
    throw new ConfigurationError(
      `limits must be 1 to ${MAX_LIMITS} in number, not ${all.length}, in ${shown(like)}`,
    );
  }
  const seen = new Set<string>();
  for (const each of all) {
    const kind = limiterOf(each);
    if (seen.has(kind)) {
      throw new ConfigurationError(
        'limits must differ in their algorithm, period or policy, not repeat that of ' +
          `${each.words.join(' ')}, in ${shown(like)}`,
      );
    }
    seen.add(kind);
  }
  return all;
}

/** The limiter that `limit` counts in; a policy whose clauses are not known is one by itself. */
export function limiterOf(limit: Limit | Policy): string {
  return limit instanceof Limit ? limit.limiter : `policy ${limit.policy}`;
}

/** @throws ConfigurationError for anything but a limit */
function made(each: unknown): Limit | Policy {
  if (each instanceof Limit || each instanceof Policy) return each;
  throw new ConfigurationError(`a limit must be text or a Limit, not ${shown(each)}`);
}

function isBucket(algorithm: Algorithm): boolean {
  return algorithm === 'token' || algorithm === 'leaky';
}

/** The number that `digits` write without sign or leading zero; else undefined. */
function integer(digits: string | undefined): number | undefined {
  return digits !== undefined && /^(0|[1-9][0-9]*)$/.test(digits) ? Number(digits) : undefined;
}

function checkNumber(what: string, n: number, least: number, most: number, text: string): void {
  if (n >= least && n <= most) return;
  const limit = most === MAX_NUMBER ? '10^12' : most;
  throw wrong(what, `an integer from ${least} to ${limit}`, n, text);
}

/** A part of a limit is wrong. */
function wrong(what: string, must: string, was: unknown, text: string): ConfigurationError {
  return new ConfigurationError(
    `${what} must be ${must}, not ${was as string}, in ${shown(text)}; a limit is ${GRAMMAR}`,
  );
}

/** It is no limit at all. */
function notLimit(given: unknown): ConfigurationError {
  if (typeof given === 'string') {
    return new ConfigurationError(`a limit must be ${GRAMMAR}, not ${shown(given)}`);
  }
  return new ConfigurationError(`a limit must be text or a Limit, not ${shown(given)}`);
}

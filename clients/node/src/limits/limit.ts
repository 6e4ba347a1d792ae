/** One limit, and how each kind is made: `Limit.perMinute(5)`, `Limit.shadow('9/second')`. */

import { ConfigurationError } from '../errors.js';
import { shown } from '../options/shown.js';
import { Ban } from './ban.js';
import { after, type Algorithm, isAlgorithm, isBucket, notLimit, readLimit } from './grammar.js';
import { Policy, readPolicy } from './policy.js';
import { periodWord, readPeriod, type UnitName } from './units.js';

/** What a limit string may hold. */
export type Item = Limit | Policy | Ban;

/** A limit, or several in one string. */
export type LimitLike = string | Item;

/** One or more limits. */
export type Limits = LimitLike | readonly LimitLike[];

/** When a ban begins, and how long bans last at most. */
export interface BanOptions {
  /** The refusals that begin a ban, such as `20/minute`. */
  after: string;
  /** How long bans last at most, such as `1d`: one after another, each is twice as long. */
  upTo?: string;
}

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
    readonly unit: UnitName,
    readonly periodMs: number,
    /** Whether it is on trial: it counts, never refuses, and shows nowhere but on the server. */
    readonly shadow: boolean,
  ) {}

  /** The words of its clause in RL.LIMIT. */
  get words(): string[] {
    const name = this.algorithm.toUpperCase();
    const numbers = isBucket(this.algorithm) ? [this.quota, this.rate] : [this.quota];
    const words = [name, ...numbers.map(String), periodWord(this)];
    return this.shadow ? ['SHADOW', ...words] : words;
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
    return `${this.shadow ? 'shadow-' : ''}${this.algorithm} ${this.periodMs}`;
  }

  /** The limits that `text` writes; see the README for the grammar. */
  static parse(text: string): Item[] {
    if (typeof text !== 'string') throw notLimit(text);
    return text.split(/[;,|]/).map((part) => {
      const policy = readPolicy(part);
      if (policy !== undefined) return new Policy(policy);
      const ban = after('ban', part);
      if (ban !== undefined) return Ban.read(ban, text);
      const trial = after('shadow', part);
      return trial === undefined ? Limit.#one(part, text) : Limit.#trial(trial, text);
    });
  }

  /** A clause as RL.POLICY GET shows it, such as `TOKEN 20 10 1s`; undefined if it is no limit. */
  static ofClause(words: readonly string[]): Limit | undefined {
    const shadow = words[0] === 'shadow';
    const [kind = '', quota, ...rest] = shadow ? words.slice(1) : words;
    const period = readPeriod(rest.at(-1) ?? '');
    if (!isAlgorithm(kind) || !period) return undefined;
    const { count, unit, ms } = period;
    const rate = Number(isBucket(kind) ? rest[0] : quota);
    return new Limit(kind, rate, Number(quota), count, unit, ms, shadow);
  }

  /** A policy that the server keeps: its clauses change there, without a deployment. */
  static policy(name: string): Policy {
    return new Policy(name);
  }

  /** A limit on trial, such as `'20/second'`: the server counts what it would refuse. */
  static shadow(limit: string | Limit): Limit {
    if (!(limit instanceof Limit)) return Limit.#trial(limit, limit);
    const { algorithm, rate, quota, count, unit, periodMs } = limit;
    return new Limit(algorithm, rate, quota, count, unit, periodMs, true);
  }

  /** Shuts out whoever does not wait: `Limit.ban('15m', { after: '20/minute', upTo: '1d' })`. */
  static ban(time: string, options: BanOptions): Ban {
    const { after: refusals, upTo } = options ?? {};
    const text = `${time} after ${refusals}${upTo === undefined ? '' : ` up to ${upTo}`}`;
    return Ban.read(text, `ban ${text}`);
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

  static #trial(part: string, text: string): Limit {
    if (typeof part !== 'string') throw notLimit(part);
    if (readPolicy(part) !== undefined) {
      throw new ConfigurationError(
        `shadow must be followed by a limit, not by a policy, in ${shown(text)}: ` +
          'put SHADOW before the clauses of the policy itself, with RL.POLICY SET',
      );
    }
    return Limit.#one(part, text, true);
  }

  static #one(part: string, text: string, shadow = false): Limit {
    const { algorithm, rate, quota, period } = readLimit(part, text);
    return new Limit(algorithm, rate, quota, period.count, period.unit, period.ms, shadow);
  }
}

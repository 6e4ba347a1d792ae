/** How limits and bans are written. */

import { ConfigurationError } from '../errors.js';
import { shown } from '../options/shown.js';
import { MAX_PERIOD_MS, type Period, periodOf } from './units.js';

export type Algorithm = 'fixed' | 'sliding' | 'log' | 'token' | 'leaky';

/** The numbers of a limit. */
export interface LimitNumbers {
  readonly algorithm: Algorithm;
  readonly rate: number;
  readonly quota: number;
  readonly period: Period;
}

/** The numbers of a ban. */
export interface BanNumbers {
  readonly refusals: number;
  readonly period: Period;
  readonly ban: Period;
  /** How long a ban lasts at most; undefined: as long as the first. */
  readonly upTo: Period | undefined;
}

const GRAMMAR =
  '[fixed|sliding|log|token|leaky] n (/|per) [k] unit [burst b], or policy NAME, or shadow and a ' +
  "limit, or ban TIME after n (/|per) [k] unit [up to TIME], several joined by ';', such as " +
  "'5/minute' or 'token 10/second burst 20'";

const ALGORITHMS = new Set<string>(['fixed', 'sliding', 'log', 'token', 'leaky']);
const MAX_NUMBER = 10 ** 12;
const MAX_LOG = 10 ** 6;
const MAX_REFUSALS = 10 ** 6;

export function isAlgorithm(word: string): word is Algorithm {
  return ALGORITHMS.has(word);
}

export function isBucket(algorithm: Algorithm): boolean {
  return algorithm === 'token' || algorithm === 'leaky';
}

/** What follows `word` at the beginning of `part`; undefined if it begins otherwise. */
export function after(word: string, part: string): string | undefined {
  const rest = part.replace(/^[ \t\r\n\f\v]+/, '');
  if (rest.slice(0, word.length).toLowerCase() !== word) return undefined;
  return /^[a-z]/i.test(rest.slice(word.length)) ? undefined : rest.slice(word.length);
}

/**
 * One limit.
 *
 * @param text what it is part of, for errors
 * @throws ConfigurationError that says what is wrong
 */
export function readLimit(part: string, text: string): LimitNumbers {
  const words = new Words(part, text);
  const algorithm = words.takeIf(isAlgorithm);
  const n = words.integer();
  words.per();
  const period = words.period(false);
  const burst = words.takeIf((word) => word === 'burst') && words.integer();
  words.end();

  const kind = algorithm ?? (burst === undefined ? 'fixed' : 'token');
  if (burst !== undefined && !isBucket(kind)) {
    throw wrong('burst', 'of token or leaky', `of ${kind}`, text);
  }
  checkNumber('n', n, isBucket(kind) ? 1 : 0, kind === 'log' ? MAX_LOG : MAX_NUMBER, text);
  checkNumber('burst', burst ?? n, 0, kind === 'log' ? MAX_LOG : MAX_NUMBER, text);
  return { algorithm: kind, rate: n, quota: burst ?? n, period };
}

/**
 * What follows the word `ban`.
 *
 * @param text what it is part of, for errors
 * @throws ConfigurationError that says what is wrong
 */
export function readBan(part: string, text: string): BanNumbers {
  const words = new Words(part, text);
  const ban = words.period(true);
  words.word('after');
  const refusals = words.integer();
  words.per();
  const period = words.period(false);
  const capped = words.takeIf((word) => word === 'up') !== undefined;
  if (capped) words.word('to');
  const upTo = capped ? words.period(true) : undefined;
  words.end();
  checkNumber('the refusals of a ban', refusals, 1, MAX_REFUSALS, text);
  if (upTo !== undefined && upTo.ms < ban.ms) {
    const [most, first] = [upTo, ban].map(({ count, unit }) => `${count} ${unit}`);
    throw wrong("a ban's longest time", `at least its first, ${first}`, most, text);
  }
  return { refusals, period, ban, upTo };
}

/**
 * A time such as `30s` or `5 minutes`.
 *
 * @param name what it is for, in errors
 * @throws ConfigurationError for anything else
 */
export function readTime(name: string, text: string): Period {
  const found = typeof text === 'string' && /^\s*([1-9][0-9]*)\s*([a-z]+)\s*$/i.exec(text);
  const period = found && periodOf(Number(found[1]), String(found[2]).toLowerCase());
  if (period && period.ms <= MAX_PERIOD_MS) return period;
  throw new ConfigurationError(
    `${name} must be a time of at most 366 days, as in '30s' or '5 minutes', not ${shown(text)}`,
  );
}

/** The words of a limit, one after the other. */
class Words {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(
    part: string,
    readonly text: string,
  ) {
    if (!/^[ \t\r\n\f\va-z0-9/]+$/i.test(part)) throw notLimit(text);
    this.#tokens = part.toLowerCase().match(/[a-z]+|[0-9]+|\//g) ?? [];
  }

  takeIf<Word extends string>(is: (word: string) => word is Word): Word | undefined;
  takeIf(is: (word: string) => boolean): string | undefined;
  takeIf(is: (word: string) => boolean): string | undefined {
    const word = this.#tokens[this.#at] ?? '';
    if (!is(word)) return undefined;
    this.#at += 1;
    return word;
  }

  word(expected: string): void {
    if (this.takeIf((word) => word === expected) === undefined) throw notLimit(this.text);
  }

  per(): void {
    if (this.takeIf((word) => word === '/' || word === 'per') === undefined) {
      throw notLimit(this.text);
    }
  }

  /** A number without sign or leading zero. */
  integer(): number {
    const digits = this.takeIf((word) => /^(0|[1-9][0-9]*)$/.test(word));
    if (digits === undefined) throw notLimit(this.text);
    return Number(digits);
  }

  /** @param counted whether it must have a number */
  period(counted: boolean): Period {
    const starts = /^[0-9]/.test(this.#tokens[this.#at] ?? '');
    if (counted && !starts) throw notLimit(this.text);
    const count = starts ? this.integer() : undefined;
    const word = this.takeIf((each) => /^[a-z]/.test(each));
    if (word === undefined) throw notLimit(this.text);
    const period = periodOf(count ?? 1, word);
    if (!period) {
      const given = shown(count === undefined ? word : `${count} ${word}`);
      throw wrong('period', 'whole seconds, minutes, hours, days or weeks', given, this.text);
    }
    if (count === 0) throw wrong('k', 'an integer from 1 to 10^12', 0, this.text);
    if (period.ms > MAX_PERIOD_MS) {
      const given = shown(`${period.count}${period.unit.charAt(0)}`);
      throw wrong('period', 'at most 366 days', given, this.text);
    }
    return period;
  }

  end(): void {
    if (this.#at !== this.#tokens.length) throw notLimit(this.text);
  }
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
export function notLimit(given: unknown): ConfigurationError {
  if (typeof given === 'string') {
    return new ConfigurationError(`a limit must be ${GRAMMAR}, not ${shown(given)}`);
  }
  return new ConfigurationError(`a limit must be text or a Limit, not ${shown(given)}`);
}

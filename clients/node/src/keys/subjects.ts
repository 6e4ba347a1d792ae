/** Subjects: who is limited, as keys have them. */

import { createHash } from 'node:crypto';
import { CannotIdentify, ConfigurationError } from '../errors.js';
import { knownOptions } from '../options/known.js';
import { shown } from '../options/shown.js';
import { ipKey } from './addresses.js';

const MAX_SUBJECT_BYTES = 128;

export interface SubjectOptions {
  /** Picks the limits, where there are tiers. Not in the key. */
  tier?: string | undefined;
}

const SUBJECT_OPTIONS = knownOptions<SubjectOptions>('a Subject', { tier: true });

/** Whom a limit is for: an account, an address or an API key. */
export class Subject {
  readonly tier: string | undefined;

  private constructor(
    readonly kind: 'user' | 'ip' | 'key',
    /** The account's id, the address as given, or the hash of the API key. */
    readonly id: string,
    options: SubjectOptions | undefined,
  ) {
    if (options === undefined) return;
    SUBJECT_OPTIONS.check(options);
    const { tier } = options;
    if (tier !== undefined && typeof tier !== 'string') throw wrong('tier', 'text', tier);
    this.tier = tier;
  }

  /**
   * An account. Its requests share one budget, from any address.
   *
   * @throws ConfigurationError for an invalid id, such as undefined
   * @throws CannotIdentify for an empty one
   */
  static user(id: string | number | bigint, options?: SubjectOptions): Subject {
    const isId = typeof id === 'string' || typeof id === 'bigint' || Number.isSafeInteger(id);
    if (!isId) throw wrong("a user's id", 'text or an integer', id);
    return new Subject('user', nonEmpty(String(id), 'the id of a user'), options);
  }

  /**
   * An address, such as `req.ip`. IPv6 addresses of one prefix share a budget.
   *
   * @throws CannotIdentify if there is none
   */
  static ip(address: string | null | undefined, options?: SubjectOptions): Subject {
    return new Subject('ip', nonEmpty(address, 'the address of a client'), options);
  }

  /**
   * An API key or a token. Only its hash leaves the process.
   *
   * @throws CannotIdentify if there is none
   */
  static apiKey(secret: string | null | undefined, options?: SubjectOptions): Subject {
    return new Subject('key', sha256(nonEmpty(secret, 'an API key')), options);
  }

  /** Its last field in a key, encoded. */
  field(ipv6Prefix: number): string {
    if (this.kind === 'key') return this.id;
    const text = this.kind === 'ip' ? ipKey(this.id, ipv6Prefix) : this.id;
    return isLong(text) ? sha256(text) : encodeField(text);
  }
}

/** A Redis key as it is, for keys that other programs share. */
export class WholeKey {
  readonly kind = 'whole';
  readonly tier = undefined;

  /** @throws ConfigurationError for anything but text that is not empty */
  constructor(readonly key: string) {
    if (typeof key !== 'string' || key === '')
      throw wrong('a WholeKey', 'text that is not empty', key);
  }
}

/** Whom to limit: text is a user's id, always. */
export type Who = Subject | WholeKey | string;

/**
 * The subject that a key function, or a caller, means.
 *
 * @throws ConfigurationError for anything else
 */
export function readWho(who: unknown, from: string): Subject | WholeKey {
  if (typeof who === 'string') return Subject.user(who);
  const kind = (who as { kind?: unknown } | null | undefined)?.kind;
  if (kind === 'whole' || typeof (who as Partial<Subject> | undefined)?.field === 'function') {
    return who as Subject | WholeKey;
  }
  const hint = who === undefined ? ' (null: not limited)' : '';
  const may = `a Subject, a WholeKey or a user's id as text${hint}`;
  throw wrong(from, may, who);
}

const PLAIN = /^[A-Za-z0-9._~-]*$/;

/** Percent-encodes all but `A-Z a-z 0-9 - . _ ~`, so that no text can end a field. */
export function encodeField(text: string): string {
  if (PLAIN.test(text)) return text;
  return encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function nonEmpty(text: string | null | undefined, what: string): string {
  if (text === undefined || text === null || text === '') {
    throw new CannotIdentify(`${what} must be text that is not empty, not ${shown(text)}`);
  }
  if (typeof text !== 'string') throw wrong(what, 'text', text);
  return text;
}

function wrong(what: string, may: string, given: unknown): ConfigurationError {
  const was = typeof given === 'object' && given !== null ? 'an object' : shown(given);
  return new ConfigurationError(`${what} must be ${may}, not ${was}`);
}

function isLong(text: string): boolean {
  return text.length * 3 > MAX_SUBJECT_BYTES && Buffer.byteLength(text) > MAX_SUBJECT_BYTES;
}

function sha256(text: string): string {
  return `sha256=${createHash('sha256').update(text).digest('hex')}`;
}

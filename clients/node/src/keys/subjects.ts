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

/** A kind of subjects, and those that are made otherwise. */
const KIND = /^[a-z0-9_-]{1,32}$/;
const RESERVED = new Set(['user', 'ip', 'key', 'whole']);

const SUBJECT_OPTIONS = knownOptions<SubjectOptions>('a Subject', { tier: true });

/** Whom a limit is for: an account, an address or an API key. */
export class Subject {
  readonly tier: string | undefined;

  private constructor(
    /** `user`, `ip`, `key`, or a kind of your own. */
    readonly kind: string,
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
    return new Subject('user', nonEmpty(idOf(id, "a user's id"), 'the id of a user'), options);
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

  /**
   * Of a kind of your own, such as `Subject.of('team', 7)`, beside users and addresses.
   *
   * @throws ConfigurationError for an invalid kind or id
   * @throws CannotIdentify for an empty id
   */
  static of(kind: string, id: string | number | bigint, options?: SubjectOptions): Subject {
    if (typeof kind !== 'string' || !KIND.test(kind) || RESERVED.has(kind)) {
      const must =
        "1 to 32 of a-z 0-9 _ -, and not 'user', 'ip' or 'key', which have their own calls";
      throw wrong("a subject's kind", must, kind);
    }
    return new Subject(
      kind,
      nonEmpty(idOf(id, 'the id of a subject'), 'the id of a subject'),
      options,
    );
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

/** Whether it is a whole key, of this build of the package or the other. */
export function isWhole(who: Subject | WholeKey): who is WholeKey {
  return who.kind === 'whole';
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

/** The first field of keys, perhaps with a hash tag that says in which slot of a cluster they are. */
export function prefixField(prefix: string, slot?: string): string {
  const field = encodeField(prefix);
  if (slot === undefined) return field;
  if (typeof slot === 'string' && slot !== '') return `${field}{${encodeField(slot)}}`;
  throw wrong('slot', 'text that is not empty', slot);
}

function idOf(id: unknown, what: string): string {
  if (typeof id === 'string' || typeof id === 'bigint' || Number.isSafeInteger(id)) {
    return String(id);
  }
  throw wrong(what, 'text or an integer', id);
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

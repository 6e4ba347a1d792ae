/** Who is asking, and the key at which his use is recorded. */

import { createHash } from 'node:crypto';
import { ipKey } from './addresses.js';
import { CannotIdentify } from './errors.js';

const MAX_SUBJECT_BYTES = 128;

/** Whom a limit is for: an account, an address or an API key. */
export class Subject {
  private constructor(
    readonly kind: 'user' | 'ip' | 'key',
    /** The account's id, the address as given, or the hash of the API key. */
    readonly id: string,
    /** What the application made of him, for limits that depend on it. Not in the key. */
    readonly tier: string | undefined,
  ) {}

  /** An account. Everything that logs in as it shares one budget, from any address. */
  static user(id: string | number | bigint, { tier }: { tier?: string } = {}): Subject {
    return new Subject('user', nonEmpty(String(id), 'user'), tier);
  }

  /**
   * An address, such as `req.ip`. IPv6 addresses of one prefix share a budget.
   *
   * @throws CannotIdentify if there is none
   */
  static ip(address: string | undefined, { tier }: { tier?: string } = {}): Subject {
    return new Subject('ip', nonEmpty(address, 'address'), tier);
  }

  /** An API key or a token. Only its hash leaves the process. */
  static apiKey(secret: string, { tier }: { tier?: string } = {}): Subject {
    return new Subject('key', sha256(nonEmpty(secret, 'API key')), tier);
  }

  /** Its last field in a key, encoded. */
  field(ipv6Prefix: number): string {
    if (this.kind === 'key') return this.id;
    const text = this.kind === 'ip' ? ipKey(this.id, ipv6Prefix) : this.id;
    return isLong(text) ? sha256(text) : encodeField(text);
  }
}

const PLAIN = /^[A-Za-z0-9._~-]*$/;

/** Percent-encodes all but `A-Z a-z 0-9 - . _ ~`, so that a field's end cannot be written in it. */
export function encodeField(text: string): string {
  if (PLAIN.test(text)) return text;
  return encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function nonEmpty(text: string | undefined, what: string): string {
  if (text === undefined || text === '') throw new CannotIdentify(`The client has no ${what}`);
  return text;
}

function isLong(text: string): boolean {
  return text.length * 3 > MAX_SUBJECT_BYTES && Buffer.byteLength(text) > MAX_SUBJECT_BYTES;
}

function sha256(text: string): string {
  return `sha256=${createHash('sha256').update(text).digest('hex')}`;
}

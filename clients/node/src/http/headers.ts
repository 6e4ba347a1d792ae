/** The header fields: those of draft-ietf-httpapi-ratelimit-headers-11, and older ones. */

import type { Verdict, Outcome } from '../outcome.js';

/**
 * Older fields beside the new ones: `X-RateLimit-*` with Reset in seconds from now (`delta`) or as
 * a Unix time (`epoch`), or the `RateLimit-Limit`, `-Remaining` and `-Reset` of draft 6.
 */
export type Legacy = 'delta' | 'epoch' | 'draft6';

/** A field as Node's http has it. */
export type FieldValue = string | number | readonly string[] | undefined;

/** Field names and values, in the order sent, as fetch's Headers take them. */
export type Fields = [name: string, value: string][];

/** The part of an outcome, or of several of one request, that headers show. */
export type Told = Pick<Outcome, 'allowed' | 'decisions' | 'ban' | 'retryAfter' | 'tightest'>;

/**
 * The fields of a response to a request with this outcome; none if it failed open.
 *
 * @param now milliseconds since 1970, for `epoch`
 */
export function fieldsOf(outcome: Told, legacy?: Legacy, now = Date.now()): Fields {
  if (outcome.decisions.length === 0) return [];
  let policies = '';
  let members = '';
  for (const verdict of outcome.decisions) {
    policies += `${policies && ', '}${policy(verdict)}`;
    if (outcome.allowed || !verdict.allowed) members += `${members && ', '}${member(verdict)}`;
  }
  const { ban } = outcome;
  if (ban !== null && !ban.allowed) {
    policies += `, ${policy(ban)}`;
    members += `${members && ', '}${member(ban)}`;
  }
  const fields: Fields = [
    ['RateLimit-Policy', policies],
    ['RateLimit', members],
  ];
  if (!outcome.allowed) {
    if (outcome.retryAfter !== null) {
      fields.push(['Retry-After', `${retrySeconds(outcome.retryAfter)}`]);
    }
    fields.push(['Cache-Control', 'no-store']);
  }
  if (legacy !== undefined && outcome.tightest !== null) {
    fields.push(...legacyFields(outcome.tightest, legacy, now));
  }
  return fields;
}

/** Whole seconds after which a denied request passes: rounded up, at least 1. */
export function retrySeconds(seconds: number): number {
  return Math.max(1, wholeSeconds(seconds));
}

/**
 * The value to send where the application set the field too: lists are joined, of two Retry-After
 * the larger one stays, and a date always.
 */
export function merged(name: string, theirs: FieldValue, ours: string): string {
  if (theirs === undefined || theirs === '') return ours;
  const text = typeof theirs === 'object' ? theirs.join(', ') : String(theirs);
  switch (name) {
    case 'Retry-After':
      return later(text, ours);
    case 'Cache-Control':
      return /(^|[\s,])no-store\s*(,|$)/i.test(text) ? text : `${text}, ${ours}`;
    case 'RateLimit':
    case 'RateLimit-Policy':
      return `${text}, ${ours}`;
    default:
      return text;
  }
}

function policy({ policy, limit, window, unit }: Verdict): string {
  if (window !== null) return `"${policy}";q=${limit};w=${window}`;
  return unit === undefined ? `"${policy}";q=${limit}` : `"${policy}";q=${limit};qu="${unit}"`;
}

function member(verdict: Verdict): string {
  const { allowed, policy, remaining, retryAfter, resetAfter, window } = verdict;
  // Nobody knows when places are released.
  if (allowed && window === null && verdict.unit) return `"${policy}";r=${remaining}`;
  if (allowed) return `"${policy}";r=${remaining};t=${wholeSeconds(resetAfter)}`;
  const left = `"${policy}";r=${remaining}`;
  return retryAfter === null ? left : `${left};t=${retrySeconds(retryAfter)}`;
}

function legacyFields(tightest: Verdict, legacy: Legacy, now: number): Fields {
  const { allowed, limit, remaining, retryAfter, resetAfter } = tightest;
  const prefix = legacy === 'draft6' ? 'RateLimit' : 'X-RateLimit';
  const fields: Fields = [
    [`${prefix}-Limit`, `${limit}`],
    [`${prefix}-Remaining`, `${remaining}`],
  ];
  const seconds = allowed ? resetAfter : retryAfter;
  if (seconds === null) return fields;
  const delta = allowed ? wholeSeconds(seconds) : retrySeconds(seconds);
  const reset = legacy === 'epoch' ? wholeSeconds(now / 1000 + seconds) : delta;
  return [...fields, [`${prefix}-Reset`, `${reset}`]];
}

/** Up, in milliseconds first: 1.001 * 1000 is not quite 1001. */
function wholeSeconds(seconds: number): number {
  return Math.ceil(Math.round(seconds * 1000) / 1000);
}

/** The larger number; a date stays. */
function later(theirs: string, ours: string): string {
  if (!/^\s*\d+\s*$/.test(theirs)) return Number.isNaN(Date.parse(theirs)) ? ours : theirs;
  return Number(theirs) > Number(ours) ? theirs : ours;
}

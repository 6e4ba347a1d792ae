/** The names of charges and places, which make it safe to send a command again. */

import { randomBytes } from 'node:crypto';
import type { Item } from '../limits/limit.js';
import { Limit } from '../limits/limit.js';
import { Policy } from '../limits/policy.js';

/** An id that nobody else has. */
export function newId(): string {
  return idOf(randomBytes(16));
}

/** 16 bytes as an id. */
export function idOf(bytes: Buffer): string {
  return bytes.toString('base64url');
}

const MIN_KEEP_S = 60;
const MAX_KEEP_S = 3_600;

/** For how many seconds a charge of `limits` can still be corrected, within bounds. */
export function keepSeconds(limits: readonly Item[]): number {
  const longest = Math.max(0, ...limits.map(correctableMs));
  return Math.min(MAX_KEEP_S, Math.max(MIN_KEEP_S, Math.ceil(longest / 1000)));
}

function correctableMs(item: Item): number {
  if (item instanceof Policy) return Infinity;
  if (!(item instanceof Limit)) return 0;
  if (item.algorithm === 'token') return Infinity;
  return item.algorithm === 'sliding' ? 2 * item.periodMs : item.periodMs;
}

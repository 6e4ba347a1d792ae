/** Logs what an operator should know, at most one line a second of each kind. */

import type { Logger } from './options/limiter.js';
import { now } from './stores/clock.js';

const EVERY_MS = 1_000;

/** What a line is about, and how bad that is. */
const LEVELS = {
  unavailable: 'warn',
  misconfigured: 'error',
  unidentified: 'warn',
  settling: 'warn',
  counting: 'error',
  places: 'warn',
} as const;

export type Kind = keyof typeof LEVELS;

export class Log {
  readonly #quietUntil = new Map<Kind, number>();

  constructor(readonly logger: Logger) {}

  /** @param answer what becomes of requests: `refused`, or `served without a limit` */
  say(kind: Kind, { message }: Error, answer: string): void {
    this.note(kind, `requests are ${answer}: ${message}`);
  }

  note(kind: Kind, text: string): void {
    const at = now();
    if (at < (this.#quietUntil.get(kind) ?? 0)) return;
    this.#quietUntil.set(kind, at + EVERY_MS);
    this.logger[LEVELS[kind]](`redis-rl: ${text}`);
  }
}

/** Logs what an operator should know, at most one line a second of each kind. */

import type { Logger } from './options/limiter.js';
import { now } from './stores/clock.js';

const EVERY_MS = 1_000;

export type Kind = 'unavailable' | 'misconfigured' | 'unidentified';

const LEVELS = { unavailable: 'warn', misconfigured: 'error', unidentified: 'warn' } as const;

export class Log {
  readonly #quietUntil = { unavailable: 0, misconfigured: 0, unidentified: 0 };

  constructor(readonly logger: Logger) {}

  /** @param answer what becomes of requests: `refused`, or `served without a limit` */
  say(kind: Kind, { message }: Error, answer: string): void {
    const at = now();
    if (at < this.#quietUntil[kind]) return;
    this.#quietUntil[kind] = at + EVERY_MS;
    this.logger[LEVELS[kind]](`redis-rl: requests are ${answer}: ${message}`);
  }
}

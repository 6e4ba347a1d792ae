/** Places: so many at once, each held by a lease that is renewed until it is released. */

import { ConfigurationError } from '../errors.js';
import { readTime } from '../limits/grammar.js';
import { checkName } from '../limits/names.js';
import { periodWord } from '../limits/units.js';
import type { Log } from '../log.js';
import { shown } from '../options/shown.js';
import { type Outcome, readOutcome, unreadable } from '../outcome.js';
import { clearInterval, setInterval } from '../stores/clock.js';
import type { Command } from '../stores/types.js';

/** A place that was asked for. */
export interface Lease {
  /** Denied: there is no place, and nothing to release. */
  readonly outcome: Outcome;
  /** Gives the place back, once; nobody has to wait for that. */
  release(): void;
  /** Does the work, answers its result, and releases in any case. */
  run<Result>(work: () => Result | Promise<Result>): Promise<Result>;
}

/** How many places there are, and for how long each is held. */
export interface Places {
  readonly limit: number;
  /** As it is sent. */
  readonly lease: string;
  readonly leaseMs: number;
  /** What headers call them. */
  readonly name: string;
}

/** The limiter of all places at a key. */
export const PLACES = 'lease';

const MAX_PLACES = 65_536;

/** @throws ConfigurationError for an invalid limit, lease or name */
export function readPlaces(limit: number, lease: string, name: string | undefined): Places {
  if (!Number.isInteger(limit) || limit < 0 || limit > MAX_PLACES) {
    throw new ConfigurationError(
      `limit must be an integer from 0 to ${MAX_PLACES}, not ${shown(limit)}`,
    );
  }
  const period = readTime('lease', lease);
  if (name !== undefined) checkName(name);
  return {
    limit,
    lease: periodWord(period),
    leaseMs: period.ms,
    name: name ?? `${limit}-at-once`,
  };
}

const MAX_TIMER_MS = 2 ** 31 - 1;

const held = new WeakMap<Outcome, Place>();

export class Place {
  readonly #renewing: { timer?: NodeJS.Timeout } = {};
  #isReleased = false;

  constructor(
    readonly key: string,
    readonly places: Places,
    readonly id: string,
    readonly send: (command: Command) => Promise<unknown>,
    readonly log: Log,
  ) {}

  /** The place of an outcome; undefined if none was taken. */
  static of(outcome: Outcome): Place | undefined {
    return held.get(outcome);
  }

  /** Asks for the place; sent again, it takes no second one. */
  get command(): Command {
    const { limit, lease } = this.places;
    const rest = [`${limit}`, lease, this.id];
    return { name: 'RL.LEASE', key: this.key, rest, repeatable: true };
  }

  /** What a reply means; a place that was taken is renewed from now on. */
  read(reply: unknown): Outcome {
    const outcome = readPlace(reply, this.places, this.key);
    if (!outcome.allowed) return outcome;
    held.set(outcome, this);
    const every = Math.min(this.places.leaseMs / 3, MAX_TIMER_MS);
    this.#renewing.timer = setInterval(() => void this.#renew(), every).unref();
    return outcome;
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    clearInterval(this.#renewing.timer);
    const { key, id } = this;
    this.send({ name: 'RL.RELEASE', key, rest: [id], repeatable: true }).catch((error: unknown) => {
      this.#note(`a place is not released, and ends with its lease`, error);
    });
  }

  async #renew(): Promise<void> {
    const { key, id, places } = this;
    try {
      const rest = [places.lease, id];
      const renewed = await this.send({ name: 'RL.RENEW', key, rest, repeatable: true });
      // Somebody has forgotten it, or this process was too late.
      if (renewed === 0 && !this.#isReleased) await this.send(this.command);
    } catch (error) {
      this.#note('a place is not renewed, and may be given to others', error);
    }
  }

  #note(what: string, error: unknown): void {
    this.log.note('places', `${what}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** What `lease` answers. */
export function leaseOf(outcome: Outcome): Lease {
  const release = () => Place.of(outcome)?.release();
  return {
    outcome,
    release,
    async run(work) {
      try {
        return await work();
      } finally {
        release();
      }
    },
  };
}

/** @throws StoreMisconfigured if `reply` is not one */
export function readPlace(reply: unknown, { name, leaseMs }: Places, key: string): Outcome {
  if (!Array.isArray(reply)) throw unreadable(reply);
  const label = { name, window: null, limit: undefined, isBan: false };
  const read = readOutcome([reply[0], reply], [label], key, 1);
  const [first] = read.decisions;
  // Places may come back sooner, and their holders may hold them for longer.
  const wait = first?.retryAfter ?? null;
  const retryAfter =
    read.allowed || wait === null ? wait : Math.min(Math.max(wait, 1), leaseMs / 1000);
  const verdict = { ...first, retryAfter, unit: 'concurrent-requests' } as const;
  const decisions = [verdict] as unknown as Outcome['decisions'];
  return { ...read, decisions, retryAfter, tightest: decisions[0] ?? null };
}

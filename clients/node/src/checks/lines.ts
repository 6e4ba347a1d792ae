/** Checks that wait until they are allowed: one line for each key and its limits. */

import type { LimitSet } from '../limits/limit-set.js';
import { Limit } from '../limits/limit.js';
import { wrong } from '../options/limiter.js';
import type { Outcome, Verdict } from '../outcome.js';
import { clearTimeout, now, setTimeout } from '../stores/clock.js';
import { withParts } from './all.js';

const MAX_WAITING = 1_000;
const MAX_WAIT_S = 3_600;
/** Processes that were told the same time do not all wake at it. */
const MAX_JITTER_MS = 20;

/** One check that may wait. */
export interface Patient {
  readonly key: string;
  readonly set: LimitSet;
  readonly cost: number;
  readonly maxWaitMs: number;
  ask(): Promise<Outcome>;
  /** Limits of `set` that are known, those on trial aside. */
  limits(): readonly Limit[];
  /** Calls back when nobody waits for the answer any more; returns what ends that. */
  onGone?(gone: () => void): () => void;
}

interface Waiter {
  readonly cost: number;
  wake: () => void;
  isGone: boolean;
}

interface Line {
  readonly waiters: Waiter[];
  /** What the first was told last, and when that is over. */
  refusal: Outcome;
  readyAt: number;
}

/** @throws ConfigurationError for anything but seconds, within bounds */
export function checkMaxWait(seconds: number): number {
  if (typeof seconds === 'number' && seconds > 0 && seconds <= MAX_WAIT_S) return seconds * 1000;
  throw wrong('maxWait', seconds, `a number of seconds above 0 and at most ${MAX_WAIT_S}`);
}

export class Lines {
  readonly #lines = new Map<string, Line>();
  #waiting = 0;

  /** Asks, and again whenever a refusal is over, as long as that fits. */
  async through(patient: Patient): Promise<Outcome> {
    const until = now() + patient.maxWaitMs;
    const id = `${patient.key} ${patient.set.words.join(' ')}`;
    if (!this.#lines.has(id)) {
      const outcome = await patient.ask();
      if (!mayPass(outcome)) return outcome;
      const readyAt = now() + waitOf(outcome);
      if (readyAt > until) return outcome;
      if (!this.#lines.has(id)) {
        this.#lines.set(id, { waiters: [], refusal: outcome, readyAt });
      }
    }
    return this.#wait(id, this.#lines.get(id) as Line, patient, until);
  }

  async #wait(id: string, line: Line, patient: Patient, until: number): Promise<Outcome> {
    const ahead = line.waiters.reduce((sum, { cost }) => sum + cost, 0);
    const left = Math.max(0, line.readyAt - now());
    const estimate = estimateMs(patient.limits(), left, ahead);
    if (now() + estimate > until || this.#waiting >= MAX_WAITING) {
      if (line.waiters.length === 0) this.#lines.delete(id);
      return toldToWait(line.refusal, estimate);
    }
    const waiter: Waiter = { cost: patient.cost, wake: () => undefined, isGone: false };
    line.waiters.push(waiter);
    this.#waiting += 1;
    const end = patient.onGone?.(() => {
      waiter.isGone = true;
      waiter.wake();
    });
    try {
      if (line.waiters[0] !== waiter) await sleep(waiter, until - now());
      // Out of time, or gone, behind others.
      if (line.waiters[0] !== waiter) return refusalNow(line);
      return await this.#first(line, waiter, patient, until);
    } finally {
      end?.();
      this.#waiting -= 1;
      line.waiters.splice(line.waiters.indexOf(waiter), 1);
      if (line.waiters.length === 0) this.#lines.delete(id);
      else line.waiters[0]?.wake();
    }
  }

  /** Whoever is first asks when the last refusal is over. */
  async #first(line: Line, waiter: Waiter, patient: Patient, until: number): Promise<Outcome> {
    while (!waiter.isGone) {
      const wait = line.readyAt - now();
      if (wait > 0) {
        const pause = wait + Math.random() * Math.min(MAX_JITTER_MS, wait / 10);
        if (now() + pause > until) return refusalNow(line);
        await sleep(waiter, pause);
      }
      if (waiter.isGone) break;
      const outcome = await patient.ask();
      if (!mayPass(outcome)) return outcome;
      line.refusal = outcome;
      line.readyAt = now() + waitOf(outcome);
    }
    return refusalNow(line);
  }
}

/**
 * How long a check waits behind others: until the first may pass, and until the slowest of the
 * limits has admitted what those ahead cost.
 */
export function estimateMs(limits: readonly Limit[], waitMs: number, costAhead: number): number {
  const times = limits.map(({ algorithm, rate, periodMs }) =>
    algorithm === 'fixed' || algorithm === 'log'
      ? Math.floor(costAhead / rate) * periodMs
      : Math.floor((costAhead * periodMs) / rate),
  );
  return waitMs + Math.max(0, ...times);
}

/** Whether it is refused only for a while. */
function mayPass({ allowed, retryAfter }: Outcome): boolean {
  return !allowed && retryAfter !== null;
}

function waitOf({ retryAfter }: Outcome): number {
  return Math.ceil((retryAfter ?? 0) * 1000);
}

function refusalNow({ refusal, readyAt }: Line): Outcome {
  return toldToWait(refusal, Math.max(0, readyAt - now()));
}

/** A refusal whose denials take that long. */
function toldToWait(refusal: Outcome, ms: number): Outcome {
  if (refusal.allowed) return refusal; // one of several subjects
  const retryAfter = Math.ceil(ms) / 1000;
  const told = (verdict: Verdict) => (verdict.allowed ? verdict : { ...verdict, retryAfter });
  const { decisions, ban, tightest } = refusal;
  return {
    ...withParts(refusal, (part) => toldToWait(part, ms)),
    decisions: decisions.map(told),
    ban: ban && told(ban),
    tightest: tightest && told(tightest),
    retryAfter,
  };
}

/** Ends after `ms`, or when it is woken. */
function sleep(waiter: Waiter, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, Math.ceil(Math.max(0, ms)));
    waiter.wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}

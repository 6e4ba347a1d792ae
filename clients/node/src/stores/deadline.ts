/** A deadline of our own: not every client's timeout works once a command is written. */

import { StoreUnavailable } from '../errors.js';
import { now, setImmediate, setTimeout } from './clock.js';
import type { Patience } from './types.js';

/** How late a timer may be before it shows that this process was busy. */
const SLACK_MS = 5;

/** How often to look, in one deadline, whether this process is late. */
const LOOKS = 4;

interface Wait extends Patience {
  until: number;
  /** Whether this process was late meanwhile: what it asked may have been sent late. */
  late: boolean;
  /** Whether it was given its time once more. */
  again: boolean;
  reject(error: Error): void;
}

/** No answer in time, twice, but this process was late both times: not the store's fault. */
export class ProcessLate extends StoreUnavailable {}

/** How long to wait for a store. One timer serves all that wait. */
export class Deadline {
  /** In the order of `until`. */
  readonly #waits = new Set<Wait>();
  #armed = false;
  #due = 0;
  #several = false;
  #crowded = false;

  /** @param ms more than 0 */
  constructor(readonly ms: number) {}

  /** Whether anybody waits, or several did when last somebody waited: more may be asked soon. */
  get crowded(): boolean {
    return this.#crowded || this.#waits.size > 0;
  }

  /**
   * Settles with what `read` makes of the answer to `ask`, or as `fail` does with its error or
   * that of the deadline; what comes later is dropped.
   */
  within<Answer, Result>(
    ask: (patience: Patience) => Promise<Answer>,
    read: (answer: Answer) => Result | Promise<Result>,
    fail: (error: unknown) => Result | Promise<Result>,
  ): Promise<Result> {
    return new Promise((resolve, reject) => {
      const settle = <T>(how: (value: T) => Result | Promise<Result>, value: T) => {
        try {
          resolve(how(value));
        } catch (error) {
          reject(error);
        }
      };
      const wait: Wait = {
        until: now() + this.ms,
        late: false,
        again: false,
        reject: (error) => settle(fail, error),
      };
      const asked = ask(wait);
      this.#begin(wait);
      asked.then(
        (answer) => {
          if (this.#end(wait)) settle(read, answer);
        },
        (error: unknown) => {
          if (this.#end(wait)) settle(fail, error);
        },
      );
    });
  }

  #begin(wait: Wait): void {
    this.#waits.add(wait);
    if (this.#waits.size > 1) this.#several = true;
    if (!this.#armed) this.#arm(this.ms);
  }

  /** Whether somebody still waited. */
  #end(wait: Wait): boolean {
    if (!this.#waits.delete(wait)) return false;
    if (this.#waits.size > 0) return true;
    this.#crowded = this.#several;
    this.#several = false;
    return true;
  }

  /** It is the client that keeps the process running while somebody waits. */
  #arm(remaining: number): void {
    const ms = Math.ceil(Math.max(0, Math.min(remaining, this.ms / LOOKS)));
    this.#armed = true;
    this.#due = now() + ms;
    setTimeout(() => this.#look(), ms).unref();
  }

  #look(): void {
    this.#armed = false;
    const at = now();
    if (at - this.#due > SLACK_MS) {
      for (const wait of this.#waits) wait.late = true;
    }
    // What lies in the sockets is read before the clock counts: sockets come between timers and this.
    if (this.#remaining(at) <= 0) setImmediate(() => this.#expire(at));
    else if (this.#waits.size > 0) this.#arm(this.#remaining(at));
  }

  /** How long whoever has waited longest still has. */
  #remaining(at: number): number {
    for (const { until } of this.#waits) return until - at;
    return Infinity;
  }

  #expire(at: number): void {
    for (const wait of this.#waits) {
      if (wait.until > at) break;
      this.#end(wait);
      if (wait.late && !wait.again) {
        wait.again = true;
        wait.late = false;
        wait.until = now() + this.ms;
        this.#begin(wait);
      } else {
        const Reason = wait.late ? ProcessLate : StoreUnavailable;
        wait.reject(new Reason(`Redis must answer within ${this.ms} ms, and did not`));
      }
    }
    if (!this.#armed && this.#waits.size > 0) this.#arm(this.#remaining(now()));
  }
}

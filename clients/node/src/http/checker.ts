/** What an adapter asks about a request, of whatever kind the limit is. */

import type { StoreLimiter } from '../limiter.js';
import type { Outcome } from '../outcome.js';
import type { RawRequest } from './placing.js';

export interface Checker<Request> {
  readonly limiter: StoreLimiter;
  /** Whether it holds requests as long as LEAKY limits ask. */
  readonly waits: boolean;
  /** Whether its charges may be settled. */
  readonly settles: boolean;
  /** Whether an allowed request holds a place until its answer has ended. */
  readonly holdsPlace: boolean;
  /** Whether the framework identifies requests, perhaps by X-Forwarded-For. */
  readonly asksFramework: boolean;
  /**
   * The outcome; null where it is not limited; nothing where this limit is not for the request, or
   * has charged it already. Rejects with what the functions of the options throw, or `check` does.
   *
   * @param raw the same object for all limits of the request
   * @param template of the route that it reached, if any
   */
  check(
    request: Request,
    raw: RawRequest,
    template: (request: Request) => string | null,
  ): Promise<Outcome | null> | undefined;
}

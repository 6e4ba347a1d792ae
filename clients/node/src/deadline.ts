/** A deadline of our own: not every client's timeout works once a command is written. */

import { StoreUnavailable } from './errors.js';

/** Settles as `work` does, or rejects after `ms`; what `work` comes to later is dropped. */
export function withDeadline<T>(work: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(expire, ms, reject, ms);
    work.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

/** A busy process reads its sockets late: a reply that has arrived by now still counts. */
function expire(reject: (error: Error) => void, ms: number): void {
  setImmediate(() => reject(new StoreUnavailable(`The store did not answer within ${ms} ms`)));
}

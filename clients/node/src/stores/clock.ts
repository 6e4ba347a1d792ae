/**
 * Node's timers and clock as they are when this package is loaded, so that an application's tests,
 * which fake them later, neither stop a check nor leave its client holding back what it writes.
 */

import * as timers from 'node:timers';

export const { clearInterval, clearTimeout, setImmediate, setInterval, setTimeout } = timers;

/** Milliseconds on a clock that never steps back. */
export const now: () => number = performance.now.bind(performance);

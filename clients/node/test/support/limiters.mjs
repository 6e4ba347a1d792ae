// Limiters for tests in which no outage is meant: a machine that is busy is none.
import { createLimiter } from 'redis-rl';

/** How long a busy machine may take. */
export const PATIENCE_MS = 20_000;

/** A limiter that waits for answers as long as it takes, unless `options` say otherwise. */
export function patient(options) {
  return createLimiter({ timeoutMs: PATIENCE_MS, connectTimeoutMs: PATIENCE_MS, ...options });
}

/** Source of an example, with limiters that are as patient. */
export function patiently(source) {
  const times = `timeoutMs: ${PATIENCE_MS}, connectTimeoutMs: ${PATIENCE_MS}, `;
  return source.replaceAll('createLimiter({ ', `createLimiter({ ${times}`);
}

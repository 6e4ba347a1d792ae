/** Rate limits that Redis or Valkey decides, with the redis-rl module. */

export { ipKey } from './addresses.js';
export type { RedisClient } from './clients/store.js';
export {
  CannotIdentify,
  ConfigurationError,
  isUnavailable,
  ModuleNotLoaded,
  StoreMisconfigured,
  StoreUnavailable,
} from './errors.js';
export { type Fields, fieldsOf, type Legacy } from './headers.js';
export { Subject } from './keys.js';
export { type Check, type CheckOptions, createLimiter, type Limiter } from './limiter.js';
export { type Algorithm, Limit, type LimitLike, type Limits } from './limits.js';
export type { LimiterOptions, Logger, OnError } from './options.js';
export type { Decision, Outcome } from './outcome.js';
export { PROBLEM_TYPE, quotaExceeded } from './problem.js';

/** Rate limits in Redis or Valkey, with the redis-rl module. */

export {
  CannotIdentify,
  ConfigurationError,
  isUnavailable,
  isUnidentified,
  ModuleNotLoaded,
  StoreMisconfigured,
  StoreUnavailable,
} from './errors.js';
export { type Fields, fieldsOf, type Legacy } from './http/headers.js';
export { PROBLEM_TYPE, type Problem, problemOf, quotaExceeded } from './http/problem.js';
export type { AllOutcome, NamedOutcome, RequestOutcome } from './checks/all.js';
export type { Lease } from './checks/places.js';
export type { Reservation } from './checks/charge.js';
export { ipKey } from './keys/addresses.js';
export { Subject, type SubjectOptions, WholeKey, type Who } from './keys/subjects.js';
export {
  type AllCheck,
  type AllOptions,
  type Check,
  type CheckOptions,
  createLimiter,
  type KeyOptions,
  type LeaseOptions,
  type Limiter,
  type ReserveOptions,
} from './limiter.js';
export type { Ban } from './limits/ban.js';
export type { Algorithm } from './limits/grammar.js';
export { type BanOptions, Limit, type LimitLike, type Limits } from './limits/limit.js';
export type { Policy } from './limits/policy.js';
export type { LimiterOptions, Logger, OnError } from './options/limiter.js';
export type { Decision, Outcome, Verdict } from './outcome.js';
export type { RedisClient } from './stores/types.js';

/** What can go wrong besides a refusal. */

/** Why a request could not be decided. The same in the ESM and the CommonJS build, unlike a class. */
export type UnavailableCode = 'RL_STORE_UNAVAILABLE' | 'RL_MISCONFIGURED' | 'RL_MODULE_NOT_LOADED';

/** A wrong option, limit, name or key. Thrown where it is written, never later. */
export class ConfigurationError extends TypeError {
  override readonly name = 'ConfigurationError';
  readonly code = 'RL_CONFIGURATION';
}

/** The store did not decide within the deadline: unreachable, hung, loading, out of memory. */
export class StoreUnavailable extends Error {
  override readonly name: string = 'StoreUnavailable';
  readonly code: UnavailableCode = 'RL_STORE_UNAVAILABLE';
  /** The HTTP status that it deserves. */
  readonly status = 503;
}

/** The store answered with an error that passes by itself, such as LOADING or OOM. */
export class StoreRefused extends StoreUnavailable {}

/** The store answers, but will not decide until somebody changes its set-up; no mode serves then. */
export class StoreMisconfigured extends StoreUnavailable {
  override readonly name: string = 'StoreMisconfigured';
  override readonly code: UnavailableCode = 'RL_MISCONFIGURED';
}

/** The server runs without the redis-rl module. */
export class ModuleNotLoaded extends StoreMisconfigured {
  override readonly name: string = 'ModuleNotLoaded';
  override readonly code: UnavailableCode = 'RL_MODULE_NOT_LOADED';
}

/** Nobody knows who is asking. There is no bucket for the unknown: 400, in every mode. */
export class CannotIdentify extends Error {
  override readonly name = 'CannotIdentify';
  readonly code = 'RL_CANNOT_IDENTIFY';
  /** The HTTP status that it deserves. */
  readonly status = 400;
}

const UNAVAILABLE = new Set<unknown>([
  'RL_STORE_UNAVAILABLE',
  'RL_MISCONFIGURED',
  'RL_MODULE_NOT_LOADED',
] satisfies UnavailableCode[]);

/** Whether `error` says that no decision could be made, so that 503 is the answer. */
export function isUnavailable(error: unknown): error is StoreUnavailable {
  return error instanceof Error && UNAVAILABLE.has((error as { code?: unknown }).code);
}

/** Whether `error` says that nobody knows who is asking, so that 400 is the answer. */
export function isUnidentified(error: unknown): error is CannotIdentify {
  return error instanceof Error && (error as { code?: unknown }).code === 'RL_CANNOT_IDENTIFY';
}

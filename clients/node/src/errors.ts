/** What can go wrong, other than a denial. */

/** Why a check has no outcome. The same in the ESM and the CommonJS build, unlike a class. */
export type UnavailableCode = 'RL_STORE_UNAVAILABLE' | 'RL_MISCONFIGURED' | 'RL_MODULE_NOT_LOADED';

/** An invalid option, limit, name or key. Thrown where it is written, never later. */
export class ConfigurationError extends TypeError {
  override readonly name = 'ConfigurationError';
  readonly code = 'RL_CONFIGURATION';
}

/** The store gave no answer in time: unreachable, hung, loading, out of memory. */
export class StoreUnavailable extends Error {
  override readonly name: string = 'StoreUnavailable';
  readonly code: UnavailableCode = 'RL_STORE_UNAVAILABLE';
  /** The HTTP status to answer. */
  readonly status = 503;
}

/** The store answered with an error that passes by itself, such as LOADING or OOM. */
export class StoreRefused extends StoreUnavailable {}

/** The store refuses until somebody changes its configuration; no mode serves then. */
export class StoreMisconfigured extends StoreUnavailable {
  override readonly name: string = 'StoreMisconfigured';
  override readonly code: UnavailableCode = 'RL_MISCONFIGURED';
}

/** The server runs without the redis-rl module. */
export class ModuleNotLoaded extends StoreMisconfigured {
  override readonly name: string = 'ModuleNotLoaded';
  override readonly code: UnavailableCode = 'RL_MODULE_NOT_LOADED';
}

/** The client cannot be identified. There is no shared bucket for strangers: 400, in every mode. */
export class CannotIdentify extends Error {
  override readonly name = 'CannotIdentify';
  readonly code = 'RL_CANNOT_IDENTIFY';
  /** The HTTP status to answer. */
  readonly status = 400;
}

const UNAVAILABLE = new Set<unknown>([
  'RL_STORE_UNAVAILABLE',
  'RL_MISCONFIGURED',
  'RL_MODULE_NOT_LOADED',
] satisfies UnavailableCode[]);

/** Whether `error` says that a check has no outcome, so that 503 is the answer. */
export function isUnavailable(error: unknown): error is StoreUnavailable {
  return error instanceof Error && UNAVAILABLE.has((error as { code?: unknown }).code);
}

/** Whether `error` says that the client cannot be identified, so that 400 is the answer. */
export function isUnidentified(error: unknown): error is CannotIdentify {
  return error instanceof Error && (error as { code?: unknown }).code === 'RL_CANNOT_IDENTIFY';
}

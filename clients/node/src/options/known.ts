/** Refuses options that do not exist: ignoring one could leave a route without a limit. */

import { ConfigurationError } from '../errors.js';

/** What to use instead of the options of other packages. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  windowms: "limits, as in limits: '5/minute'",
  timewindow: "limits, as in limits: '5/minute'",
  max: "limits, as in limits: '5/minute'",
  limit: "limits, as in limits: '5/minute'",
  points: "limits, as in limits: '5/minute'",
  duration: "limits, as in limits: '5/minute'",
  rate: "limits, as in limits: '5/minute'",
  keygenerator: 'key',
  keyfunc: 'key',
  identifier: 'key',
  skip: 'exempt',
  allowlist: 'exempt',
  whitelist: 'exempt',
  exemptwhen: 'exempt',
  store: 'client of createLimiter',
  redis: 'client of createLimiter',
  redisclient: 'client of createLimiter',
  storeclient: 'client of createLimiter',
  url: 'client of createLimiter, as in client: new Redis(url)',
  message: 'handler',
  statuscode: 'handler',
  errorresponsebuilder: 'handler',
  onexceeded: 'handler, or onDecision of createLimiter',
  onexceeding: 'onDecision of createLimiter',
  onlimitreached: 'handler, or onDecision of createLimiter',
  onbanreach: 'onDecision of createLimiter',
  standardheaders:
    "nothing, as headers are always sent (draft 6: legacy: 'draft6' of createLimiter)",
  legacyheaders: "legacy of createLimiter: 'delta' or 'epoch'",
  headers: 'nothing, as headers are always sent',
  addheaders: 'nothing, as headers are always sent',
  addheadersonexceeding: 'nothing, as headers are always sent',
  enabledraftspec: "legacy: 'draft6' of createLimiter",
  requestpropertyname: 'request.rateLimit, which has the outcome',
  identifiername: 'name',
  groupid: 'name',
  namespace: 'prefix of createLimiter',
  keyprefix: 'prefix of createLimiter',
  ipv6subnet: 'ipv6Prefix of createLimiter',
  passonstoreerror: "onError: 'open'",
  skiponerror: "onError: 'open'",
  insurancelimiter: "onError: 'open'",
  global: 'limits: leave it out of register() for limits of single routes only',
  cache: 'nothing, as everything is in Redis',
  timeout: 'timeoutMs of createLimiter',
  trustproxy: 'trustedProxies of createLimiter',
  validate: 'nothing, as options are always validated',
  skipsuccessfulrequests: 'countIf, as in countIf: (res) => res.statusCode >= 400',
  skipfailedrequests: 'countIf, as in countIf: (res) => res.statusCode < 400',
  requestwassuccessful: 'countIf, as in countIf: (res) => res.statusCode >= 400',
  deductwhen: 'countIf, as in countIf: (res) => res.statusCode >= 400',
  inmemoryblockonconsumed: 'denyCache of createLimiter',
  inmemoryblockduration: 'denyCache of createLimiter',
  ephemeralcache: 'denyCache of createLimiter',
  maxqueuesize: 'maxWait',
  maxwaitms: 'maxWait, in seconds',
  retries: 'retry',
  maxretries: 'retry',
  blockduration: "a ban in limits, as in limits: '5/minute; ban 15m after 20/minute'",
  ban: "a ban in limits, as in limits: '5/minute; ban 15m after 20/minute'",
  shadow: "shadow in limits, as in limits: '100/minute; shadow 20/minute'",
  dryrun: "shadow in limits, as in limits: '100/minute; shadow 20/minute'",
};

/** The options that something takes. */
export interface KnownOptions {
  /** @throws ConfigurationError for one that does not exist, with the right spelling */
  check(given: unknown): void;
}

const all: { of: string; names: readonly string[] }[] = [];

/**
 * Options by their names, which the compiler compares with `Options`.
 *
 * @param of whose they are, as in `createLimiter`
 */
export function knownOptions<Options>(
  of: string,
  options: Readonly<Record<keyof Options, true>>,
): KnownOptions {
  const names = Object.keys(options);
  const known = new Set(names);
  all.push({ of, names });
  return {
    check(given) {
      if (typeof given !== 'object' || given === null) {
        throw new ConfigurationError(
          `the options of ${of} must be an object, not ${given === null ? 'null' : `of type ${typeof given}`}`,
        );
      }
      for (const name in given) {
        if (!known.has(name)) throw new ConfigurationError(unknown(name, of, names));
      }
    },
  };
}

function unknown(name: string, of: string, names: readonly string[]): string {
  const plain = plainly(name);
  const right =
    names.find((each) => plainly(each) === plain) ??
    ELSEWHERE[plain] ??
    elsewhere(name) ??
    names.find((each) => isNear(plainly(each), plain));
  const hint = right === undefined ? `its options are ${names.join(', ')}` : `use ${right}`;
  return `${of} has no option ${name}: ${hint}`;
}

function elsewhere(name: string): string | undefined {
  const other = all.find(({ names }) => names.includes(name));
  return other && `${name} of ${other.of}`;
}

function plainly(name: string): string {
  return name.replace(/[_-]/g, '').toLowerCase();
}

/** Whether at most two changed letters turn one into the other. */
function isNear(a: string, b: string): boolean {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(changed, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return (row[b.length] as number) <= 2 && Math.min(a.length, b.length) > 2;
}

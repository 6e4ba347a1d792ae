/** Limits of several subjects of a request, all or nothing. */

import { type AllOutcome, checkCounts, checkGroups, type NamedOutcome } from '../checks/all.js';
import { reservable } from '../checks/charge.js';
import type { Group } from '../checks/commands.js';
import { JointCharge } from '../checks/joint.js';
import { checkMaxWait } from '../checks/lines.js';
import { isUnidentified } from '../errors.js';
import { readMethods, scopeOf } from '../keys/scope.js';
import { readWho, Subject, type SubjectOptions } from '../keys/subjects.js';
import type { StoreLimiter } from '../limiter.js';
import { checkCost } from '../options/cost.js';
import { knownOptions } from '../options/known.js';
import { checkBoolean, checkFunction, checkOnError, wrong } from '../options/limiter.js';
import type { Outcome } from '../outcome.js';
import type { Checker } from './checker.js';
import { clientOf, type HttpRequest, whenGone } from './client.js';
import { keyAt, metBy, pass, type Placed, type RawRequest } from './placing.js';
import {
  checkLimiter,
  checkSettling,
  type ReadOptions,
  readRoute,
  type RouteOptions,
} from './route-options.js';
import { isCharged } from './stack.js';

/** One of the subjects. Its name is that of its limits, in headers and keys. */
export type SubjectLimits<Request> = Pick<RouteOptions<Request>, 'limits' | 'key' | 'cost'>;

/** The subjects of a request, by their names. */
export type Subjects<Request> = Readonly<Record<string, SubjectLimits<Request>>>;

/** What is said once for all subjects. */
export interface AllRouteOptions<Request> extends Pick<
  RouteOptions<Request>,
  'methods' | 'exempt' | 'onError' | 'retry' | 'reserve' | 'maxWait' | 'wait'
> {
  /** Has all keys share a slot of a cluster, where it must be given: text, or by the request. */
  slot?: string | ((request: Request) => string | Promise<string>);
}

const SUBJECT = knownOptions<SubjectLimits<never>>('a subject of limitAll', {
  limits: true,
  key: true,
  cost: true,
});

/** For the lists of options of each framework. */
export const ALL_OPTIONS = {
  methods: true,
  exempt: true,
  onError: true,
  retry: true,
  reserve: true,
  maxWait: true,
  wait: true,
  slot: true,
} as const;

interface Member<Request> extends Placed {
  readonly name: string;
  readonly options: ReadOptions<Request>;
}

export class AllRoute<Request extends HttpRequest> implements Checker<Request> {
  readonly limiter: StoreLimiter;
  readonly waits: boolean;
  readonly settles: boolean;
  readonly holdsPlace = false;
  readonly #members: readonly Member<Request>[];
  readonly #methods: ReadonlySet<string> | null;
  readonly #options: AllRouteOptions<Request>;
  readonly #maxWaitMs: number | undefined;

  /**
   * @param counts whether only some answers count
   * @throws ConfigurationError for wrong and unknown options
   */
  constructor(
    limiter: unknown,
    subjects: Subjects<Request>,
    options: AllRouteOptions<Request>,
    counts = false,
  ) {
    this.limiter = checkLimiter(limiter);
    this.#members = readSubjects(this.limiter, subjects);
    const { slot, exempt, onError, retry = false, reserve = false, wait = false } = options;
    const { maxWait } = options;
    this.#maxWaitMs = maxWait === undefined ? undefined : checkMaxWait(maxWait);
    if (exempt !== undefined) checkFunction('exempt', exempt);
    if (onError !== undefined) checkOnError(onError);
    checkBoolean('retry', retry);
    this.settles = checkSettling(counts, reserve);
    if (slot !== undefined && typeof slot !== 'function' && (typeof slot !== 'string' || !slot)) {
      throw wrong('slot', slot, 'text that is not empty, or a function');
    }
    this.limiter.checkSlot(slot, this.#members.length);
    this.waits = checkBoolean('wait', wait);
    this.#methods = readMethods(options.methods);
    this.#options = options;
  }

  get asksFramework(): boolean {
    const byAddress = this.#members.some(({ options }) => options.key === undefined);
    return byAddress && this.limiter.settings.proxies === undefined;
  }

  check(request: Request, raw: RawRequest): Promise<Outcome | null> | undefined {
    if (!this.limiter.settings.enabled) return undefined;
    const stack = metBy(raw);
    if (this.#members.some((member) => isCharged(stack, member))) return undefined;
    if (scopeOf(request.method, null, '', this.#methods) === null) {
      for (const member of this.#members) this.#pass(request, raw, member);
      return undefined;
    }
    return this.#ask(request, raw);
  }

  async #ask(request: Request, raw: RawRequest): Promise<NamedOutcome | null> {
    const { exempt, slot, onError, retry = false, reserve = false } = this.#options;
    const isExempt = exempt !== undefined && (await exempt(request));
    try {
      const tag = typeof slot === 'function' ? await slot(request) : slot;
      const names: string[] = [];
      const groups: Group[] = [];
      for (const member of this.#members) {
        const group = isExempt ? null : await this.#groupOf(request, raw, member, tag);
        if (group === null) this.#pass(request, raw, member, tag);
        else {
          names.push(member.name);
          groups.push(group);
        }
      }
      if (groups.length === 0) return null;
      checkGroups(groups);
      const outcome = await this.limiter.askAll(groups, {
        mode: onError,
        retry,
        settles: this.settles,
        ...this.#waits(request),
      });
      if (reserve) outcome.each.forEach(reservable);
      const named = byName(outcome, names);
      if (this.settles) JointCharge.made(named, this.limiter.log);
      return named;
    } catch (error) {
      if (isUnidentified(error)) this.limiter.unidentified(error);
      throw error;
    }
  }

  /** How long it waits in line, unless the client goes away. */
  #waits(request: Request) {
    const maxWaitMs = this.#maxWaitMs;
    if (maxWaitMs === undefined) return {};
    return { maxWaitMs, onGone: (gone: () => void) => whenGone(request.socket, gone) };
  }

  /** What a subject is charged; null where it is not limited. */
  async #groupOf(
    request: Request,
    raw: RawRequest,
    member: Member<Request>,
    slot: string | undefined,
  ): Promise<Group | null> {
    const { key, cost, setOf } = member.options;
    const client = (options?: SubjectOptions) =>
      Subject.ip(clientOf(request, this.limiter.settings.proxies), options);
    const answer = key === undefined ? client() : await key(request, client);
    if (answer === null) return null;
    const who = readWho(answer, 'what a key function returns');
    const set = await setOf(request, who);
    if (set === null) return null;
    const price = typeof cost === 'function' ? checkCost(await cost(request)) : cost;
    const limiters = this.limiter.policies.limitersOf(set);
    const where = { limit: member, scope: scopeAt(request, member), named: true, limiters, slot };
    return { key: keyAt(raw, this.limiter, where, who), set, cost: price };
  }

  #pass(request: Request, raw: RawRequest, member: Member<Request>, slot?: string): void {
    const limiters = member.options.limiters();
    const where = { limit: member, scope: scopeAt(request, member), named: true, limiters, slot };
    pass(raw, this.limiter, where);
  }
}

function scopeAt({ method }: HttpRequest, { name }: { name: string }): string {
  return scopeOf(method, null, name, null) as string;
}

function readSubjects<Request>(
  limiter: StoreLimiter,
  subjects: Subjects<Request>,
): Member<Request>[] {
  if (typeof subjects !== 'object' || subjects === null) {
    throw wrong('subjects', subjects, "an object, as in { user: { limits: '10/minute', key } }");
  }
  const members = Object.entries(subjects).map(([name, own]) => {
    SUBJECT.check(own);
    return { name, label: `'${name}'`, options: readRoute<Request>(limiter, { ...own, name }) };
  });
  const items = members.map(({ options }) => options.set?.limits.length ?? 1);
  checkCounts(
    members.length,
    items.reduce((sum, each) => sum + each, 0),
  );
  return members;
}

function byName(outcome: AllOutcome, names: readonly string[]): NamedOutcome {
  const each = Object.fromEntries(names.map((name, at) => [name, outcome.each[at] as Outcome]));
  return { ...outcome, each };
}

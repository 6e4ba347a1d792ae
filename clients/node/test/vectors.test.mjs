// Holds this helper to what all helpers share.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ipKey, TrustedProxies } from '../dist/esm/addresses.js';
import {
  CannotIdentify,
  ConfigurationError,
  classify,
  ModuleNotLoaded,
  StoreMisconfigured,
} from '../dist/esm/errors.js';
import { fieldsOf, merged } from '../dist/esm/headers.js';
import { encodeField, Subject } from '../dist/esm/keys.js';
import { readOutcome } from '../dist/esm/outcome.js';
import { makePlan } from '../dist/esm/plan.js';
import { quotaExceeded } from '../dist/esm/problem.js';

const vectors = JSON.parse(readFileSync(new URL('../../vectors.json', import.meta.url), 'utf8'));

/** One test per case of a list; a list that is empty or gone is a failure, too. */
function each(list, run) {
  test(list, async (t) => {
    assert.ok(vectors[list].length > 0);
    for (const vector of vectors[list]) {
      await t.test(vector.case, () => run(vector));
    }
  });
}

each('limits', ({ spec, clauses, periods_ms, error }) => {
  if (error) return assert.throws(() => makePlan(spec), ConfigurationError);
  const { limits, words } = makePlan(spec);
  assert.deepEqual(words, clauses.flat());
  assert.deepEqual(
    limits.map((limit) => limit.words),
    clauses,
  );
  assert.deepEqual(
    limits.map((limit) => limit.periodMs),
    periods_ms,
  );
});

each('policies', ({ spec, name, policies, error }) => {
  const make = () => makePlan(spec, name ?? undefined);
  if (error) return assert.throws(make, ConfigurationError);
  const { names, windows, limits } = make();
  const made = names.map((name, at) => ({ name, q: limits[at].quota, w: windows[at] }));
  assert.deepEqual(made, policies);
});

each('keys', ({ prefix, scope, kind, subject, ipv6_prefix, key, error }) => {
  const make = () => {
    const who = { ip: Subject.ip, user: Subject.user, key: Subject.apiKey }[kind](subject);
    const start = `${encodeField(prefix)}:${encodeField(scope)}`;
    return `${start}:${who.kind}:${who.field(ipv6_prefix ?? 64)}`;
  };
  if (error) assert.throws(make);
  else assert.equal(make(), key);
});

each('clients', ({ peer, forwarded_for, trusted_proxies, ipv6_prefix, subject, error }) => {
  const find = () => {
    const proxies = new TrustedProxies(trusted_proxies);
    return ipKey(proxies.client(peer ?? undefined, forwarded_for.join(', ')), ipv6_prefix);
  };
  if (error) {
    assert.throws(find, error === 'config' ? ConfigurationError : CannotIdentify);
  } else assert.equal(find(), subject);
});

each('outcomes', (vector) => {
  const { spec, name, cost, reply, now_ms } = vector;
  const plan = makePlan(spec, name ?? undefined);
  const outcome = readOutcome(reply, plan, 'key', cost);
  assert.deepEqual(asShared(outcome), inSeconds(vector.outcome));
  const plain = fieldsOf(outcome);
  assert.deepEqual(lowered(plain), lowered(Object.entries(vector.headers)));
  for (const legacy of ['delta', 'epoch', 'draft6']) {
    const besides = fieldsOf(outcome, legacy, now_ms).slice(plain.length);
    assert.deepEqual(
      lowered(besides),
      lowered(Object.entries(vector[`headers_${legacy}`])),
      legacy,
    );
  }
  if (vector.body) assert.deepEqual(JSON.parse(quotaExceeded(outcome)), vector.body);
});

each('merges', ({ headers, spec, name, reply, sent }) => {
  const plan = makePlan(spec, name ?? undefined);
  const outcome = readOutcome(reply, plan, 'key', 1);
  const all = lowered(Object.entries(headers));
  for (const [field, ours] of fieldsOf(outcome)) {
    all[field.toLowerCase()] = merged(field, all[field.toLowerCase()], ours);
  }
  assert.deepEqual(all, lowered(Object.entries(sent)));
});

each('replies', ({ reply }) => {
  assert.throws(() => readOutcome(reply, makePlan('5/minute'), 'key', 1), StoreMisconfigured);
});

each('errors', ({ message, class: expected }) => {
  const error = classify(Object.assign(new Error(message), { name: 'ReplyError' }));
  const found =
    error instanceof ModuleNotLoaded
      ? 'missing_module'
      : error instanceof StoreMisconfigured
        ? 'configuration'
        : 'transient';
  assert.equal(found, expected);
});

function lowered(fields) {
  return Object.fromEntries(fields.map(([name, value]) => [name.toLowerCase(), value]));
}

/** An expected outcome with its times as this helper has them. */
function inSeconds(value) {
  if (Array.isArray(value)) return value.map(inSeconds);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).map(([name, member]) => {
    if (!name.endsWith('_ms')) return [name, inSeconds(member)];
    return [name.slice(0, -3), member === null ? null : member / 1000];
  });
  return Object.fromEntries(entries);
}

function asShared(outcome) {
  return {
    ...times(outcome),
    remaining: outcome.remaining,
    tightest: outcome.tightest.policy,
    decisions: outcome.decisions.map((decision) => ({
      ...times(decision),
      policy: decision.policy,
      limit: decision.limit,
      remaining: decision.remaining,
    })),
  };
}

function times({ allowed, retryAfter, resetAfter, wait }) {
  return { allowed, retry_after: retryAfter, reset_after: resetAfter, wait };
}

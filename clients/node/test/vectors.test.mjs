// Holds this helper to what all helpers share.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Charge } from '../dist/esm/checks/charge.js';
import { allCommand, limitCommand, limitCommandWithId } from '../dist/esm/checks/commands.js';
import { idOf } from '../dist/esm/checks/ids.js';
import { estimateMs } from '../dist/esm/checks/lines.js';
import { Place, readPlace, readPlaces } from '../dist/esm/checks/places.js';
import {
  CannotIdentify,
  ConfigurationError,
  ModuleNotLoaded,
  StoreMisconfigured,
} from '../dist/esm/errors.js';
import { fieldsOf, merged } from '../dist/esm/http/headers.js';
import { quotaExceeded } from '../dist/esm/http/problem.js';
import { isCharged, place } from '../dist/esm/http/stack.js';
import { ipKey, TrustedProxies } from '../dist/esm/keys/addresses.js';
import { readMethods, scopeOf } from '../dist/esm/keys/scope.js';
import { encodeField, prefixField, Subject } from '../dist/esm/keys/subjects.js';
import { limitSetOf } from '../dist/esm/limits/limit-set.js';
import { PolicyBook } from '../dist/esm/limits/policy-book.js';
import { quotasOf, readOutcome } from '../dist/esm/outcome.js';
import { classify } from '../dist/esm/stores/classify.js';

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
  if (error) return assert.throws(() => limitSetOf(spec), ConfigurationError);
  const { limits, words } = limitSetOf(spec);
  assert.deepEqual(words, clauses.flat());
  assert.deepEqual(
    limits.map((limit) => limit.words),
    clauses,
  );
  assert.deepEqual(
    limits.map((limit) => limit.periodMs ?? null),
    periods_ms,
  );
});

/** What RL.POLICY GET last answered. */
function bookOf(set, server = {}) {
  const book = new PolicyBook();
  for (const policy of set.policies) {
    if (server[policy.policy]) book.learn(policy, server[policy.policy]);
  }
  return book;
}

each('policies', ({ spec, name, server, policies, ban, error }) => {
  const make = () => limitSetOf(spec, name ?? undefined);
  if (error) return assert.throws(make, ConfigurationError);
  const set = make();
  const book = bookOf(set, server);
  const quotas = set.limits.flatMap((item) => {
    if (!item.policy) return item.shadow ? [] : [item.quota];
    const rows = server[item.policy].filter((clause) => !clause.startsWith('SHADOW'));
    return rows.map((clause) => Number(clause.split(' ')[1]));
  });
  const { labels, fits } = book.labelsOf(set, quotas);
  const made = ({ name, window, limit }) => ({ name, q: limit.quota, w: window });
  const [bans, limits] = [true, false].map((is) => labels.filter(({ isBan }) => isBan === is));
  assert.deepEqual([limits.map(made), fits], [policies, true]);
  assert.deepEqual(bans.map(made), ban ? [ban] : []);
});

each('scopes', ({ method, template, name, methods, scope, error }) => {
  const find = () => scopeOf(method, template, name, readMethods(methods ?? undefined));
  if (error) return assert.throws(find, /methods: \['POST'\]/);
  assert.equal(find(), scope);
});

each('stacks', ({ limits, server, scopes, error }) => {
  const objects = {};
  let stack;
  const placed = limits.map(({ id, spec, scope, named, subject }, at) => {
    const limit = (objects[id] ??= {});
    if (isCharged(stack, limit)) return null;
    const set = limitSetOf(spec);
    const limiters = bookOf(set, server).limitersOf(set);
    const found = place(stack, { limit, scope, named, subject, limiters }, (each) => `${each}:`);
    if (found === null) {
      assert.deepEqual([error, at], ['config', limits.length - 1]);
      return null;
    }
    stack = found;
    return found.key && found.key.slice(0, -`:${subject}`.length);
  });
  if (!error) assert.deepEqual(placed, scopes);
  else assert.equal(placed.at(-1), null);
});

each('keys', ({ prefix, slot, scope, kind, subject, ipv6_prefix, key, error }) => {
  const make = () => {
    const known = { ip: Subject.ip, user: Subject.user, key: Subject.apiKey };
    const who = known[kind]?.(subject) ?? Subject.of(kind, subject);
    const start = `${prefixField(prefix, slot)}:${encodeField(scope)}`;
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
  const { spec, name, cost, reply, now_ms, server } = vector;
  const set = limitSetOf(spec, name ?? undefined);
  const { labels } = bookOf(set, server).labelsOf(set, quotasOf(reply));
  const outcome = readOutcome(reply, labels, 'key', cost);
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
  const set = limitSetOf(spec, name ?? undefined);
  const outcome = readOutcome(reply, set.labels, 'key', 1);
  const all = lowered(Object.entries(headers));
  for (const [field, ours] of fieldsOf(outcome)) {
    all[field.toLowerCase()] = merged(field, all[field.toLowerCase()], ours);
  }
  assert.deepEqual(all, lowered(Object.entries(sent)));
});

each('settled', ({ spec, name, cost, reply, actual, server, remaining, RateLimit }) => {
  const set = limitSetOf(spec, name ?? undefined);
  const { labels } = bookOf(set, server).labelsOf(set, quotasOf(reply));
  const charged = readOutcome(reply, labels, 'key', cost);
  const sent = [];
  Charge.made(charged, labels, 'id', async (command) => sent.push(command), {});
  const charge = Charge.of(charged);
  return charge.settle(actual).then(() => {
    assert.deepEqual(sent[0], {
      name: 'RL.SETTLE',
      key: 'key',
      rest: ['id', `${actual}`],
      repeatable: true,
    });
    assert.equal(charge.outcome.remaining, remaining);
    assert.equal(Object.fromEntries(fieldsOf(charge.outcome)).RateLimit, RateLimit);
  });
});

each('ids', ({ bytes, id }) => assert.equal(idOf(Buffer.from(bytes, 'hex')), id));

each('commands', ({ groups, id, keep, all, words }) => {
  const made = groups.map(({ key, spec, cost }) => ({ key, set: limitSetOf(spec), cost }));
  const [{ key, set, cost }] = made;
  const command = all
    ? allCommand(made, id ?? undefined, keep)
    : id === null
      ? limitCommand(key, set, cost)
      : limitCommandWithId(made[0], id, keep);
  assert.deepEqual([command.name, command.key, ...command.rest], words);
  assert.equal(command.repeatable ?? false, command.rest.includes('ID'));
});

each('leases', ({ limit, lease, name, words, reply, headers, body, error }) => {
  const make = () => readPlaces(limit, lease, name ?? undefined);
  if (error) return assert.throws(make, ConfigurationError);
  const place = new Place('k', make(), words[4], async () => 1, {});
  const { command } = place;
  assert.deepEqual([command.name, command.key, ...command.rest], words);
  const outcome = readPlace(reply, place.places, 'k');
  assert.deepEqual(lowered(fieldsOf(outcome)), lowered(Object.entries(headers)));
  if (body) assert.deepEqual(JSON.parse(quotaExceeded(outcome)), body);
});

each('lines', ({ spec, cost, wait_ms, ahead, server, estimate_ms }) => {
  const set = limitSetOf(spec);
  const limits = bookOf(set, server).limitsOf(set);
  assert.equal(estimateMs(limits, wait_ms, ahead * cost), estimate_ms);
});

each('replies', ({ reply }) => {
  assert.throws(
    () => readOutcome(reply, limitSetOf('5/minute').labels, 'key', 1),
    StoreMisconfigured,
  );
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
    tightest: outcome.tightest?.policy ?? null,
    decisions: outcome.decisions.map(verdict),
    ...(outcome.ban && { ban: verdict(outcome.ban) }),
  };
}

function verdict({ policy, limit, remaining, ...rest }) {
  return { ...times(rest), policy, limit, remaining };
}

function times({ allowed, retryAfter, resetAfter, wait }) {
  return { allowed, retry_after: retryAfter, reset_after: resetAfter, wait };
}

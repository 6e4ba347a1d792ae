// A real cluster of three, over each library: commands go where their keys are.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { createLimiter, ModuleNotLoaded, Subject } from 'redis-rl';
import { CLUSTERS } from './support/clients.mjs';
import { startCluster } from './support/servers.mjs';

let nodes;
before(async () => {
  nodes = await startCluster();
});

const calls = async () => Promise.all(nodes.map((node) => node.calls()));

async function moved() {
  const stats = await Promise.all(nodes.map((node) => node.command('INFO', 'errorstats')));
  return stats.filter((each) => /errorstat_(MOVED|ASK)/.test(each)).length;
}

for (const [library, connect] of Object.entries(CLUSTERS)) {
  test(`${library}: each command is sent once, to the node of its key`, async () => {
    const limiter = createLimiter({
      client: await connect(nodes[0].port),
      prefix: library,
      timeoutMs: 5_000,
    });
    await limiter.probe();
    for (const node of nodes) await node.command('CONFIG', 'RESETSTAT');
    const checks = Array.from({ length: 60 }, (_, id) => ({
      who: Subject.user(id),
      limits: '5/minute; 100/hour',
    }));
    const outcomes = await limiter.checkMany(checks);
    assert.ok(outcomes.every(({ remaining }) => remaining === 4));
    const shares = await calls();
    assert.equal(
      shares.reduce((sum, each) => sum + each),
      60,
    );
    assert.ok(shares.every((each) => each > 0));
    assert.equal(await moved(), 0);
    assert.equal(await limiter.reset(Subject.user(7)), true);
    assert.equal((await limiter.peek(Subject.user(7), '5/minute')).remaining, 5);
  });

  test(`${library}: a slot that moved is followed, and charged once`, async () => {
    const client = await connect(nodes[0].port);
    const limiter = createLimiter({ client, timeoutMs: 5_000 });
    const key = `moving ${library}`;
    const slot = await nodes[0].command('CLUSTER', 'KEYSLOT', key);
    assert.equal((await limiter.check(`{${key}}`, '5/minute')).remaining, 4);
    const from = nodes[Math.floor(slot / 5461)];
    const to = nodes[(nodes.indexOf(from) + 1) % 3];
    await from.command('DEL', `{${key}}`);
    const owner = await to.command('CLUSTER', 'MYID');
    for (const node of [to, from, ...nodes]) {
      await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', owner);
    }
    assert.equal((await limiter.check(`{${key}}`, '5/minute')).remaining, 4);
    assert.equal((await limiter.check(`{${key}}`, '5/minute')).remaining, 3);
  });
}

test('probe finds the one primary that runs without the module', async () => {
  const [first] = await startCluster({ without: 2 });
  for (const [library, connect] of Object.entries(CLUSTERS)) {
    const limiter = createLimiter({ client: await connect(first.port) });
    await assert.rejects(limiter.probe(5_000), ModuleNotLoaded, library);
  }
});

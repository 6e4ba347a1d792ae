// A real cluster of three, over each library: commands go where their keys are.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { createLimiter, ModuleNotLoaded, StoreUnavailable, Subject, WholeKey } from 'redis-rl';
import { CLUSTERS } from '../support/clients.mjs';
import { eventually } from '../support/eventually.mjs';
import { patient } from '../support/limiters.mjs';
import { FaultProxy } from '../support/proxy.mjs';
import { memory } from '../support/quiet.mjs';
import { startCluster } from '../support/servers.mjs';

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
    const limiter = patient({ client: await connect(nodes[0].port), prefix: library });
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
    const limiter = patient({ client });
    const key = `moving ${library}`;
    const slot = await nodes[0].command('CLUSTER', 'KEYSLOT', key);
    assert.equal((await limiter.check(new WholeKey(`{${key}}`), '5/minute')).remaining, 4);
    const from = nodes[Math.floor(slot / 5461)];
    const to = nodes[(nodes.indexOf(from) + 1) % 3];
    await from.command('DEL', `{${key}}`);
    const owner = await to.command('CLUSTER', 'MYID');
    // So that nothing which the other node has said before takes the slot back.
    await to.command('CLUSTER', 'BUMPEPOCH');
    for (const node of [to, from, ...nodes]) {
      await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', owner);
    }
    assert.equal((await limiter.check(new WholeKey(`{${key}}`), '5/minute')).remaining, 4);
    assert.equal((await limiter.check(new WholeKey(`{${key}}`), '5/minute')).remaining, 3);
  });

  test(`${library}: a charge is sent once, though its connection is lost and the client would send it again`, async () => {
    const proxies = await Promise.all(nodes.map(({ port }) => FaultProxy.before(port)));
    const addresses = Object.fromEntries(
      nodes.map(({ port }, at) => [
        `127.0.0.1:${port}`,
        { host: '127.0.0.1', port: proxies[at].port },
      ]),
    );
    const client = await connect(nodes[0].port, { addresses, redisOptions: {} });
    const limiter = createLimiter({ client, logger: memory(), timeoutMs: 3_000 });
    const key = `{lost ${library}}`;
    const other = () => limiter.check(new WholeKey(`${key}:other`), '1000/hour');
    await other();
    for (const proxy of proxies) proxy.fault = 'drop';
    const failing = assert.rejects(limiter.check(new WholeKey(key), '100/hour'), StoreUnavailable);
    await eventually(() => proxies.some(({ dropped }) => dropped > 0));
    for (const proxy of proxies) proxy.fault = 'pass';
    await failing;
    const answered = () => true;
    await eventually(() => other().then(answered, () => false));
    assert.equal((await limiter.peek(new WholeKey(key), '100/hour')).remaining, 99);
  });
}

test('probe finds the one primary that runs without the module', async () => {
  const [first] = await startCluster({ without: 2 });
  for (const [library, connect] of Object.entries(CLUSTERS)) {
    const limiter = patient({ client: await connect(first.port) });
    await assert.rejects(limiter.probe(), ModuleNotLoaded, library);
  }
});

// What an error means for other requests, and whose fault a missing answer is.
import assert from 'node:assert/strict';
import { before, beforeEach, test } from 'node:test';
import {
  createLimiter,
  ModuleNotLoaded,
  StoreMisconfigured,
  StoreUnavailable,
  WholeKey,
} from 'redis-rl';
import { LIBRARIES } from '../support/clients.mjs';
import { eventually } from '../support/eventually.mjs';
import { patient } from '../support/limiters.mjs';
import { FaultProxy } from '../support/proxy.mjs';
import { memory } from '../support/quiet.mjs';
import { MODULE, Server } from '../support/servers.mjs';

let server;
before(async () => {
  server = await Server.start();
});
beforeEach(() => server.command('FLUSHALL'));

async function through(library, port, options) {
  const proxy = await FaultProxy.before(port);
  const client = await LIBRARIES[library](proxy.port);
  const limiter = createLimiter({ client, logger: memory(), timeoutMs: 60, ...options });
  return { proxy, client, limiter };
}

function busy(ms) {
  for (const end = performance.now() + ms; performance.now() < end;);
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

for (const library of ['ioredis 6', 'node-redis 6']) {
  test(`${library}: errors that the server answers open nothing for others`, async () => {
    const client = await LIBRARIES[library](server.port);
    const limiter = patient({ client, logger: memory(), prefix: library });
    await server.command('SET', 'taken', 'x');
    await server.command('CONFIG', 'SET', 'maxmemory', 1);
    for (let times = 0; times < 9; times++) {
      await assert.rejects(limiter.check('k', '5/minute'), /OOM/);
    }
    await server.command('CONFIG', 'SET', 'maxmemory', 0);
    for (let times = 0; times < 9; times++) {
      await assert.rejects(limiter.check(new WholeKey('taken'), '5/minute'), /WRONGTYPE/);
    }
    assert.equal((await limiter.check('k', '5/minute')).remaining, 4);
  });

  test(`${library}: without the module open serves nobody, also while nothing is answered`, async () => {
    const bare = await Server.start({ module: false });
    const { proxy, limiter } = await through(library, bare.port, { onError: 'open' });
    await eventually(() =>
      limiter.check('k', '5/minute').then(
        () => false,
        (error) => error instanceof ModuleNotLoaded,
      ),
    );
    const before = limiter.failedOpen;
    proxy.fault = 'hang';
    for (const who of ['k', 'k', 'other', 'k', 'k', 'k', 'k', 'another']) {
      await assert.rejects(limiter.check(who, '5/minute'), ModuleNotLoaded);
    }
    assert.equal(limiter.failedOpen, before);
    await bare.command('MODULE', 'LOAD', MODULE);
    proxy.release();
    await eventually(() =>
      limiter.check('k', '5/minute').then(
        ({ source }) => source === 'server',
        () => false,
      ),
    );
    proxy.fault = 'hang';
    assert.equal((await limiter.check('k', '5/minute')).source, 'failed_open');
  });

  test(`${library}: a key of another program stays refused, and no other with it`, async () => {
    const { proxy, limiter } = await through(library, server.port, { onError: 'open' });
    const taken = new WholeKey('taken');
    await server.command('SET', 'taken', 'x');
    await eventually(() =>
      limiter.check(taken, '5/minute').then(
        () => false,
        ({ message }) => /WRONGTYPE/.test(message),
      ),
    );
    proxy.fault = 'hang';
    await assert.rejects(limiter.check(taken, '5/minute'), StoreMisconfigured);
    assert.equal((await limiter.check('fine', '5/minute')).source, 'failed_open');
  });

  test(`${library}: what lies in the socket is read before the clock counts`, async () => {
    const client = await LIBRARIES[library](server.port);
    const limiter = createLimiter({ client, timeoutMs: 500, logger: memory() });
    for (let times = 0; times < 3; times++) {
      const asked = limiter.check(`read ${times}`, '5/minute');
      await turn();
      busy(520);
      assert.equal((await asked).allowed, true);
    }
  });

  test(`${library}: a turn that is long before the command is written counts for nothing`, async () => {
    const { proxy, client, limiter } = await through(library, server.port, { timeoutMs: 1_000 });
    await patient({ client }).check('first', '5/minute');
    proxy.delayMs = 300;
    const asked = [1, 2, 3].map((id) => limiter.check(`user ${id}`, '5/minute'));
    busy(900);
    for (const each of asked) assert.equal((await each).allowed, true);
  });

  test(`${library}: a process that is late, twice, is not the store's fault`, async () => {
    const { proxy, client, limiter } = await through(library, server.port, { timeoutMs: 20 });
    await patient({ client }).check('first', '5/minute');
    proxy.fault = 'hang';
    for (let times = 0; times < 7; times++) {
      let ended = false;
      const asked = limiter.check('k', '5/minute').catch((error) => {
        ended = true;
        return error;
      });
      while (!ended) {
        busy(30);
        await turn();
      }
      assert.ok((await asked) instanceof StoreUnavailable);
    }
    const calls = await server.calls();
    void limiter.check('other', '5/minute').catch(() => {});
    await eventually(async () => (await server.calls()) > calls, 'the store is asked');
  });
}

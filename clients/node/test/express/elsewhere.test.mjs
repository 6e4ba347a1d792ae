// The middleware where there is more, or less, than Express: compression, connect, plain http, Nest.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { before, beforeEach, describe, test } from 'node:test';
import 'reflect-metadata';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import compression from 'compression';
import connect from 'connect';
import express5 from 'express';
import express4 from 'express4';
import { Subject } from 'redis-rl';
import { rateLimit } from 'redis-rl/express';
import { fastifyRateLimit } from 'redis-rl/fastify';
import { LIBRARIES } from '../support/clients.mjs';
import { atEnd } from '../support/closing.mjs';
import { ask, listen, untimed } from '../support/http.mjs';
import { patient } from '../support/limiters.mjs';
import { memory } from '../support/quiet.mjs';
import { Server } from '../support/servers.mjs';

let server;
let client;
before(async () => {
  server = await Server.start();
  client = await LIBRARIES['ioredis 6'](server.port);
});
beforeEach(() => server.command('FLUSHALL'));

const keys = async () => (await server.command('KEYS', '*')).sort().map(decodeURIComponent);

for (const [version, express] of Object.entries({ 4: express4, 5: express5 })) {
  describe(`Express ${version}`, () => {
    test('the first responses behind compression tell it, too', async () => {
      const app = express();
      const limiter = patient({ client, legacy: 'delta' });
      app.use(compression({ threshold: 0 }));
      // Several requests are under way before any has met the limit.
      app.use((_req, _res, next) => setTimeout(next, 50));
      app.use(rateLimit(limiter, { limits: '9/minute', name: 'a' }));
      app.use(
        rateLimit(limiter, { limits: '0/minute', name: 'b', exempt: (req) => req.url !== '/no' }),
      );
      app.get('/', (_req, res) => res.send('x'.repeat(2000)));
      const url = await listen(app);
      const headers = { 'accept-encoding': 'gzip' };
      const answers = await Promise.all([1, 2, 3].map(() => ask(url, '/', { headers })));
      answers.push(await ask(url, '/', { headers }));
      const told = answers.map((answer) => [answer.headers['content-encoding'], untimed(answer)]);
      assert.deepEqual(
        told.sort(),
        [5, 6, 7, 8].map((left) => ['gzip', `"a";r=${left}`]),
      );
      const denied = await ask(url, '/no', { headers });
      assert.deepEqual([denied.status, untimed(denied)], [429, '"b";r=0']);
      assert.equal(denied.headers['ratelimit-policy'], '"a";q=9;w=60, "b";q=0;w=60');
    });
  });
}

/** What stands in a chain of middleware: two limits, and one of nobody. */
function chain(limiter) {
  return [
    rateLimit(limiter, { limits: '2/minute' }),
    rateLimit(limiter, { limits: '9/minute', key: (_req, client) => client({ tier: 'x' }) }),
    rateLimit(limiter, {
      limits: '9/minute',
      name: 'api',
      key: (req) =>
        req.headers['api-key'] === undefined ? null : Subject.apiKey(req.headers['api-key']),
    }),
  ];
}

async function walk(url) {
  const first = await ask(url, '/');
  assert.deepEqual([first.status, untimed(first)], [200, '"2-per-60s";r=1, "9-per-60s";r=8']);
  assert.equal((await ask(url, '/', { headers: { 'api-key': '' } })).status, 400);
  const denied = await ask(url, '/');
  assert.equal(denied.status, 429);
  assert.equal(denied.headers['content-type'], 'application/problem+json');
  assert.match(denied.headers.ratelimit, /^"2-per-60s";r=0;t=\d+$/);
  assert.deepEqual(await keys(), ['rl:app#2:ip:127.0.0.1', 'rl:app:ip:127.0.0.1']);
}

test('connect', async () => {
  const app = connect();
  for (const each of chain(patient({ client, logger: memory() }))) app.use(each);
  app.use((_req, res) => res.writeHead(200, { 'X-Own': 'kept' }).end('ok'));
  await walk(await listen(app));
});

test('plain http', async () => {
  const limits = chain(patient({ client, logger: memory() }));
  const app = createServer((req, res) => {
    const next = (at) => (error) => {
      if (error) return res.writeHead(500).end(error.message);
      if (at === limits.length) return res.end('ok');
      limits[at](req, res, next(at + 1));
    };
    next(0)();
  });
  await walk(await listen(app));
});

/** An app of Nest on Fastify, with one route. */
async function nest(prepare) {
  class Items {
    list() {
      return 'ok';
    }
  }
  const list = Object.getOwnPropertyDescriptor(Items.prototype, 'list');
  Reflect.decorate([Get('/')], Items.prototype, 'list', list);
  Reflect.decorate([Controller()], Items);
  class App {}
  Reflect.decorate([Module({ controllers: [Items] })], App);
  const app = await NestFactory.create(App, new FastifyAdapter(), { logger: false });
  await prepare(app);
  await app.listen(0, '127.0.0.1');
  atEnd(() => app.close());
  return app.getUrl();
}

test("Nest's Fastify adapter, by middleware", async () => {
  const url = await nest((app) => {
    for (const each of chain(patient({ client, logger: memory() }))) app.use(each);
  });
  await walk(url);
});

test("Nest's Fastify adapter, by the plugin beside a middleware", async () => {
  const limiter = patient({ client });
  const url = await nest(async (app) => {
    app.use(rateLimit(limiter, { limits: '9/minute' }));
    await app.register(fastifyRateLimit, { limiter, limits: '2/minute' });
  });
  const first = await ask(url, '/');
  assert.deepEqual(first.headers.ratelimit.match(/r=\d/g).sort(), ['r=1', 'r=8']);
  await ask(url, '/');
  assert.equal((await ask(url, '/')).status, 429);
});

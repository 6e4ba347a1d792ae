// A user of the package who writes CommonJS.
const { createLimiter, StoreUnavailable, Subject } = require('redis-rl');
const { rateLimit } = require('redis-rl/express');
const { fastifyRateLimit } = require('redis-rl/fastify');
const { name } = require('redis-rl/package.json');

console.log(name, typeof createLimiter, typeof rateLimit, typeof fastifyRateLimit);
console.log(Subject.user(1).kind, new StoreUnavailable('x').code);

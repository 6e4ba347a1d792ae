// The breaker, under a clock that the test sets.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Breaker } from '../../dist/esm/stores/breaker.js';
import { StoreUnavailable } from '../../dist/esm/errors.js';

const error = new StoreUnavailable('gone');

function broken() {
  const clock = { now: 0 };
  const breaker = new Breaker(() => clock.now);
  for (let failures = 1; failures <= 5; failures++) {
    assert.equal(breaker.refusal(), undefined);
    breaker.failed(error);
  }
  return { breaker, clock };
}

test('five failures in a row open it for a second', () => {
  const { breaker, clock } = broken();
  assert.equal(breaker.refusal(), error);
  clock.now = 999;
  assert.equal(breaker.refusal(), error);
  clock.now = 1000;
  assert.equal(breaker.refusal(), undefined);
});

test('a success in between begins the count anew', () => {
  const breaker = new Breaker(() => 0);
  for (let at = 0; at < 20; at++) {
    assert.equal(breaker.refusal(), undefined);
    if (at % 5 === 4) breaker.answered();
    else breaker.failed(error);
  }
});

test('after the second one request asks, and the others do not wait for it', () => {
  const { breaker, clock } = broken();
  clock.now = 1000;
  assert.equal(breaker.refusal(), undefined);
  assert.equal(breaker.refusal(), error);
  clock.now = 9000;
  assert.equal(breaker.refusal(), error);
  breaker.answered();
  assert.equal(breaker.refusal(), undefined);
  assert.equal(breaker.refusal(), undefined);
});

test('it stays open for another second if that one fails', () => {
  const { breaker, clock } = broken();
  clock.now = 1000;
  breaker.refusal();
  const another = new StoreUnavailable('still gone');
  breaker.failed(another);
  clock.now = 1999;
  assert.equal(breaker.refusal(), another);
  clock.now = 2000;
  assert.equal(breaker.refusal(), undefined);
});

test('what a connection makes possible is asked at once', () => {
  const breaker = new Breaker(() => 0);
  for (let failures = 1; failures <= 5; failures++) breaker.failed(error, false);
  let ready = false;
  const isReady = () => ready;
  assert.equal(breaker.refusal(isReady), error);
  ready = true;
  assert.equal(breaker.refusal(isReady), undefined);
  assert.equal(breaker.refusal(isReady), error);
  breaker.failed(error, true);
  assert.equal(breaker.refusal(isReady), error);
});

test('whoever was late himself says nothing of the store', () => {
  const { breaker, clock } = broken();
  clock.now = 1000;
  assert.equal(breaker.refusal(), undefined);
  breaker.unsettled();
  assert.equal(breaker.refusal(), undefined);
  assert.equal(breaker.refusal(), error);
});

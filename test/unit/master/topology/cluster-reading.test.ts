import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readTopology } from '../../../../src/master/topology/cluster-reading.ts';
import type { ClusterAnswer, ToldNode } from '../../../../src/protocol/traits.ts';

const node = (host: string, port: number, more: Partial<ToldNode> = {}): ToldNode => ({
  ...{ host, others: [], port, isReplica: false, isDown: false, primary: -1 },
  ...more,
});

const answer = (nodes: readonly ToldNode[], ranges: readonly number[]): ClusterAnswer => ({
  ...{ nodes, ranges, isOk: true, epoch: 7 },
});

const read = (nodes: readonly ToldNode[], ranges: readonly number[], map: { from: string; to: string }[] = []) =>
  readTopology(answer(nodes, ranges), 'seed:1', 'seed', map);

test('the same cluster is the same data, in whatever order it is told', () => {
  const [a, b, c] = [node('10.0.0.1', 1), node('10.0.0.2', 2), node('10.0.0.3', 3, { isReplica: true })];
  const one = read([a, b, c], [0, 99, 0, 100, 16_383, 1]);
  const other = read([c, b, a], [100, 16_383, 1, 0, 99, 2]);
  assert.deepEqual(one.topology, other.topology);
  assert.deepEqual(
    one.topology.nodes.map(({ name, isReplica }) => [name, isReplica]),
    [
      ['10.0.0.1:1', false],
      ['10.0.0.2:2', false],
      ['10.0.0.3:3', true],
    ],
  );
  assert.deepEqual(one.topology.ranges, [0, 99, 0, 100, 16_383, 1]);
  assert.deepEqual([one.from, one.isOk, one.epoch], ['seed:1', true, 7]);
});

test('a node that tells no address is where the one that was asked is', () => {
  const { topology } = read([node('', 7001, { others: ['10.0.0.9'] })], [0, 16_383, 0]);
  assert.deepEqual(topology.nodes[0], {
    ...{ name: 'seed:7001', host: 'seed', port: 7001, isReplica: false, primary: null, aliases: ['10.0.0.9:7001'] },
  });
});

test('addresses are mapped by host and port, else by host; redirects name the ones that were told', () => {
  const map = [
    { from: '10.0.0.1:7001', to: '[2001:db8::1]:17001' },
    { from: '10.0.0.2', to: 'b.example' },
  ];
  const { topology } = read([node('10.0.0.1', 7001), node('10.0.0.2', 7002)], [0, 99, 0, 100, 16_383, 1], map);
  assert.deepEqual(
    topology.nodes.map(({ name, host, port, aliases }) => [name, host, port, aliases]),
    [
      ['[2001:db8::1]:17001', '2001:db8::1', 17_001, ['10.0.0.1:7001']],
      ['b.example:7002', 'b.example', 7002, ['10.0.0.2:7002']],
    ],
  );
});

test('one that is down and owns nothing is left out; an owner stays', () => {
  const nodes = [
    node('a', 1, { isDown: true }),
    node('b', 2, { isDown: true }),
    node('c', 3, { isDown: true, isReplica: true }),
  ];
  const { topology } = read(nodes, [0, 16_383, 1]);
  assert.deepEqual(
    topology.nodes.map(({ name }) => name),
    ['b:2'],
  );
  assert.deepEqual(topology.ranges, [0, 16_383, 0]);
});

test('two that are reached at one address are one, the primary', () => {
  const { topology } = read([node('a', 1, { isReplica: true }), node('a', 1)], [0, 16_383, 1]);
  assert.deepEqual(
    topology.nodes.map(({ name, isReplica }) => [name, isReplica]),
    [['a:1', false]],
  );
});

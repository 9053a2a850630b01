import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Request } from '../../../src/request/request.ts';
import { RequestBytes } from '../../../src/request/request-bytes.ts';
import { ReadyLine } from '../../../src/socket/ready-lines.ts';
import { TenantTurns } from '../../../src/upstream/tenant-turns.ts';

/** A connection of which one sees what was sent, and answers the first of it. */
class Connection {
  readonly turns = new TenantTurns();
  readonly sent: string[] = [];
  private readonly awaited: Request[] = [];
  private readonly names = new Map<Request, string>();
  /** Sent so far, by the first letter. */
  private readonly counts = new Map<string, number>();
  nowMs = 0;

  ask(line: ReadyLine, name: string, isFollowed = false): Request {
    const bytes = Buffer.from(name);
    const request = new Request(null, 0);
    request.sizeBytes = bytes.length;
    request.startedAtMs = this.nowMs;
    request.isFollowed = isFollowed;
    this.names.set(request, name);
    if (!this.turns.take(line, request, new RequestBytes().set(bytes, 0, bytes.length, null)))
      this.send(request, bytes);
    return request;
  }

  answer(replyBytes: number): void {
    const request = this.awaited.shift() as Request;
    request.turn?.replied(request, replyBytes, true);
    for (let lane = this.turns.next(); lane !== null; lane = this.turns.next()) {
      const first = lane.waiting.peek() as Request;
      this.turns.sendFirst(lane, { append: (buf, start, end) => this.send(first, buf.subarray(start, end)) });
    }
  }

  /** Whose name begins with a gets the first, others the second. */
  answerBy(bytesOfA: number, bytesOfOthers: number): void {
    const first = this.nameOf(this.awaited[0] as Request);
    this.answer(first.startsWith('a') ? bytesOfA : bytesOfOthers);
  }

  sentOf(letter: string): number {
    return this.counts.get(letter) ?? 0;
  }

  get outstanding(): number {
    return this.awaited.length;
  }

  nameOf(request: Request): string {
    return this.names.get(request) as string;
  }

  private send(request: Request, bytes: Buffer): void {
    assert.equal(bytes.toString(), this.nameOf(request));
    const name = this.nameOf(request);
    this.sent.push(name);
    const letter = name[0] as string;
    this.counts.set(letter, this.sentOf(letter) + 1);
    this.awaited.push(request);
  }
}

function lineOf(): ReadyLine {
  const line = new ReadyLine();
  line.sockets = 1;
  return line;
}

const isOf = (letter: string) => (name: string) => name.startsWith(letter);

test('the only tenant of a connection waits for nobody', () => {
  const connection = new Connection();
  const one = lineOf();
  for (let i = 0; i < 5000; i++) connection.ask(one, `a${i}`);
  assert.equal(connection.sent.length, 5000);
  assert.equal(connection.turns.waiting, 0);
});

test('of several, one has a window at the server, and who asks one thing at a time goes at once', () => {
  const connection = new Connection();
  const [many, one] = [lineOf(), lineOf()];
  connection.ask(one, 'b0');
  for (let i = 0; i < 5000; i++) connection.ask(many, `a${i}`);
  const ahead = connection.sent.length;
  assert.ok(ahead > 50 && ahead < 600, `${ahead} at the server`);
  assert.equal(connection.turns.waiting, 5001 - ahead);
  assert.ok(connection.turns.heldBytes >= connection.turns.waiting * 2);
  connection.answer(100);
  connection.ask(one, 'b1');
  assert.equal(connection.sent.at(-1), 'b1');
  while (connection.outstanding > 0) connection.answer(100);
  assert.deepEqual(
    connection.sent.filter(isOf('a')),
    Array.from({ length: 5000 }, (_, i) => `a${i}`),
  );
  assert.equal(connection.turns.waiting, 0);
  assert.equal(connection.turns.heldBytes, 0);
});

test('two that have much to ask share the server by bytes, however dear what one asks is', () => {
  const connection = new Connection();
  const [dear, cheap] = [lineOf(), lineOf()];
  for (let i = 0; i < 20_000; i++) {
    connection.ask(dear, `a${i}`);
    connection.ask(cheap, `b${i}`);
  }
  // Nobody knew what they cost.
  while (connection.sent.length < 5000) connection.answerBy(10_000, 100);
  const from = connection.sent.length;
  for (let i = 0; i < 10_000; i++) connection.answerBy(10_000, 100);
  const sent = connection.sent.slice(from);
  const ratio = sent.filter(isOf('b')).length / sent.filter(isOf('a')).length;
  // 10 kB and what each costs, against 100 bytes and what each costs.
  assert.ok(ratio > 20 && ratio < 40, `${ratio} cheap ones for a dear one`);
});

test('large replies leave a window of one, and what was taken for cheap is made up for', () => {
  const connection = new Connection();
  const [large, small] = [lineOf(), lineOf()];
  connection.ask(small, 'b');
  for (let i = 0; i < 5000; i++) connection.ask(large, `a${i}`);
  // Nobody knew how large they are.
  while (connection.sent.length < 2000) connection.answerBy(200_000, 100);
  assert.equal(connection.outstanding, 1);
  for (let i = 0; i < 500; i++) connection.ask(small, `b${i}`);
  const from = connection.sent.length;
  while (connection.sent.length < from + 100) connection.answerBy(200_000, 100);
  assert.deepEqual(connection.sent.slice(from, from + 100).filter(isOf('a')), []);
});

test('what a tenant asked while it had not to wait is not held against it when it has to', () => {
  const connection = new Connection();
  const [many, one] = [lineOf(), lineOf()];
  connection.ask(one, 'b');
  for (let i = 0; i < 500_000; i++) connection.ask(many, 'a');
  for (let i = 0; i < 1000; i++) {
    const request = connection.ask(one, 'b');
    while (request.turn !== null) connection.answer(100);
  }
  const from = connection.sentOf('a');
  for (let i = 0; i < 500; i++) connection.ask(one, 'c');
  const waiting = 500 - connection.sentOf('c');
  assert.ok(waiting > 100, `${waiting} wait`);
  while (connection.sentOf('c') < 500) connection.answer(100);
  const others = connection.sentOf('a') - from;
  assert.ok(others < 1.5 * waiting, `${others} of the other before ${waiting}`);
});

test('who has had more than its part owes it, but for what others have had since it waited last', () => {
  for (const others of [0, 4000]) {
    const connection = new Connection();
    const [large, small] = [lineOf(), lineOf()];
    connection.ask(small, 'b');
    for (let i = 0; i < 1000; i++) connection.ask(large, 'a');
    for (let i = 0; i < 500_000; i++) connection.ask(small, 'b');
    while (connection.sentOf('a') < 1000) connection.answerBy(200_000, 100);
    for (let i = 0; i < others; i++) connection.answerBy(200_000, 100);
    const from = connection.sentOf('b');
    for (let i = 0; i < 2; i++) connection.ask(large, 'a');
    while (connection.sentOf('a') < 1002) connection.answerBy(200_000, 100);
    const before = connection.sentOf('b') - from;
    assert.ok(others === 0 ? before > 300 : before < 100, `${before} of the other before, after ${others}`);
  }
});

for (const isWaiting of [false, true]) {
  test(`what must not be parted goes in one piece, ${isWaiting ? 'when its turn comes' : 'at once'}`, () => {
    const connection = new Connection();
    const [one, other] = [lineOf(), lineOf()];
    // Both have as much at the server, and as much waits.
    for (let i = 0; i < (isWaiting ? 500 : 1); i++) for (const line of [one, other]) connection.ask(line, 'x');
    // Each larger than the window.
    const group = (line: ReadyLine, letter: string) => {
      for (let i = 0; i < 600; i++) connection.ask(line, `${letter}${i}`, i < 599);
    };
    for (const letter of ['c', 'd', 'e']) {
      group(other, letter.toUpperCase());
      group(one, letter);
    }
    assert.equal(connection.sent.includes('C599'), !isWaiting);
    while (connection.outstanding > 0) connection.answer(10);
    const order = connection.sent.map(name => name[0]).join('');
    for (const letter of 'cdeCDE') assert.ok(order.includes(letter.repeat(600)), letter);
  });
}

test('what has waited too long is taken out, and the rest keeps its order', () => {
  const connection = new Connection();
  const [many, one] = [lineOf(), lineOf()];
  connection.ask(one, 'b');
  for (let i = 0; i < 1000; i++) {
    connection.nowMs = i;
    connection.ask(many, `a${i}`);
  }
  const sent = connection.sent.length;
  const overdue = connection.turns.takeOverdue(599).map(request => connection.nameOf(request));
  assert.deepEqual(
    overdue,
    Array.from({ length: 601 - sent }, (_, i) => `a${i + sent - 1}`),
  );
  assert.equal(connection.turns.waiting, 400);
  assert.equal([...connection.turns.each()].length, 400);
  while (connection.outstanding > 0) connection.answer(10);
  assert.deepEqual(
    connection.sent.slice(sent),
    Array.from({ length: 400 }, (_, i) => `a${i + 600}`),
  );
});

test('with the connection all that waits is taken out, and the next one begins anew', () => {
  const connection = new Connection();
  const [many, one] = [lineOf(), lineOf()];
  connection.ask(one, 'b');
  for (let i = 0; i < 1000; i++) connection.ask(many, `a${i}`);
  const { waiting } = connection.turns;
  assert.equal(connection.turns.takeAll().length, waiting);
  assert.deepEqual([connection.turns.waiting, connection.turns.heldBytes], [0, 0]);
  const from = connection.sent.length;
  connection.ask(one, 'b');
  for (let i = 0; i < 100; i++) connection.ask(many, `a${i}`);
  assert.ok(connection.sent.length - from > 50);
});

test('a tenant that has left, or asks nothing for long, holds nobody up', () => {
  for (const hasLeft of [true, false]) {
    const connection = new Connection();
    const [many, one] = [lineOf(), lineOf()];
    connection.ask(one, 'b');
    connection.answer(10);
    if (hasLeft) one.sockets = 0;
    connection.nowMs = hasLeft ? 2000 : 20_000;
    for (let i = 0; i < 5000; i++) connection.ask(many, `a${i}`);
    assert.equal(connection.turns.waiting, 0);
  }
});

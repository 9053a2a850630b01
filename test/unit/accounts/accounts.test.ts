import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { Account, AccountOptions } from '../../../src/accounts/account.ts';
import { Accounts, type Entrant } from '../../../src/accounts/accounts.ts';
import {
  PLACE_AWAITED,
  PLACE_NONE,
  PLACE_TAKEN,
  type PlaceState,
  SIGN_IN_AWAITED,
  SIGN_IN_DONE,
  SIGN_IN_FULL,
  SIGN_IN_WRONG,
} from '../../../src/accounts/sign-in-places.ts';

const hex = (password: string) => createHash('sha256').update(password).digest('hex');

function options(name: string, passwords: readonly string[], more: Partial<AccountOptions> = {}): AccountOptions {
  const none = { isOpen: false, certificates: [], rules: '+@all ~* &*', databases: null, keyPrefix: '' };
  return { ...none, name, passwords: passwords.map(hex), ...more };
}

class Client implements Entrant {
  account: Account | null = null;
  readonly asked: string[] = [];
  readonly places: Entrant['places'];

  constructor(state: PlaceState | null = null) {
    const enter = (user: string) => {
      this.asked.push(user);
      return state as PlaceState;
    };
    this.places = state === null ? null : { isAwaiting: false, isKeeping: false, enter };
  }

  signIn(account: Account): void {
    this.account = account;
  }
}

const figuresOf = (accounts: Accounts, name: string) => {
  const { signIns, refusedSignIns, turnedAwayConnections, passwords } = accounts.find(name)!.figures;
  return [signIns, refusedSignIns, turnedAwayConnections, ...passwords.map(({ uses }) => uses)];
};

test('any of its passwords signs a user in, and which one is counted; nothing else does', () => {
  const accounts = new Accounts([options('app', ['one', 'two']), options('other', ['three'])]);
  const signIn = (name: string, password: string) => {
    const client = new Client();
    return [accounts.signIn(client, name, Buffer.from(password)), client.account?.name ?? null];
  };
  assert.deepEqual(signIn('app', 'one'), [SIGN_IN_DONE, 'app']);
  assert.deepEqual(signIn('app', 'two'), [SIGN_IN_DONE, 'app']);
  assert.deepEqual(signIn('app', 'two'), [SIGN_IN_DONE, 'app']);
  for (const [name, password] of [
    ['app', 'three'],
    ['app', ''],
    ['app', 'one '],
    ['app', hex('one')],
    ['App', 'one'],
    ['', 'one'],
    ['nobody', 'one'],
    ['__proto__', 'one'],
  ] as const) {
    assert.deepEqual(signIn(name, password), [SIGN_IN_WRONG, null], `${name} ${password}`);
  }
  assert.deepEqual(figuresOf(accounts, 'app'), [3, 4, 0, 1, 2]);
  assert.deepEqual(figuresOf(accounts, 'other'), [0, 0, 0, 0]);
});

test('a user without passwords is signed in by none, one that is open by any', () => {
  const accounts = new Accounts([options('sealed', []), options('default', [], { isOpen: true })]);
  assert.equal(accounts.signIn(new Client(), 'sealed', Buffer.from('')), SIGN_IN_WRONG);
  assert.equal(accounts.signIn(new Client(), 'default', Buffer.from('whatever')), SIGN_IN_DONE);
  assert.equal(accounts.open?.name, 'default');
  // Only the user of that name is who clients are.
  assert.equal(new Accounts([options('app', [], { isOpen: true })]).open, null);
  assert.equal(new Accounts([options('default', ['x'])]).open, null);
});

test('a place is asked for behind the password only; without one nobody is signed in, and no password counts as used', () => {
  const accounts = new Accounts([options('app', ['one'])]);
  const signIn = (client: Client, password: string) => accounts.signIn(client, 'app', Buffer.from(password));
  const full = new Client(PLACE_NONE);
  assert.equal(signIn(full, 'wrong'), SIGN_IN_WRONG);
  assert.deepEqual(full.asked, []);
  assert.equal(signIn(full, 'one'), SIGN_IN_FULL);
  const awaited = new Client(PLACE_AWAITED);
  assert.equal(signIn(awaited, 'one'), SIGN_IN_AWAITED);
  for (const client of [full, awaited]) {
    assert.equal(client.account, null);
    assert.deepEqual(client.asked, ['app']);
  }
  assert.deepEqual(figuresOf(accounts, 'app'), [0, 1, 1, 0]);
  const taken = new Client(PLACE_TAKEN);
  assert.equal(signIn(taken, 'one'), SIGN_IN_DONE);
  assert.equal(taken.account?.name, 'app');
  assert.deepEqual(figuresOf(accounts, 'app'), [1, 1, 1, 1]);
});

test('certificates: the first of the names that is somebody', () => {
  const accounts = new Accounts([
    options('a', [], { certificates: ['a.example', 'spiffe://a'] }),
    options('b', [], { certificates: ['b.example'] }),
  ]);
  const of = (...names: string[]) => accounts.ofCertificate(names)?.name ?? null;
  assert.equal(of('b.example', 'a.example'), 'b');
  assert.equal(of('nobody', 'spiffe://a'), 'a');
  assert.equal(of('A.example', '*.example', ''), null);
  assert.equal(of(), null);
});

test('others take their place: who has the same name goes on counting, by password, whatever its place in the list', () => {
  const before = new Accounts([options('app', ['one', 'two']), options('gone', ['x'])]);
  const client = new Client();
  before.signIn(client, 'app', Buffer.from('two'));
  before.signIn(client, 'app', Buffer.from('no'));
  const after = new Accounts([options('app', ['two', 'three']), options('new', ['x'])]);
  after.continueFrom(before);
  assert.deepEqual(figuresOf(after, 'app'), [1, 1, 0, 1, 0]);
  assert.deepEqual(figuresOf(after, 'new'), [0, 0, 0, 0]);
  after.signIn(client, 'app', Buffer.from('three'));
  assert.equal(after.signIn(client, 'app', Buffer.from('one')), SIGN_IN_WRONG);
  assert.deepEqual(figuresOf(after, 'app'), [2, 2, 0, 1, 1]);
  // The same ones again are no others.
  after.continueFrom(after);
  assert.deepEqual(figuresOf(after, 'app'), [2, 2, 0, 1, 1]);
});

test('what changed is to be reported, and what did not is not', () => {
  const accounts = new Accounts([options('app', ['one'])]);
  const { figures } = accounts.find('app')!;
  const changes: [string, () => void][] = [
    ['a sign-in', () => accounts.signIn(new Client(), 'app', Buffer.from('one'))],
    ['a wrong password', () => accounts.signIn(new Client(), 'app', Buffer.from('two'))],
    ['no place', () => accounts.signIn(new Client(PLACE_NONE), 'app', Buffer.from('one'))],
    ['a denied request', () => figures.denied()],
    ['a connection', () => figures.changeConnections(1)],
  ];
  for (const [what, change] of changes) {
    figures.isUnreported = false;
    change();
    assert.equal(figures.isUnreported, true, what);
  }
  figures.isUnreported = false;
  accounts.signIn(new Client(), 'nobody', Buffer.from('one'));
  accounts.signIn(new Client(PLACE_AWAITED), 'app', Buffer.from('one'));
  assert.equal(figures.isUnreported, false);
  assert.equal(figures.connections, 1);
});

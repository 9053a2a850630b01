import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tenantAddress } from '../../../../src/proxy/limits/tenant-address.ts';

test('who is one tenant by its address', () => {
  for (const [peer, tenant] of [
    ['10.1.2.3:4711', '10.1.2.3'],
    ['[::ffff:10.1.2.3]:4711', '10.1.2.3'],
    ['[2001:db8:0:1::1]:22', '2001:db8:0:1::/64'],
    ['[2001:db8:0:1:ffff:ffff:ffff:ffff]:22', '2001:db8:0:1::/64'],
    ['[2001:DB8::1]:22', '2001:db8:0:0::/64'],
    ['[::1]:22', '0:0:0:0::/64'],
    ['[fe80::1%eth0]:22', 'fe80:0:0:0::/64'],
    ['[64:ff9b::10.1.2.3]:22', '64:ff9b:0:0::/64'],
    ['a unix socket', null],
    ['/run/x.sock', null],
    ['', null],
  ] as const) {
    assert.equal(tenantAddress(peer), tenant, peer);
  }
});

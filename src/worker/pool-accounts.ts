import type { AccountOptions } from '../accounts/account.ts';
import { Accounts } from '../accounts/accounts.ts';
import { passwordDigest } from '../accounts/password-check.ts';
import type { PoolConfig, PoolUser } from '../config/config.ts';
import { poolPassword } from '../config/pool-password.ts';
import { PROTOCOL_TRAITS } from '../protocol/protocol-traits.ts';
import { ALL_ALLOWED } from '../settings/access-rules.ts';

/** Of a configuration that stays, also when the servers of the pool change. */
const known = new WeakMap<PoolConfig, Accounts>();

/** Who may use the pool; null: it has no users, and clients at most have to know its password. */
export function accountsOf(config: PoolConfig): Accounts | null {
  if (config.users === undefined) return null;
  let accounts = known.get(config);
  if (accounts === undefined) {
    accounts = new Accounts([
      ...ownAccount(config, config.users),
      ...config.users.map(user => accountOptions(user, config.keyPrefix)),
    ]);
    known.set(config, accounts);
  }
  return accounts;
}

/** `poolPrefix`: what the names of the pool's keys begin with. */
function accountOptions(user: PoolUser, poolPrefix: string | null): AccountOptions {
  const { name, digests, nopass, certificates, rules, databases, keyPrefix } = user;
  return {
    name,
    passwords: digests,
    isOpen: nopass,
    certificates: certificates ?? [],
    rules,
    databases,
    keyPrefix: `${poolPrefix ?? ''}${keyPrefix ?? ''}`,
    isTenant: keyPrefix !== null,
  };
}

/** The pool's own password signs in to everything, as it did before there were users; a user of that name is who it says. */
function ownAccount(config: PoolConfig, users: readonly PoolUser[]): AccountOptions[] {
  const own = poolPassword(config);
  if (own === null) return [];
  const { name, password } = PROTOCOL_TRAITS[config.protocol].access.credentials(own);
  if (users.some(user => user.name === name)) return [];
  const passwords = [passwordDigest(Buffer.from(password)).toString('hex')];
  return [
    {
      name,
      passwords,
      isOpen: false,
      certificates: [],
      rules: ALL_ALLOWED,
      databases: null,
      keyPrefix: config.keyPrefix ?? '',
    },
  ];
}

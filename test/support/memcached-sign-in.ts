/** The `set` by which a client of text signs in; it is answered STORED. */
export function memcachedSignIn(user: string, password: string): string {
  const data = `${user} ${password}`;
  return `set auth 0 0 ${data.length}\r\n${data}\r\n`;
}

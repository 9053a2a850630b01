// Keys and members are chosen so that a server has no choice in its answers: sets of integers come back sorted, small
// hashes and sorted sets in the order they were made.

/** A word: a library with the function `get`. */
export const FUNCTION_LIBRARY = String.raw`"#!lua name=lib\nredis.register_function{function_name='get', callback=function(k, a) return redis.call('GET', k[1]) end, flags={'no-writes'}}"`;

/** The commands that make the data. */
export const DATA: readonly string[] = [
  'SET str hello',
  'SET num 10',
  'SET float 3.5',
  'SET empty ""',
  String.raw`SET binary "\x00\r\n\xff$5\r\n"`,
  'SET expiring v EXAT 4102444800',
  'SET scored:1 9',
  'SET scored:2 8',
  'RPUSH list a b c d b',
  'RPUSH numbers 3 1 2',
  'SADD set 1 2 3 4',
  'SADD set2 3 4 5',
  'SADD single only',
  'HSET hash f1 v1 f2 v2 n 5',
  'HSET small f1 v1',
  'ZADD zset 1 a 2 b 3 c',
  'ZADD zset2 2 b 4 d',
  'ZADD zsingle 1.5 only',
  'ZADD lex 0 a 0 b 0 c 0 d',
  'XADD stream 1-1 f v1',
  'XADD stream 2-1 f v2',
  'XGROUP CREATE stream group 0',
  'XREADGROUP GROUP group alice COUNT 1 STREAMS stream >',
  'PFADD hll a b c',
  'PFADD hll2 c d',
  'GEOADD geo 13.361389 38.115556 Palermo 15.087269 37.502669 Catania',
  `FUNCTION LOAD REPLACE ${FUNCTION_LIBRARY}`,
];

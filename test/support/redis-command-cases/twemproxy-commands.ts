/** Commands that twemproxy forwards, or answers itself: none of them may be refused. */
export const TWEMPROXY_COMMANDS: readonly string[] = `
  copy del dump exists expire expireat persist pexpire pexpireat pttl restore sort touch ttl type unlink append bitcount
  bitfield bitpos decr decrby get getbit getdel getex getrange getset incr incrby incrbyfloat mget mset psetex set setbit
  setex setnx setrange strlen hdel hexists hget hgetall hincrby hincrbyfloat hkeys hlen hmget hmset hrandfield hscan hset
  hsetnx hstrlen hvals lindex linsert llen lmove lpop lpos lpush lpushx lrange lrem lset ltrim rpop rpoplpush rpush rpushx
  sadd scard sdiff sdiffstore sinter sinterstore sismember smembers smismember smove spop srandmember srem sscan sunion
  sunionstore zadd zcard zcount zdiff zdiffstore zincrby zinter zinterstore zlexcount zmscore zpopmax zpopmin zrandmember
  zrange zrangebylex zrangebyscore zrangestore zrank zrem zremrangebylex zremrangebyrank zremrangebyscore zrevrange
  zrevrangebylex zrevrangebyscore zrevrank zscan zscore zunion zunionstore pfadd pfcount pfmerge geoadd geodist geohash
  geopos georadius georadiusbymember geosearch geosearchstore eval evalsha ping quit auth command lolwut`
  .trim()
  .split(/\s+/);

const named = (names: string): readonly string[] => names.trim().split(/\s+/);

/** What a pool of one server refuses: an error that names the command. */
export const REFUSED_COMMANDS: readonly string[] = named(`
  acl|deluser acl|load acl|log acl|save acl|setuser
  bgrewriteaof bgsave config|resetstat config|rewrite config|set debug failover
  lastsave latency|doctor latency|graph latency|histogram latency|history
  latency|latest latency|reset memory|doctor memory|malloc-stats memory|purge memory|stats migrate module|load
  module|loadex module|unload monitor pfdebug pfselftest psync replconf replicaof
  restore-asking role save script|debug shutdown slaveof swapdb sync`);

/** What only a member of a Redis Cluster answers. */
export const CLUSTER_COMMANDS: readonly string[] = named(`
  asking readonly readwrite cluster|addslots cluster|addslotsrange cluster|bumpepoch cluster|count-failure-reports
  cluster|countkeysinslot cluster|delslots cluster|delslotsrange cluster|failover cluster|flushslots cluster|forget
  cluster|getkeysinslot cluster|help cluster|info cluster|keyslot cluster|links cluster|meet cluster|myid cluster|nodes
  cluster|replicas cluster|replicate cluster|reset cluster|saveconfig cluster|set-config-epoch cluster|setslot
  cluster|shards cluster|slaves cluster|slots`);

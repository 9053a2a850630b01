# What Rails' mem_cache_store does with Dalli, each checked:  scenarios.rb PORT PROTOCOL
require "dalli"

port, protocol = ARGV

def same(actual, expected)
  raise "got #{actual.inspect} instead of #{expected.inspect}" unless actual == expected
end

options = { namespace: "app", compress: true, protocol: protocol.to_sym }
cache = Dalli::Client.new("127.0.0.1:#{port}", options)
cache.set("user", { "name" => "Ada" }, 60)
same cache.get("user"), { "name" => "Ada" }
same cache.get("none"), nil
same cache.fetch("made", 60) { "once" }, "once"
same cache.fetch("made", 60) { "twice" }, "once"
cache.add("made", "x")
same cache.get("made"), "once"
cache.replace("none", "x")
same cache.get("none"), nil
(1..150).each { |i| cache.set("key#{i}", "v" * i) }
got = cache.get_multi(*(1..200).map { |i| "key#{i}" })
same got.size, 150
same got["key99"], "v" * 99
cache.multi { (1..50).each { |i| cache.set("quiet#{i}", i) } }
same cache.get_multi(*(1..50).map { |i| "quiet#{i}" }).values.sort, (1..50).to_a
same cache.incr("n", 1, 60, 5), 5
same cache.incr("n", 3), 8
same cache.decr("n", 2), 6
same cache.cas("user") { |user| user.merge("age" => 36) } ? true : false, true
same cache.get("user")["age"], 36
same cache.touch("user", 100) ? true : false, true
same cache.gat("user", 100)["age"], 36
same cache.delete("user"), true
same cache.get("user"), nil
cache.set("key with spaces", "odd")
same cache.get("key with spaces"), "odd"
cache.set("long" * 100, "hashed")
same cache.get("long" * 100), "hashed"
same cache.alive!.nil?, false
raise "no statistics" unless cache.stats.values.first["pid"]
cache.flush
same cache.get("made"), nil
cache.close

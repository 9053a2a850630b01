<?php
// What programs do with phpredis, each checked:  scenarios.php PORT SCENARIO
[, $port, $scenario] = $argv;
$redis = new Redis();
$redis->connect('127.0.0.1', (int) $port);

function same(mixed $actual, mixed $expected): void
{
    if ($actual !== $expected) {
        fwrite(STDERR, 'got ' . json_encode($actual) . ' instead of ' . json_encode($expected) . "\n");
        exit(1);
    }
}

switch ($scenario) {
    case 'transaction':
        $done = $redis->multi()->set('{a}n', '41')->incr('{a}n')->lPush('{a}l', 'x')->lRange('{a}l', 0, -1)->exec();
        same($done, [true, 42, 1, ['x']]);
        $redis->multi()->set('{a}n', '0')->discard();
        same($redis->get('{a}n'), '42');
        break;
    case 'pipeline':
        $pipe = $redis->multi(Redis::PIPELINE);
        for ($i = 0; $i < 300; $i++) {
            $pipe->set("k$i", (string) $i);
            $pipe->incr("k$i");
        }
        $expected = [];
        for ($i = 0; $i < 300; $i++) {
            array_push($expected, true, $i + 1);
        }
        same($pipe->exec(), $expected);
        break;
    case 'scan':
        $keys = [];
        for ($i = 0; $i < 1000; $i++) {
            $keys["scan:$i"] = 'v';
        }
        same($redis->mSet([...$keys, 'other' => 'v']), true);
        $redis->setOption(Redis::OPT_SCAN, Redis::SCAN_RETRY);
        $found = [];
        $cursor = null;
        while (($batch = $redis->scan($cursor, 'scan:*', 50)) !== false) {
            foreach ($batch as $key) {
                $found[$key] = 'v';
            }
        }
        ksort($found);
        ksort($keys);
        same($found, $keys);
        break;
    case 'blocking':
        $redis->rPush('{q}high', 'job');
        same($redis->blPop(['{q}low', '{q}high'], 5), ['{q}high', 'job']);
        same($redis->brPop('{q}low', 1), []);
        break;
    default:
        fwrite(STDERR, "no such scenario: $scenario\n");
        exit(1);
}

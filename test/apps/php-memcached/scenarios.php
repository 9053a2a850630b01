<?php
// What programs do with php-memcached, each checked:  scenarios.php PORT binary|text
[, $port, $protocol] = $argv;

function same($actual, $expected): void
{
    if ($actual !== $expected) {
        fwrite(STDERR, 'got ' . var_export($actual, true) . ' instead of ' . var_export($expected, true) . "\n");
        exit(1);
    }
}

$cache = new Memcached();
$cache->setOption(Memcached::OPT_BINARY_PROTOCOL, $protocol === 'binary');
$cache->addServer('127.0.0.1', (int) $port);
same($cache->set('k', ['a' => 1], 60), true);
same($cache->get('k'), ['a' => 1]);
same($cache->get('none'), false);
same($cache->getResultCode(), Memcached::RES_NOTFOUND);
same($cache->add('k', 'x'), false);
$many = [];
for ($i = 0; $i < 150; $i++) $many["key$i"] = str_repeat('v', $i);
same($cache->setMulti($many), true);
$got = $cache->getMulti(array_merge(array_keys($many), ['none']));
ksort($got);
ksort($many);
same($got, $many);
$extended = $cache->get('k', null, Memcached::GET_EXTENDED);
same($cache->cas($extended['cas'], 'k', 'new'), true);
same($cache->cas($extended['cas'], 'k', 'newer'), false);
if ($protocol === 'binary') same($cache->increment('n', 2, 10), 10);
else $cache->set('n', 10);
same($cache->increment('n', 2), 12);
same($cache->decrement('n', 100), 0);
$cache->setOption(Memcached::OPT_COMPRESSION, false);
$cache->set('text', 'b');
same($cache->append('text', 'c'), true);
same($cache->prepend('text', 'a'), true);
same($cache->get('text'), 'abc');
same($cache->touch('text', 100), true);
same($cache->delete('k'), true);
same($cache->delete('k'), false);
same($cache->set('big', str_repeat('x', 900000)), true);
same(strlen($cache->get('big')), 900000);
same(count($cache->getVersion()), 1);
same($cache->flush(), true);
same($cache->get('text'), false);

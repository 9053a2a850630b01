<?php
// Reads, waits a little and writes a count in a session, so many times:  count-in-session.php SESSION TIMES
ini_set('session.use_cookies', '0');
ini_set('session.cache_limiter', '');
set_error_handler(function (int $level, string $message): never {
    fwrite(STDERR, "$message\n");
    exit(1);
});
[, $session, $times] = $argv;
for ($i = 0; $i < (int) $times; $i++) {
    session_id($session);
    session_start();
    $count = $_SESSION['count'] ?? 0;
    usleep(1000);
    $_SESSION['count'] = $count + 1;
    session_write_close();
}
echo $count + 1;

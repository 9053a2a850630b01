<?php
// Counts in a session:  count-in-session.php SESSION TIMES. Prints the last count.
[, $session, $times] = $argv;
for ($i = 0; $i < (int) $times; $i++) {
    session_id($session);
    session_start();
    $_SESSION['count'] = ($_SESSION['count'] ?? 0) + 1;
    $count = $_SESSION['count'];
    session_write_close();
}
echo $count;

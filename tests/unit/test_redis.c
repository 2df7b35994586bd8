// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// test_redis.c - the same bytes to kv and to a real redis-server: the answers must be the same bytes.
//
// Skipped where redis-server is not installed, or is not of the generation that kv imitates (7).
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "talk.h"

#define ANSWER_MAX (1 << 20)

static char folder[] = "/tmp/cloister-redis-XXXXXX", path[64];
static pid_t server;
static char answer[ANSWER_MAX];

static int dial(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int connection = socket(AF_UNIX, SOCK_STREAM, 0);
    strcpy(address.sun_path, path);
    if (connect(connection, (struct sockaddr *)&address, sizeof(address)) == 0)
        return connection;
    close(connection);
    return -1;
}

static int start(void **state) {
    (void)state;
    FILE *version = popen("redis-server --version 2>/dev/null", "r");
    char line[200] = "";
    bool right = version && fgets(line, sizeof(line), version) && strstr(line, " v=7.");
    if (version)
        pclose(version);
    if (!right || !mkdtemp(folder))
        return 0;
    sprintf(path, "%s/s", folder);
    fflush(NULL);
    server = fork();
    if (server == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (chdir(folder) || !freopen("/dev/null", "w", stdout))
            _exit(1);
        unsetenv("ASAN_OPTIONS");
        static const char *const others[] = {"GETDEL", "GETSET", "MSET", "HSET", "LSET", "MGET", "HGET", "HDEL", "XDEL"};
        const char *arguments[60] = {"redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no"};
        for (size_t i = 0, next = 9; i < sizeof(others) / sizeof(*others); i++) { // chance puts such words together
            arguments[next++] = "--rename-command";
            arguments[next++] = others[i];
            arguments[next++] = "";
        }
        execvp("redis-server", (char **)(uintptr_t)arguments);
        _exit(1);
    }
    for (int i = 0; i < 500; i++) {
        int connection = dial();
        if (connection >= 0) {
            close(connection);
            return 0;
        }
        usleep(10000);
    }
    return -1;
}

static int stop(void **state) {
    (void)state;
    if (server > 0) {
        kill(server, SIGTERM);
        waitpid(server, NULL, 0);
        unlink(path);
        rmdir(folder);
    }
    return 0;
}

// Everything that redis answers until it closes: because of the input, or because of our end of file.
static size_t ask_redis(const char *input, size_t bytes) {
    int connection = dial();
    assert_true(connection >= 0);
    static const char flush[] = "*1\r\n$8\r\nFLUSHALL\r\n";
    size_t got = 0;
    assert_int_equal(send(connection, flush, strlen(flush), MSG_NOSIGNAL), strlen(flush));
    while (got < 5) {
        ssize_t count = recv(connection, answer + got, 5 - got, 0);
        assert_true(count > 0);
        got += (size_t)count;
    }
    send(connection, input, bytes, MSG_NOSIGNAL); // may fail when redis has closed already
    shutdown(connection, SHUT_WR);
    size_t total = 0;
    for (ssize_t count; (count = recv(connection, answer + total, ANSWER_MAX - total, 0)) > 0;)
        total += (size_t)count;
    close(connection);
    return total;
}

static void compare(const char *input, size_t bytes) {
    struct talk talk;
    size_t wanted = ask_redis(input, bytes);
    talk_open(&talk, 1 << 22, random_below(2) ? 65536 : random_below(100));
    for (size_t i = 0, piece; i < bytes; i += piece) {
        piece = random_below(2) ? bytes : 1 + random_below(50);
        piece = piece < bytes - i ? piece : bytes - i;
        talk_feed(&talk, input + i, piece);
    }
    if (talk.output_bytes != wanted || memcmp(talk.output, answer, wanted))
        print_error("input  [%.*s]\nredis  [%.*s]\nkv     [%.*s]\n", (int)bytes, input, (int)wanted, answer,
                    (int)talk.output_bytes, talk.output);
    assert_int_equal(talk.output_bytes, wanted);
    assert_memory_equal(talk.output, answer, wanted);
    talk_close(&talk);
}

static void text(const char *input) { compare(input, strlen(input)); }

static void known_cases(void **state) {
    (void)state;
    if (server <= 0)
        skip();
    text("PING\r\nPING a\r\nPING a b\r\n");
    text("SET a 1\r\nGET a\r\nINCR a\r\nDEL a b\r\nGET a\r\n");
    text("SET a x\r\nINCR a\r\nSET a 9223372036854775807\r\nINCR a\r\nSET a 9223372036854775808\r\nINCR a\r\nSET a 01\r\nINCR a\r\n");
    text("GET\r\nGET a b\r\nSET a\r\nDEL\r\nINCR\r\nINCR a b\r\n");
    text("SET a b syntax\r\nSET a b EX\r\n");
    text("foo\r\nFoo bar\r\nfoo a b c\r\n\"f o\\r\\no\" \"\\n\" \"\\x00x\"\r\n\"a\\x00b\" c\r\n");
    text("*1\r\n$0\r\n\r\n");
    text("PING\r\nQUIT\r\nPING\r\n");
    text("PING\r\nquit now\r\nPING\r\n");
    text("POST / HTTP/1.1\r\nPING\r\n"); // redis also drops the replies before it, as far as they are not sent
    text("Host: x\r\nPING\r\n");
    text("*x\r\n");
    text("*1024\r\n*\r\n");
    text("*2147483647\r\n");
    text("*2147483648\r\n");
    text("*-5\r\nPING\r\n");
    text("*1\r\n$536870912\r\n");
    text("*1\r\n$536870913\r\n");
    text("*1\r\n$-1\r\n");
    text("*1\r\n:4\r\nPING\r\n");
    text("*1\r\n\r\n");
    text("*1\r\n\n\r\n");
    text("*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n");
    text("SET a \"b\r\n");
    text("SET a 'b'c\r\n");
    text("\r\n\r\n \r\nPING\r\n");
    compare("PI\0NG\r\nPING\r\n", 13);
    compare("*1\r\n$4\0\r\nPING\r\n", 15);
    compare("*1\0\r\n$4\r\nPING\r\n", 15);
    compare("*1\r\n\0\r\n", 7);
}

static void long_words(void **state) {
    (void)state;
    if (server <= 0)
        skip();
    char word[300], input[2000];
    memset(word, 'w', sizeof(word));
    for (int length = 120; length < 140; length++) {
        text((sprintf(input, "%.*s\r\n", length, word), input));
        text((sprintf(input, "foo %.*s b\r\n", length, word), input));
        text((sprintf(input, "foo %.*s %.*s c d\r\n", length - 70, word, 60, word), input));
    }
}

static void long_lines(void **state) {
    (void)state;
    if (server <= 0)
        skip();
    char *input = malloc(80000);
    for (size_t bytes = 65536 - 2; bytes < 65536 + 3; bytes += 2) { // whatever redis reads in what pieces, not at the very limit
        memset(input, 'x', 80000);
        memcpy(input + bytes, "\r\n", 2);
        compare(input, bytes + 2 < 65536 ? bytes + 2 : 80000);
    }
    free(input);
}

static void random_conversations(void **state) {
    (void)state;
    if (server <= 0)
        skip();
    static const char *const parts[] = {
        "*1\r\n$4\r\nPING\r\n", "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$3\r\nabc\r\n", "*2\r\n$3\r\nGET\r\n$1\r\na\r\n", "SET b 7\r\n", "INCR b\r\n",
        "GET b\r\n", "DEL a b c\r\n", "INCR a\r\n", "*2\r\n", "*1\r\n", "$1\r\n", "$3\r\n", "GET", "a", "\r\n", "\r\n", "\n", " ", "\"", "'",
        "\\x41", "*", "$", "-", "0", "9", "x", "PING \"a b\"\r\n", "*0\r\n", "foo bar\r\n", "PING a b\r\n"};
    for (int round = 0; round < 3000; round++) {
        char input[2048];
        size_t bytes = 0;
        for (uint32_t i = 1 + random_below(20); i; i--) {
            const char *part = parts[random_below(sizeof(parts) / sizeof(*parts))];
            memcpy(input + bytes, part, strlen(part));
            bytes += strlen(part);
        }
        if (random_below(3) == 0)
            input[random_below((uint32_t)bytes)] = (char)random_next();
        compare(input, bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_cases), cmocka_unit_test(long_words),
                                       cmocka_unit_test(long_lines), cmocka_unit_test(random_conversations)};
    return cmocka_run_group_tests_name("redis", tests, start, stop);
}

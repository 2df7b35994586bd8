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
        static const char *const others[] = {"LSET", "XDEL", "GETEX"};
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
        fprintf(stderr, "input  [%.*s]\nredis  [%.*s]\nkv     [%.*s]\n", (int)bytes, input, (int)wanted, answer,
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

// Per type: known cases, then random requests of these words. What chance or the clock decides is not among them; the order of
// sets and hashes is not either, so that they are asked for member by member.
static const struct type_words {
    const char *name;
    const char *known[24];
    const char *const words[40];
    const char *const verbs[40];
} type_words[] = {
    {"strings",
     {"SET a 1 EX 100\r\nTTL a\r\nSET a 2 KEEPTTL\r\nTTL a\r\nSET a 3\r\nTTL a\r\n", "SET a 1 NX\r\nSET a 2 NX\r\nSET a 3 XX GET\r\nGET a\r\n",
      "SET a 1 EX 0\r\nSET a 1 PX -1\r\nSET a 1 EX x\r\nSET a 1 EX 9223372036854775807\r\nSET a 1 NX XX\r\nSET b 1 XX\r\nSET b 1 GET\r\n",
      "APPEND a xyz\r\nAPPEND a 123\r\nGET a\r\nSTRLEN a\r\nGETRANGE a 1 -2\r\nGETRANGE a -100 100\r\nGETRANGE a 5 1\r\nGETRANGE a -1 -5\r\n",
      "SETEX a 0 1\r\nSETEX a 10 1\r\nTTL a\r\nPSETEX a x 1\r\nINCRBY a 5\r\nDECRBY a 9223372036854775807\r\nDECRBY a -9223372036854775808\r\n",
      "MSET a 1 b\r\nMSET a 1 b 2\r\nMGET a b c\r\nLPUSH l 1\r\nMGET l\r\nGET l\r\nSET l 1 GET\r\nINCR l\r\nAPPEND l 1\r\nGETSET l 1\r\nSET l 1\r\nGET l\r\n"},
     {"a", "b", "c", "1", "-1", "0", "10", "abc", "9223372036854775807", "EX", "PX", "NX", "XX", "GET", "KEEPTTL", "100000", "\"\""},
     {"SET", "SET", "SET", "GET", "GETSET", "SETNX", "APPEND", "STRLEN", "INCR", "DECR", "INCRBY", "DECRBY", "MGET", "MSET", "GETRANGE", "DEL",
      "EXISTS", "TYPE", "TTL", "PERSIST", "EXPIRE", "SETEX", "GETDEL", "LPUSH", "UNLINK", "DBSIZE", "EXPIREAT", "PEXPIRE"}},
    {"lists",
     {"RPUSH a 1 2 3\r\nLPUSH a 0\r\nLRANGE a 0 -1\r\nLRANGE a -2 -1\r\nLRANGE a 5 9\r\nLINDEX a -1\r\nLINDEX a 9\r\nLPOP a 2\r\nRPOP a 9\r\nTYPE a\r\n",
      "LPOP a\r\nLPOP a 1\r\nRPUSH a x\r\nLPOP a 0\r\nLPOP a -1\r\nLPOP a x\r\nLPOP a 1 2\r\nLRANGE a x 1\r\nSET s 1\r\nLPUSH s 1\r\nLLEN s\r\n"},
     {"a", "a", "b", "1", "-1", "0", "3", "-3", "100", "x", "yy", "zzz"},
     {"LPUSH", "RPUSH", "LPUSH", "RPUSH", "LPOP", "RPOP", "LLEN", "LRANGE", "LRANGE", "LINDEX", "DEL", "SET", "TYPE", "LPUSHX", "RPUSHX"}},
    {"sets",
     {"SADD a x y x\r\nSCARD a\r\nSISMEMBER a x\r\nSREM a x z\r\nSMEMBERS a\r\nSPOP a\r\nEXISTS a\r\nSPOP a\r\nSPOP a 2\r\nSRANDMEMBER a\r\nSRANDMEMBER a 2\r\n",
      "SPOP a x\r\nSPOP a -1\r\nSRANDMEMBER a x\r\nSPOP a 1 2\r\nSADD a x\r\nSRANDMEMBER a -3\r\nSRANDMEMBER a 0\r\nSRANDMEMBER a 5\r\nGET a\r\nSADD\r\n"},
     {"a", "a", "b", "x", "y", "z", "1", "2"},
     {"SADD", "SADD", "SREM", "SISMEMBER", "SCARD", "DEL", "SET", "TYPE", "EXISTS"}},
    {"hashes",
     {"HSET h a 1 b 2\r\nHGET h a\r\nHMGET h a b c\r\nHLEN h\r\nHEXISTS h a\r\nHDEL h a c\r\nHGETALL h\r\nHKEYS h\r\nHVALS h\r\nHINCRBY h b 5\r\n",
      "HSET h a\r\nHSET h a 1 b\r\nHINCRBY h n x\r\nHSET h n x\r\nHINCRBY h n 1\r\nHSET h n 9223372036854775807\r\nHINCRBY h n 1\r\nHGETALL no\r\nGET h\r\n"},
     {"a", "a", "b", "f", "g", "1", "2", "-1", "x", "9223372036854775807"},
     {"HSET", "HSET", "HSET", "HGET", "HDEL", "HLEN", "HEXISTS", "HMGET", "HINCRBY", "HMSET", "HSETNX", "HSTRLEN", "DEL", "SET", "TYPE"}},
    {"zsets",
     {"ZADD z 1 a 2 b 1.5 c\r\nZRANGE z 0 -1 WITHSCORES\r\nZREVRANGE z 0 1\r\nZSCORE z c\r\nZRANK z b\r\nZREVRANK z b\r\nZINCRBY z 0.1 a\r\nZPOPMIN z\r\nZPOPMAX z 5\r\nEXISTS z\r\n",
      "ZADD z x a\r\nZADD z nan a\r\nZADD z 1\r\nZADD z NX XX 1 a\r\nZADD z GT LT 1 a\r\nZADD z INCR 1 a 2 b\r\nZADD z XX 1 a\r\nZADD z INCR 1 a\r\nZADD z CH 2 a\r\n",
      "ZADD z inf a -inf b\r\nZINCRBY z -inf a\r\nZSCORE z a\r\nZSCORE z b\r\nZADD z 1e400 x\r\nZADD z -0 x\r\nZSCORE z x\r\nZPOPMIN z x\r\nZPOPMIN z 0\r\nZPOPMIN z -1\r\nZPOPMIN no\r\n"},
     {"a", "a", "b", "x", "y", "z", "1", "2", "-1", "0", "3.25", "0.1", "1e20", "-1e-7", "inf", "123456789.123", "NX", "XX", "GT", "LT", "CH", "INCR",
      "WITHSCORES", "REV"},
     {"ZADD", "ZADD", "ZADD", "ZADD", "ZSCORE", "ZRANGE", "ZRANGE", "ZREM", "ZCARD", "ZRANK", "ZREVRANK", "ZPOPMIN", "ZPOPMAX", "ZINCRBY",
      "ZREVRANGE", "DEL", "SET"}},
    {"streams",
     {"XADD s 1-1 f v\r\nXADD s 1-1 f v\r\nXADD s 1-* g w\r\nXADD s 2 a b c d\r\nXLEN s\r\nXRANGE s - +\r\nXRANGE s 1 1\r\nXRANGE s (1-1 + COUNT 1\r\nXREVRANGE s + -\r\n",
      "XADD s 0-0 f v\r\nXADD s x f v\r\nXADD s 1-1 f\r\nXADD s NOMKSTREAM 1-1 f v\r\nXADD s MAXLEN 1 3-3 f v\r\nXADD s MAXLEN = 1 4-4 f v\r\nXRANGE s - +\r\nXRANGE s x +\r\nTYPE s\r\n"},
     {"a", "a", "b", "1-1", "1-2", "2", "2-5", "3-*", "5-0", "f", "v", "-", "+", "COUNT", "2", "(1-1", "MAXLEN"},
     {"XADD", "XADD", "XADD", "XADD", "XLEN", "XRANGE", "XREVRANGE", "DEL", "SET"}},
};

static void types(void **state) {
    const struct type_words *type = *state;
    if (server <= 0)
        skip();
    for (size_t i = 0; i < 24 && type->known[i]; i++)
        text(type->known[i]);
    size_t words = 0, verbs = 0;
    while (words < 40 && type->words[words])
        words++;
    while (verbs < 40 && type->verbs[verbs])
        verbs++;
    for (int round = 0; round < 1500; round++) {
        char input[8000];
        size_t used = 0;
        for (uint32_t lines = 1 + random_below(40); lines; lines--) {
            used += (size_t)sprintf(input + used, "%s", type->verbs[random_below((uint32_t)verbs)]);
            for (uint32_t count = random_below(16) ? 1 + random_below(4) : random_below(8); count; count--)
                used += (size_t)sprintf(input + used, " %s", type->words[random_below((uint32_t)words)]);
            used += (size_t)sprintf(input + used, "\r\n");
        }
        compare(input, used);
    }
}

static void keys(void **state) {
    (void)state;
    if (server <= 0)
        skip();
    text("SET abc 1\r\nKEYS a*\r\nKEYS ?b?\r\nKEYS [a-c]bc\r\nKEYS [^a]*\r\nKEYS \"\\\\abc\"\r\nSCAN 0\r\nSCAN 0 MATCH x*\r\nSCAN 0 TYPE list\r\n");
    text("SCAN x\r\nSCAN 0 COUNT 0\r\nSCAN 0 COUNT x\r\nSCAN 0 FOO\r\nSELECT 0\r\nSELECT 99\r\nSELECT x\r\nECHO a\r\nDBSIZE\r\n");
    text("SET a 1\r\nEXPIRE a 100\r\nTTL a\r\nEXPIRE a 50 GT\r\nEXPIRE a 50 LT\r\nTTL a\r\nEXPIRE a 9 NX\r\nEXPIRE a 9 FOO\r\nEXPIRE a 9 NX XX\r\nEXPIRE a 9 GT LT\r\n");
    text("SET a 1\r\nEXPIRE a x\r\nEXPIRE a 9223372036854775807\r\nPEXPIRE a 9223372036854775807\r\nEXPIRE a -1\r\nEXISTS a\r\nEXPIRE a 1\r\nPERSIST a\r\nTTL a\r\nPTTL a\r\n");
    text("CLIENT GETNAME\r\nCLIENT SETNAME x\r\nCLIENT GETNAME\r\nCLIENT SETNAME \"a b\"\r\nCLIENT FOO\r\nCLIENT SETNAME\r\nCONFIG GET save\r\nCONFIG GET appendonly\r\n");
    text("HELLO 4\r\nHELLO x\r\nFLUSHALL\r\nFLUSHALL foo\r\nFLUSHDB ASYNC\r\nCONFIG FOO\r\nCONFIG\r\nSHUTDOWN FOO\r\nCOMMAND DOCS nothing\r\n");
}

int main(void) {
#define TYPE_TEST(index) {"random " #index, types, NULL, NULL, (void *)(uintptr_t)&type_words[index]}
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_cases), cmocka_unit_test(long_words),
                                       cmocka_unit_test(long_lines), cmocka_unit_test(random_conversations),
                                       cmocka_unit_test(keys), TYPE_TEST(0), TYPE_TEST(1), TYPE_TEST(2), TYPE_TEST(3),
                                       TYPE_TEST(4), TYPE_TEST(5)};
    return cmocka_run_group_tests_name("redis", tests, start, stop);
}

// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// test_command.c - requests in, replies out: the commands and their errors, word by word.
#include "recovery.h"
#include "talk.h"
#include "walk.h"

// Sends input whole and byte by byte; both times the replies must be expected.
static void expect(const char *input, const char *expected) {
    for (size_t piece = 1; piece <= 2; piece++) {
        struct talk talk;
        size_t bytes = strlen(input), step = piece == 1 ? 1 : bytes;
        talk_open(&talk, 1 << 20, piece == 1 ? 3 : 65536);
        for (size_t i = 0; i < bytes; i += step)
            talk_feed(&talk, input + i, step);
        talk_keep(&talk, talk.connection->closing ? "#" : "", talk.connection->closing ? 2 : 1); // with the NUL
        assert_string_equal(talk.output, expected);
        talk_close(&talk);
    }
}

static void ping(void **state) {
    (void)state;
    expect("PING\r\n", "+PONG\r\n");
    expect("ping hello\r\n", "$5\r\nhello\r\n");
    expect("PING a b\r\n", "-ERR wrong number of arguments for 'ping' command\r\n");
}

static void set_get_del(void **state) {
    (void)state;
    expect("GET a\r\nSET a 1\r\nGET a\r\nSET a \"\"\r\nGET a\r\nDEL a a b\r\nGET a\r\nDEL a\r\n",
           "$-1\r\n+OK\r\n$1\r\n1\r\n+OK\r\n$0\r\n\r\n:1\r\n$-1\r\n:0\r\n");
    expect("SET a\r\nSET\r\nGET\r\nGET a b\r\nDEL\r\n",
           "-ERR wrong number of arguments for 'set' command\r\n-ERR wrong number of arguments for 'set' command\r\n"
           "-ERR wrong number of arguments for 'get' command\r\n-ERR wrong number of arguments for 'get' command\r\n"
           "-ERR wrong number of arguments for 'del' command\r\n");
    expect("SET a 1 EX 10 PX 10\r\nGET a\r\n", "-ERR syntax error\r\n$-1\r\n");
}

static void incr(void **state) {
    (void)state;
    expect("INCR n\r\nINCR n\r\nGET n\r\n", ":1\r\n:2\r\n$1\r\n2\r\n");
    expect("SET n -1\r\nINCR n\r\nSET n 9\r\nINCR n\r\nGET n\r\n", "+OK\r\n:0\r\n+OK\r\n:10\r\n$2\r\n10\r\n");
    expect("SET n x\r\nINCR n\r\nSET n 9223372036854775807\r\nINCR n\r\nSET n 9223372036854775808\r\nINCR n\r\n",
           "+OK\r\n-ERR value is not an integer or out of range\r\n"
           "+OK\r\n-ERR increment or decrement would overflow\r\n"
           "+OK\r\n-ERR value is not an integer or out of range\r\n");
    expect("INCR\r\nINCR a b\r\n", "-ERR wrong number of arguments for 'incr' command\r\n"
                                   "-ERR wrong number of arguments for 'incr' command\r\n");
}

static void unknown(void **state) {
    (void)state;
    expect("foo a b\r\n", "-ERR unknown command 'foo', with args beginning with: 'a' 'b' \r\n");
    expect("CONFIGS GET save\r\n", "-ERR unknown command 'CONFIGS', with args beginning with: 'GET' 'save' \r\n");
    expect("*2\r\n$3\r\na\rb\r\n$3\r\nc\nd\r\n", "-ERR unknown command 'a b', with args beginning with: 'c d' \r\n");
}

static void closes(void **state) {
    (void)state;
    expect("PING\r\nQUIT\r\nPING\r\n", "+PONG\r\n+OK\r\n#");
    expect("POST / HTTP/1.1\r\nHost: x\r\n", "#");
    expect("*1\r\n$4\r\nPING\r\n*x\r\nPING\r\n", "+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n#");
    expect("*1\r\n!\r\n", "-ERR Protocol error: expected '$', got '!'\r\n#");
}

static void out_of_memory(void **state) {
    (void)state;
    struct talk talk;
    char request[2000], value[1000];
    memset(value, 'v', sizeof(value));
    talk_open(&talk, 50000, 65536);
    for (int i = 0; i < 100; i++)
        talk_feed(&talk, request, (size_t)sprintf(request, "*3\r\n$3\r\nSET\r\n$5\r\nk%04d\r\n$1000\r\n%.1000s\r\n", i, value));
    assert_memory_equal(talk.output, "+OK\r\n", 5);
    static const char refusal[] = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
    assert_memory_equal(talk.output + talk.output_bytes - strlen(refusal), refusal, strlen(refusal));
    talk.output_bytes = 0;
    static const char after[] = "PING\r\nDEL k0000\r\nSET a 1\r\nGET a\r\n";
    talk_feed(&talk, after, strlen(after)); // it stays up, and has room again
    talk_keep(&talk, "", 1);
    assert_string_equal(talk.output, "+PONG\r\n:1\r\n+OK\r\n$1\r\n1\r\n");
    talk_close(&talk);
}

static void long_keys(void **state) {
    (void)state;
    for (int length = 250; length < 260; length++) {
        char key[300], request[1200], expected[64] = "+OK\r\n$1\r\n1\r\n:1\r\n";
        memset(key, 'k', sizeof(key));
        sprintf(request, "SET %.*s 1\r\nGET %.*s\r\nDEL %.*s\r\n", length, key, length, key, length, key);
        expect(request, expected);
    }
}

static const char every_type[] =
    "SET s 1 EX 100\r\nAPPEND s 2345678901234567890\r\nMSET a 1 b 2 c 3\r\nINCR a\r\nRPUSH l 1 2 3 4 5 6\r\nLPOP l 2\r\n"
    "SADD t a b c d e f g h i j k l\r\nSPOP t 3\r\nHSET h a 1 b 2 c 3 d 4 e 5 f 6 g 7 h 8 i 9\r\nHINCRBY h z 1\r\nHDEL h a\r\n"
    "ZADD z 1 a 2 b 3 c 4 d 5 e 6 f 7 g 8 h 9 i\r\nZINCRBY z 5 a\r\nZPOPMIN z 2\r\nXADD x 1 f v\r\nXADD x 2 f v\r\nSET l 1 GET\r\n"
    "SET t x\r\nGETSET s y\r\nKEYS *\r\nSCAN 0 COUNT 100\r\nEXPIRE h 10\r\nCLIENT LIST\r\nINFO\r\n";

// Wherever the heap or the limit ends: answers are lost, never the account, and no aggregate stays empty.
static void memory_ends_anywhere(void **state) {
    (void)state;
    for (size_t limit = 0; limit < 9000; limit += 30) {
        struct talk talk;
        talk_open(&talk, limit % 60 ? limit : 1 << 20, 65536);
        if (limit % 60 == 0)
            fake_heap_limit = fake_heap_used + limit;
        talk_feed(&talk, every_type, strlen(every_type));
        fake_heap_limit = SIZE_MAX;
        size_t place = 0;
        for (struct dict_entry *entry = NULL; (entry = dict_next(&talk.store.keys, &place, entry));)
            assert_true(entry->type == TYPE_STRING || store_length(entry) > 0);
        store_clear(&talk.store);
        assert_int_equal(talk.store.memory.used_bytes, 0);
        assert_int_equal(talk.store.expiring, 0);
        talk_close(&talk);
    }
}

static void keys_end(void **state) {
    (void)state;
    struct talk talk;
    static const char before[] = "SET a 1 EX 10\r\nSET b 1 EX 10\r\nSET c 1\r\nRPUSH d 1\r\nPEXPIRE d 10\r\n", after[] = "GET a\r\nDBSIZE\r\n";
    talk_open(&talk, 1 << 20, 65536);
    talk_feed(&talk, before, strlen(before));
    fake_public.clock.wall_offset_ns += 10000000000;
    talk.output_bytes = 0;
    talk_feed(&talk, after, strlen(after));
    talk_keep(&talk, "", 1);
    assert_string_equal(talk.output, "$-1\r\n:3\r\n"); // c, and two that nobody asked for
    store_sweep(&talk.store, 1000);
    assert_int_equal(store_count(&talk.store), 1);
    assert_int_equal(talk.store.expiring, 0);
    talk_close(&talk);
}

// What a snapshot does: every key and element into a second store, which must then answer the same.
static void walk_and_restore(void **state) {
    (void)state;
    struct talk talk, other;
    static const char ask[] = "GET s\r\nTTL h\r\nLRANGE r 0 -1\r\nSCARD u\r\nHGET h c\r\nZRANGE z 0 -1 WITHSCORES\r\nXRANGE x - +\r\nXADD x 2 f v\r\n";
    talk_open(&talk, 1 << 20, 65536);
    talk_open(&other, 1 << 20, 65536);
    talk_feed(&talk, every_type, strlen(every_type));
    talk_feed(&talk, "RPUSH r 1 2 3\r\nSADD u 1 2\r\n", 27);
    size_t place = 0;
    for (struct dict_entry *key = NULL; (key = dict_next(&talk.store.keys, &place, key));) {
        struct walk walk;
        struct element element;
        assert_int_equal(walk_restore(&other.store, key->bytes, key->key_bytes, key->type), 0);
        walk_open(&walk, key);
        while (walk_next(&walk, &element))
            assert_int_equal(walk_add(&other.store, key->bytes, key->key_bytes, &element), 0);
        store_expire(&other.store, store_find(&other.store, key->bytes, key->key_bytes), key->expires_ms);
    }
    assert_int_equal(store_count(&other.store), store_count(&talk.store));
    talk.output_bytes = other.output_bytes = 0;
    talk_feed(&talk, ask, strlen(ask));
    talk_feed(&other, ask, strlen(ask));
    assert_int_equal(talk.output_bytes, other.output_bytes);
    assert_memory_equal(talk.output, other.output, talk.output_bytes);
    connection_table_clear(&other.table);
    heap_free(other.table.entries);
    store_close(&other.store);
    free(other.output);
    talk_close(&talk);
}

// Records of faults: by name, or with all, never by default. What they say comes through memory that everybody can write.
static void info_faults(void **state) {
    (void)state;
    fake_fault_count = 2;
    fake_faults[0] = (struct fault_row){.number = 7, .generation = 1, .outcome = FAULT_DOWN, .domain = "net", .component = "net", .kind = "loop", .at = "?"};
    fake_faults[1] = (struct fault_row){.number = 8, .generation = 2, .restart = 1, .ready_ns = 84999, .outcome = FAULT_RESTARTED, .domain = "fs",
                                        .component = "fs", .kind = "write", .at = "a+0x1 b.c:1", .gate = "fs_read", .caller = "kv"};
    expect("INFO faults\r\n", "$270\r\n# Faults\r\nfaults_total:8\r\n"
           "fault0:domain=fs,gen=2,component=fs,kind=write,at=a+0x1 b.c:1,gate=fs_read,caller=kv,number=8,action=restarted,restart=1,ready_us=84\r\n"
           "fault1:domain=net,gen=1,component=net,kind=loop,at=?,gate=,caller=,number=7,action=down,restart=0,ready_us=0\r\n\r\n");
    struct talk talk;
    talk_open(&talk, 1 << 20, 65536);
    talk_feed(&talk, "INFO\r\nINFO default\r\n", 20);
    talk_keep(&talk, "", 1);
    assert_null(strstr(talk.output, "aults"));
    talk.output_bytes = 0;
    talk_feed(&talk, "INFO all\r\nINFO everything\r\n", 27);
    talk_keep(&talk, "", 1);
    assert_non_null(strstr(strstr(talk.output, "fault1:") + 1, "fault1:"));
    for (int i = fake_fault_count = 0; i < FAULTS_KEPT; i++, fake_fault_count++) {
        memset(&fake_faults[i], 'x', sizeof(fake_faults[i]));
        memcpy(fake_faults[i].kind, "a,b\r\n\x80", 6);
    }
    talk.output_bytes = 0;
    talk_feed(&talk, "INFO faults\r\n", 13);
    talk_keep(&talk, "", 1);
    assert_non_null(strstr(talk.output, ",kind=a b   x"));
    assert_non_null(strstr(talk.output, ",action=unknown,"));
    assert_non_null(strstr(talk.output, "fault15:"));
    assert_null(strstr(talk.output, "fault16:"));
    talk_close(&talk);
    fake_fault_count = 0;
    expect("INFO faults\r\n", "$26\r\n# Faults\r\nfaults_total:0\r\n\r\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(ping),    cmocka_unit_test(set_get_del),
                                       cmocka_unit_test(incr),    cmocka_unit_test(unknown),
                                       cmocka_unit_test(closes),  cmocka_unit_test(out_of_memory),
                                       cmocka_unit_test(long_keys),
                                       cmocka_unit_test(memory_ends_anywhere),
                                       cmocka_unit_test(keys_end), cmocka_unit_test(walk_and_restore),
                                       cmocka_unit_test(info_faults)};
    return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}

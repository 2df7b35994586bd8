// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// test_connection.c - clients that split, flood, do not read, or come when memory is short.
#include "talk.h"

static void pipeline_in_pieces(void **state) {
    (void)state;
    char *input = malloc(1 << 20), *expected = malloc(1 << 20);
    size_t bytes = 0, wanted = 0;
    for (int i = 0; i < 2000; i++) {
        bytes += (size_t)sprintf(input + bytes, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\n%04d\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", i);
        wanted += (size_t)sprintf(expected + wanted, "+OK\r\n$4\r\n%04d\r\n", i);
    }
    for (int round = 0; round < 10; round++) {
        struct talk talk;
        talk_open(&talk, 1 << 20, 1 + random_below(5000));
        for (size_t i = 0, piece; i < bytes; i += piece) {
            piece = 1 + random_below(round < 5 ? 40 : 20000);
            piece = piece < bytes - i ? piece : bytes - i;
            talk_feed(&talk, input + i, piece);
        }
        assert_int_equal(talk.output_bytes, wanted);
        assert_memory_equal(talk.output, expected, wanted);
        talk_close(&talk);
    }
    free(input);
    free(expected);
}

// A client asks for much and reads nothing: its requests wait, and when it reads, every reply comes, in order.
static void backpressure(void **state) {
    (void)state;
    struct talk talk;
    static char value[100000], request[200000];
    talk_open(&talk, 1 << 20, 1000);
    memset(value, 'v', sizeof(value));
    size_t bytes = (size_t)sprintf(request, "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$100000\r\n%.100000s\r\n", value);
    talk_feed(&talk, request, bytes);
    talk.output_bytes = 0;
    char direct[1];
    for (int i = 0; i < 20; i++)
        assert_int_equal(connection_input(&talk.table, talk.connection, "GET a\r\n", 7, direct, 0), 0);
    assert_true(talk.connection->stalled && talk.connection->ready && !talk.connection->closing);
    assert_true(connection_waiting(talk.connection) < CONNECTION_OUTPUT_HIGH + 2 * sizeof(value));
    assert_true(buffer_bytes(&talk.connection->input) > 0);
    talk_drain(&talk);
    assert_int_equal(talk.output_bytes, 20 * (9 + sizeof(value) + 2));
    assert_false(talk.connection->stalled || talk.connection->ready);
    assert_int_equal(buffer_bytes(&talk.connection->input), 0);
    talk_close(&talk);
}

// Large values go as objects, small replies round them as bytes: the order is that of the requests, whatever direct has
// room for.
static void gifts_keep_the_order(void **state) {
    (void)state;
    static char value[300000], request[400000], wanted[2000000];
    for (size_t i = 0; i < sizeof(value); i++)
        value[i] = (char)('a' + i * 7 / 3 % 26);
    static const size_t sizes[] = {1, 16383, 16384, 65526, 65536, 300000};
    for (size_t room = 0; room <= 65536; room += room < 64 ? 7 : 8191) {
        struct talk talk;
        talk_open(&talk, 4 << 20, room);
        size_t expected = 0;
        for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
            size_t bytes = (size_t)sprintf(request, "*3\r\n$3\r\nSET\r\n$2\r\nk%zu\r\n$%zu\r\n%.*s\r\n", i, sizes[i], (int)sizes[i], value);
            talk_feed(&talk, request, bytes);
            expected += (size_t)sprintf(wanted + expected, "+OK\r\n");
        }
        static const char words[] = "GET k0\r\nGET k4\r\nPING\r\nGET k5\r\nGET k2\r\nMGET k1 k3 k0 k2\r\n";
        static const int order[] = {0, 4, -1, 5, 2, -2, 1, 3, 0, 2};
        talk_feed(&talk, words, sizeof(words) - 1);
        for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++)
            expected += order[i] == -1   ? (size_t)sprintf(wanted + expected, "+PONG\r\n")
                        : order[i] == -2 ? (size_t)sprintf(wanted + expected, "*4\r\n")
                                         : (size_t)sprintf(wanted + expected, "$%zu\r\n%.*s\r\n", sizes[order[i]], (int)sizes[order[i]], value);
        assert_int_equal(talk.output_bytes, expected);
        assert_memory_equal(talk.output, wanted, expected);
        talk_close(&talk);
    }
}

// What direct could not deliver goes before the gifts; a heap that fails leaves them as they were; a dropped client's
// are freed.
static void gifts_before_and_without_memory(void **state) {
    (void)state;
    static char value[200000];
    struct gifts gifts = {0};
    const struct gift_part large = {value, sizeof(value)}, small = {"first", 5};
    size_t used = fake_heap_used;
    assert_true(gifts_add(&gifts, false, &large, 1, sizeof(value)));
    assert_false(gifts_add(&gifts, false, &small, 1, sizeof(value) + 4));
    assert_true(gifts_add(&gifts, true, &small, 1, sizeof(value) + 5));
    assert_int_equal(gifts.bytes, sizeof(value) + 5);
    assert_int_equal(gifts.first->bytes, 5);
    assert_memory_equal(gifts.first->object, "first", 5);
    gifts_clear(&gifts);
    assert_true(gifts_add(&gifts, true, &small, 1, 5));
    assert_ptr_equal(gifts.first, gifts.last);
    const struct gift_part both[] = {small, large};
    size_t objects = fake_objects, limit = 0;
    for (; fake_heap_limit = fake_heap_used + limit, !gifts_add(&gifts, false, both, 2, SIZE_MAX); limit += 8) {
        assert_int_equal(gifts.bytes, 5);
        assert_null(gifts.first->next);
        assert_int_equal(fake_objects, objects);
    }
    fake_heap_limit = SIZE_MAX;
    assert_true(limit > 0);
    assert_int_equal(gifts.bytes, sizeof(value) + 10);
    gifts_clear(&gifts);
    for (fake_object_limit = objects - 1; !gifts_add(&gifts, false, both, 2, SIZE_MAX); fake_object_limit++)
        assert_true(!gifts.first && fake_objects == objects - 1);
    assert_int_equal(fake_object_limit, objects - 1 + 4);
    fake_object_limit = SIZE_MAX;
    gifts_clear(&gifts);
    assert_int_equal(fake_heap_used, used);
}

static void input_limit(void **state) {
    (void)state;
    struct talk talk;
    static char piece[65536];
    talk_open(&talk, 1 << 20, 1000);
    talk_feed(&talk, "*2\r\n$3\r\nGET\r\n$100000000\r\n", 26);
    for (int i = 0; i < 20 && !talk.connection->closing; i++)
        talk_feed(&talk, piece, sizeof(piece));
    assert_true(talk.connection->closing);
    assert_memory_equal(talk.output, "-OOM ", 5);
    talk_close(&talk);
}

// A heap that fails at any moment costs answers or the connection, never memory.
static void heap_failures(void **state) {
    (void)state;
    static const char input[] = "SET a \"long enough for the heap\"\r\nGET a\r\n*5\r\n$3\r\nDEL\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n"
                                "INCR n\r\nPING\r\n";
    for (size_t limit = 0; limit < 6000; limit += 40) {
        struct talk talk;
        talk_open(&talk, 1 << 20, 20);
        fake_heap_limit = fake_heap_used + limit;
        for (size_t i = 0; i + 10 < sizeof(input); i += 10)
            talk_feed(&talk, input + i, 10);
        fake_heap_limit = SIZE_MAX;
        talk_close(&talk);
    }
}

static void table(void **state) {
    (void)state;
    struct store store;
    store_open(&store, 1, 2, 1 << 20);
    struct connection_table table = {.store = &store, .input_limit = 1000, .output_limit = 1000};
    assert_null(connection_find(&table, 0x10005));
    struct connection *first = connection_open(&table, 0x10005);
    assert_ptr_equal(connection_find(&table, 0x10005), first);
    assert_null(connection_find(&table, 0x20005)); // another generation
    assert_non_null(connection_open(&table, 0x1ffff));
    assert_ptr_equal(connection_find(&table, 0x10005), first);
    struct connection *second = connection_open(&table, 0x20005);
    assert_null(connection_find(&table, 0x10005));
    assert_ptr_equal(connection_find(&table, 0x20005), second);
    for (uint32_t i = 1; i < 300; i++) { // the ready list, in and out at random
        struct connection *connection = connection_open(&table, 0x30000 + i);
        connection->closing = random_below(2);
        connection_settle(&table, connection);
    }
    for (uint32_t i = 1; i < 300; i += 2)
        connection_drop(&table, connection_find(&table, 0x30000 + i));
    size_t ready = 0, closing = 0;
    for (struct connection *connection = table.first_ready; connection; connection = connection->next)
        ready++;
    for (uint32_t i = 2; i < 300; i += 2)
        closing += connection_find(&table, 0x30000 + i)->closing;
    assert_int_equal(ready, closing);
    connection_table_clear(&table);
    assert_null(table.first_ready);
    heap_free(table.entries);
    store_close(&store);
    assert_int_equal(fake_heap_used, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(pipeline_in_pieces), cmocka_unit_test(backpressure), cmocka_unit_test(gifts_keep_the_order),
                                       cmocka_unit_test(gifts_before_and_without_memory),
                                       cmocka_unit_test(input_limit), cmocka_unit_test(heap_failures),
                                       cmocka_unit_test(table)};
    return cmocka_run_group_tests_name("connection", tests, NULL, NULL);
}

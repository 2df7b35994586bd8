// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// test_sockets.c - domains/net/socket_table.c: a handle of before a restart, or of a closed socket, fits no other
// socket.
#include "fake.h"
#include "alloc.h"
#include "farewell.h"
#include "random.h"
#include "../../domains/net/socket_table.c"

// The same each time: what differs from start to start is not to rest on luck.
uint32_t net_random(void) { return 4711; }
void farewell_forget(const struct socket *socket) { (void)socket; }
u8_t pbuf_free(struct pbuf *pbuf) { return pbuf != NULL; }

// What a restart does: all but what is persistent is as in the image, and the heap is new.
static void restart(void) {
    for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
        heap_free(blocks[i]);
    memset(blocks, 0, sizeof(blocks));
    memset(socket_owners, 0, sizeof(socket_owners));
    free_sockets = NULL;
    free_count = sockets_made = 0;
    fresh_owners = 0;
}

#define COUNT 200

static void take_all(net_socket_t handles[COUNT]) {
    for (int i = 0; i < COUNT; i++) {
        handles[i] = socket_handle(socket_new(SOCKET_CONNECTED, 1));
        assert_true((int)handles[i] > 0);
        assert_non_null(socket_find(handles[i]));
    }
}

static void no_handle_comes_again(void **state) {
    (void)state;
    enum { STARTS = 100 };
    static net_socket_t handles[STARTS][COUNT];
    for (int start = 0; start < STARTS; start++) {
        restart();
        for (int i = 0; start > 0 && i < COUNT; i++)
            assert_null(socket_find(handles[start - 1][i]));
        take_all(handles[start]);
        for (int i = 0; i < COUNT; i += 3)
            socket_free(socket_find(handles[start][i]));
        for (int i = 0; i < COUNT; i++)
            assert_int_equal(socket_find(handles[start][i]) == NULL, i % 3 == 0);
        for (int old = 0; old < start; old++)
            for (int i = 0; i < COUNT; i++)
                assert_null(socket_find(handles[old][i]));
    }
    restart();
}

// What was kept may be anything: a handle is still a positive number, and the next one another.
static void whatever_was_kept(void **state) {
    (void)state;
    static const uint16_t kept[] = {0, 1, 0x7ffe, 0x7fff, 0x8000, 0xffff};
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        net_socket_t handles[COUNT];
        for (int j = 0; j < SOCKETS_MAX; j++)
            generations[j] = kept[i];
        restart();
        take_all(handles);
        socket_free(socket_find(handles[0]));
        assert_null(socket_find(handles[0]));
    }
    restart();
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(no_handle_comes_again), cmocka_unit_test(whatever_was_kept) };
    return cmocka_run_group_tests_name("sockets", tests, NULL, NULL);
}

// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// test_store.c - the hash table: random use against a model, resizes both ways, the limit, a heap that runs out.
#include "fake.h"
#include "store.h"

#define KEYS 3000
#define VALUE_MAX 120

static struct {
    bool there;
    size_t bytes;
    char value[VALUE_MAX];
} model[KEYS];

static size_t key_of(uint32_t index, char *out) {
    return (size_t)sprintf(out, "key:%u%.*s", index, (int)(index % 40), "----------------------------------------");
}

static void check(struct store *store, uint32_t index) {
    char key[80];
    size_t key_bytes = key_of(index, key), bytes = 0;
    const char *value = store_get(store, key, key_bytes, &bytes);
    assert_int_equal(value != NULL, model[index].there);
    if (value) {
        assert_int_equal(bytes, model[index].bytes);
        assert_memory_equal(value, model[index].value, bytes);
    }
}

// Steps with one of three leanings, so that the table grows, stays and shrinks.
static void random_steps(struct store *store, int steps, uint32_t sets_of_ten) {
    for (int step = 0; step < steps; step++) {
        char key[80], value[VALUE_MAX];
        uint32_t index = random_below(KEYS);
        size_t key_bytes = key_of(index, key), bytes = random_below(VALUE_MAX);
        if (random_below(10) < sets_of_ten) {
            memset(value, (int)random_next(), bytes);
            if (store_set(store, key, key_bytes, value, bytes) == 0) {
                model[index].there = true;
                model[index].bytes = bytes;
                memcpy(model[index].value, value, bytes);
            }
        } else {
            assert_int_equal(store_delete(store, key, key_bytes), model[index].there);
            model[index].there = false;
        }
        check(store, random_below(KEYS));
        assert_true(store->memory.used_bytes <= store->memory.limit_bytes);
    }
}

static void everything(struct store *store) {
    size_t count = 0;
    for (uint32_t i = 0; i < KEYS; i++) {
        check(store, i);
        count += model[i].there;
    }
    assert_int_equal(store_count(store), count);
}

static void run(size_t limit_bytes, size_t heap_limit) {
    struct store store;
    size_t before = fake_heap_used;
    memset(model, 0, sizeof(model));
    store_open(&store, 1, 2, limit_bytes);
    fake_heap_limit = heap_limit;
    for (int round = 0; round < 3; round++) {
        random_steps(&store, 20000, 8);
        everything(&store);
        random_steps(&store, 20000, 1);
        everything(&store);
    }
    for (uint32_t i = 0; i < KEYS; i++) {
        char key[80];
        store_delete(&store, key, key_of(i, key));
    }
    assert_int_equal(store_count(&store), 0);
    store_close(&store);
    fake_heap_limit = SIZE_MAX;
    assert_int_equal(fake_heap_used, before);
}

static void random_use(void **state) {
    (void)state;
    run(SIZE_MAX / 2, SIZE_MAX);
}

static void limit_reached(void **state) {
    (void)state;
    run(100000, SIZE_MAX);
}

static void heap_exhausted(void **state) {
    (void)state;
    run(SIZE_MAX / 2, 100000);
}

static void accounts_exactly(void **state) {
    (void)state;
    struct store store;
    store_open(&store, 1, 2, 1 << 20);
    assert_int_equal(store_set(&store, "a", 1, "1", 1), 0);
    size_t one = store.memory.used_bytes;
    assert_int_equal(store_set(&store, "b", 1, "1", 1), 0);
    assert_true(store_delete(&store, "b", 1));
    assert_int_equal(store.memory.used_bytes, one);
    for (int i = 0; i < 1000; i++) { // a counter never allocates again
        char text[16];
        assert_int_equal(store_set(&store, "a", 1, text, (size_t)sprintf(text, "%d", i)), 0);
    }
    assert_int_equal(store.memory.used_bytes, one);
    store_close(&store);
}

static void old_value_survives_refusal(void **state) {
    (void)state;
    struct store store;
    static char large[100000];
    size_t bytes;
    store_open(&store, 1, 2, 20000);
    assert_int_equal(store_set(&store, "a", 1, "old", 3), 0);
    assert_int_equal(store_set(&store, "a", 1, large, sizeof(large)), -ENOMEM);
    assert_memory_equal(store_get(&store, "a", 1, &bytes), "old", 3);
    assert_int_equal(store_set(&store, "", 0, "", 0), 0); // an empty key is a key
    assert_non_null(store_get(&store, "", 0, &bytes));
    assert_int_equal(bytes, 0);
    store_close(&store);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_use), cmocka_unit_test(limit_reached),
                                       cmocka_unit_test(heap_exhausted), cmocka_unit_test(accounts_exactly),
                                       cmocka_unit_test(old_value_survives_refusal)};
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}

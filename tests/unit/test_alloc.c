// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// test_alloc.c - the private heap: random use against a model, exhaustion, coalescing, misuse.
#include "alloc.h"
#include "fake.h"

char heap_area[1048576] __attribute__((aligned(4096))); // the size is also in unit.mk

#define SLOTS 400

static struct {
    unsigned char *address;
    size_t bytes;
    unsigned char fill;
} slots[SLOTS];

static void check_fill(size_t i) {
    for (size_t j = 0; j < slots[i].bytes; j++)
        assert_int_equal(slots[i].address[j], slots[i].fill);
}

static size_t random_size(void) {
    uint32_t kind = random_below(10);
    return kind < 6 ? random_below(100) : kind < 9 ? random_below(3000) : random_below(60000);
}

static void empty_again(void) {
    struct heap_statistics statistics = heap_statistics();
    assert_int_equal(statistics.used_bytes, 0);
    assert_int_equal(statistics.blocks, 0);
    void *all = heap_alloc(sizeof(heap_area) * 15 / 16); // only when everything has coalesced
    assert_non_null(all);
    heap_free(all);
}

static void random_use(void **state) {
    (void)state;
    for (int step = 0; step < 200000; step++) {
        size_t i = random_below(SLOTS), bytes = random_size();
        if (!slots[i].address) {
            slots[i].address = random_below(2) ? heap_alloc(bytes) : heap_zalloc(bytes);
        } else if (random_below(3)) {
            check_fill(i);
            heap_free(slots[i].address);
            slots[i].address = NULL;
            continue;
        } else {
            unsigned char *moved = heap_realloc(slots[i].address, bytes);
            if (!moved) {
                check_fill(i);
                continue;
            }
            slots[i].address = moved;
            if (bytes < slots[i].bytes)
                slots[i].bytes = bytes;
            check_fill(i);
        }
        if (!slots[i].address)
            continue;
        assert_int_equal((uintptr_t)slots[i].address % 16, 0);
        assert_true((char *)slots[i].address >= heap_area && (char *)slots[i].address + bytes <= heap_area + sizeof(heap_area));
        assert_true(heap_room(slots[i].address) >= bytes);
        slots[i].bytes = bytes;
        slots[i].fill = (unsigned char)step;
        memset(slots[i].address, slots[i].fill, bytes);
    }
    for (size_t i = 0; i < SLOTS; i++)
        if (slots[i].address) {
            check_fill(i);
            heap_free(slots[i].address);
        }
    assert_true(heap_statistics().refused > 0); // the test did reach the end of the heap
    empty_again();
}

static void zeroed(void **state) {
    (void)state;
    char *dirty = heap_alloc(5000);
    memset(dirty, 1, 5000);
    heap_free(dirty);
    char *clean = heap_zalloc(5000);
    for (size_t i = 0; i < 5000; i++)
        assert_int_equal(clean[i], 0);
    heap_free(clean);
    empty_again();
}

static void exhaustion(void **state) {
    (void)state;
    static void *blocks[20000];
    size_t count = 0;
    while ((blocks[count] = heap_alloc(64)))
        count++;
    assert_true(count > sizeof(heap_area) / 80 - 10);
    assert_null(heap_alloc(1));
    assert_null(heap_realloc(blocks[0], 1000));
    for (size_t i = 0; i < count; i += 2)
        heap_free(blocks[i]);
    assert_null(heap_alloc(200)); // no two neighbours are free
    for (size_t i = 1; i < count; i += 2)
        heap_free(blocks[i]);
    empty_again();
    assert_null(heap_alloc(sizeof(heap_area)));
    assert_null(heap_alloc(SIZE_MAX));
    assert_null(heap_alloc(SIZE_MAX - 15));
    heap_free(NULL);
}

static void *victim;
static void double_free(void) { heap_free(victim); }
static void inner_pointer(void) { heap_free((char *)victim + 16); }
static void foreign_pointer(void) { heap_free(&victim); }
static void unaligned_pointer(void) { heap_free((char *)victim + 1); }

static void misuse_faults(void **state) {
    (void)state;
    void *before = heap_zalloc(100), *after;
    victim = heap_zalloc(100);
    after = heap_zalloc(100);
    assert_true(faults(inner_pointer));
    assert_true(faults(foreign_pointer));
    assert_true(faults(unaligned_pointer));
    assert_false(faults(double_free)); // so far it is the first free, in a child
    heap_free(victim);
    assert_true(faults(double_free));
    heap_free(before); // now victim's header lies inside a larger free block
    assert_true(faults(double_free));
    heap_free(after);
    assert_true(faults(double_free));
    empty_again();
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_use), cmocka_unit_test(zeroed),
                                       cmocka_unit_test(exhaustion), cmocka_unit_test(misuse_faults)};
    return cmocka_run_group_tests_name("alloc", tests, NULL, NULL);
}

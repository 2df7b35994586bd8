// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// test_heap.c - heaps over other memory, and their salvage after a restart: what is kept, what is refused, scribbled
// headers.
#include "heap.h"
#include "fake.h"

#define REGION_BYTES 65536
#define SLOTS 200

static char region[REGION_BYTES] __attribute__((aligned(16)));
static uint64_t map[HEAP_MAP_WORDS(REGION_BYTES)];
static struct heap heap;
static struct heap_salvage salvage;
static struct { unsigned char *address; size_t bytes; unsigned char fill; } slots[SLOTS];

static void check_fill(size_t i) {
    for (size_t j = 0; j < slots[i].bytes; j++)
        assert_int_equal(slots[i].address[j], slots[i].fill);
}

static void fill_slot(size_t i) {
    slots[i].bytes = random_below(3) ? random_below(200) : random_below(4200);
    slots[i].address = heap_alloc_in(&heap, slots[i].bytes);
    slots[i].fill = (unsigned char)random_next();
    if (slots[i].address)
        memset(slots[i].address, slots[i].fill, slots[i].bytes);
    else
        slots[i].bytes = 0;
}

static void free_slot(size_t i) {
    check_fill(i);
    heap_free_in(&heap, slots[i].address);
    slots[i].address = NULL;
    slots[i].bytes = 0;
}

static void use(int steps) {
    for (int step = 0; step < steps; step++) {
        size_t i = random_below(SLOTS);
        if (slots[i].address)
            free_slot(i);
        else
            fill_slot(i);
    }
}

static void begin(void) {
    memset(map, 0xa5, sizeof(map));
    memset(&heap, 0xa5, sizeof(heap)); // a restart leaves none of it
    heap_salvage_begin(&salvage, &heap, region, sizeof(region), map);
}

static void empty_again(void) {
    for (size_t i = 0; i < SLOTS; i++)
        free_slot(i);
    assert_int_equal(heap_statistics_in(&heap).blocks, 0);
    assert_int_equal(heap_statistics_in(&heap).used_bytes, 0);
    void *all = heap_alloc_in(&heap, REGION_BYTES * 15 / 16); // only when everything has coalesced
    assert_non_null(all);
    heap_free_in(&heap, all);
}

static int open_heap(void **state) {
    (void)state;
    memset(region, 0xa5, sizeof(region));
    memset(slots, 0, sizeof(slots));
    heap_open(&heap, region, sizeof(region));
    return 0;
}

static void keeps_what_is_named(void **state) {
    (void)state;
    for (int round = 0; round < 300; round++) {
        size_t kept = 0, used = 0;
        use(200);
        begin();
        for (size_t i = 0; i < SLOTS; i++) {
            if (!slots[i].address)
                continue;
            if (random_below(4)) {
                size_t usable = heap_keep(&salvage, slots[i].address, slots[i].bytes);
                assert_true(usable >= slots[i].bytes && usable >= 32);
                assert_true(heap_is_kept(&salvage, slots[i].address) &&
                            heap_is_kept(&salvage, slots[i].address + usable - 1));
                used += usable + 16;
                kept++;
            } else {
                assert_false(heap_is_kept(&salvage, slots[i].address));
                slots[i].address = NULL; // lost with the restart
                slots[i].bytes = 0;
            }
        }
        heap_salvage_end(&salvage);
        assert_int_equal(heap_statistics_in(&heap).blocks, kept);
        assert_int_equal(heap_statistics_in(&heap).used_bytes, used);
        assert_int_equal(heap_statistics_in(&heap).total_bytes, REGION_BYTES);
        for (size_t i = 0; i < SLOTS; i++)
            check_fill(i);
    }
    empty_again();
}

static void refuses_what_is_no_block(void **state) {
    (void)state;
    char *first = heap_alloc_in(&heap, 100), *gone = heap_alloc_in(&heap, 100), *last = heap_alloc_in(&heap, 5000);
    size_t *first_header = (size_t *)(void *)(first - 16);
    heap_free_in(&heap, gone);
    begin();
    char *const wrong[] = {NULL,
                           (char *)16,
                           region,
                           region + REGION_BYTES,
                           region + REGION_BYTES - 16,
                           (char *)UINTPTR_MAX,
                           (char *)-16l,
                           region - 16,
                           first + 1,
                           first + 16,
                           first - 16,
                           gone,
                           last + 16,
                           (char *)&heap,
                           last + (1l << 40)};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (heap_keep(&salvage, wrong[i], 16))
            fail_msg("number %zu was kept", i);
    assert_int_equal(heap_keep(&salvage, first, 5000), 0); // smaller than that
    assert_int_equal(heap_keep(&salvage, first, SIZE_MAX), 0);
    const size_t right = *first_header;
    const size_t sizes[] = {0, 16, 64, SIZE_MAX & ~(size_t)15, 1 << 20, REGION_BYTES, right | 1};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        *first_header = sizes[i];
        assert_int_equal(heap_keep(&salvage, first, 100), 0);
    }
    *first_header = right;
    assert_int_not_equal(heap_keep(&salvage, last, 5000), 0);
    assert_int_equal(heap_keep(&salvage, last, 5000), 0); // twice
    *first_header = right + 5000;
    assert_int_equal(heap_keep(&salvage, first, 100), 0); // reaches into last
    *first_header = right;
    assert_int_not_equal(heap_keep(&salvage, first, 100), 0);
    heap_salvage_end(&salvage);
    assert_int_equal(heap_statistics_in(&heap).blocks, 2);
    heap_free_in(&heap, first);
    heap_free_in(&heap, last);
    empty_again();
}

// No heap leaves gaps below 48 bytes; forged sizes do.
static void survives_small_gaps(void **state) {
    (void)state;
    char *blocks[6];
    for (int i = 0; i < 6; i++)
        blocks[i] = heap_alloc_in(&heap, 96);
    begin();
    for (int i = 0; i < 6; i++) {
        size_t *header = (size_t *)(void *)(blocks[i] - 16);
        *header -= i % 3 == 0 ? 0 : i % 3 * 16;
        assert_int_not_equal(heap_keep(&salvage, blocks[i], 64), 0);
    }
    heap_salvage_end(&salvage);
    for (int i = 0; i < 6; i++)
        heap_free_in(&heap, blocks[i]);
    empty_again();
    // The first block begins late: what is before it is lost.
    heap_open(&heap, region, sizeof(region));
    char *block = heap_alloc_in(&heap, 1000);
    for (size_t shift = 16; shift <= 32; shift += 16) {
        uint64_t *forged = (uint64_t *)(void *)(block - 16 + shift);
        memmove(forged, block - 16, 16);
        forged[0] -= shift;
        forged[1] ^= (uint64_t)(uintptr_t)(block - 16) ^ (uint64_t)(uintptr_t)forged;
        begin();
        assert_int_not_equal(heap_keep(&salvage, (char *)forged + 16, 500), 0);
        heap_salvage_end(&salvage);
        heap_free_in(&heap, (char *)forged + 16);
        empty_again();
        heap_open(&heap, region, sizeof(region));
        block = heap_alloc_in(&heap, 1000);
    }
}

static void scribbles_change_nothing_that_counts(void **state) {
    (void)state;
    size_t kept_all = 0, named_all = 0;
    for (int round = 0; round < 2000; round++) {
        open_heap(NULL);
        use(150);
        for (uint32_t i = random_below(20); i-- > 0;) {
            size_t at = random_below(REGION_BYTES / 8) * 8, from = random_below(REGION_BYTES / 8) * 8;
            size_t slot = random_below(SLOTS);
            if (random_below(2) && slots[slot].address) // a header
                at = (size_t)((char *)slots[slot].address - region) - 16 + 8 * random_below(2);
            uint64_t *word = (uint64_t *)(void *)(region + at);
            switch (random_below(4)) {
            case 0: *word ^= 1ull << random_below(64); break;
            case 1: *word += 16 * random_below(64); break;
            case 2: *word -= 16 * random_below(64); break;
            default: memcpy(word, region + from, 8);
            }
        }
        begin();
        for (size_t i = 0; i < SLOTS; i++) {
            if (!slots[i].address)
                continue;
            named_all++;
            slots[i].bytes = heap_keep(&salvage, slots[i].address, slots[i].bytes);
            kept_all += slots[i].bytes != 0;
            if (!slots[i].bytes)
                slots[i].address = NULL;
        }
        heap_salvage_end(&salvage);
        for (size_t i = 0; i < SLOTS; i++)
            if (slots[i].address)
                memset(slots[i].address, slots[i].fill, slots[i].bytes);
        use(100); // each block is checked before it is freed: none overlaps another
        for (size_t i = 0; i < SLOTS; i++)
            free_slot(i);
        assert_int_equal(heap_statistics_in(&heap).blocks, 0);
        assert_int_equal(heap_statistics_in(&heap).used_bytes, 0);
    }
    assert_true(kept_all < named_all && kept_all > named_all / 2);
}

static void small_regions_refuse(void **state) {
    (void)state;
    for (size_t bytes = 0; bytes < 200; bytes++) {
        heap_open(&heap, region + bytes % 16, bytes);
        void *block = heap_alloc_in(&heap, 1);
        assert_true(block || bytes < 80);
        assert_true(!block || (char *)block + 32 + 16 <= region + bytes % 16 + bytes);
        heap_salvage_begin(&salvage, &heap, region + bytes % 16, bytes, map);
        assert_true(!block == !heap_keep(&salvage, block, 1));
        heap_salvage_end(&salvage);
        assert_int_equal(heap_statistics_in(&heap).blocks, block != NULL);
    }
}

// Where the free block at the end begins is the one thing that is believed, and a lie about it loses blocks, or
// nothing.
static void end_of_what_is_used(void **state) {
    (void)state;
    char *first = heap_alloc_in(&heap, 100), *last = heap_alloc_in(&heap, 3000);
    begin();
    assert_true(map[4] == 0xa5a5a5a5a5a5a5a5 && map[3] == 0); // 1 KiB per word: the rest of the map was not touched
    uint64_t *sentinel = (uint64_t *)(void *)(region + REGION_BYTES - 16);
    char *const forged[] = {NULL,
                            region - 16,
                            region + 8,
                            region,
                            first + 100,
                            last - 16,
                            last + 16,
                            region + REGION_BYTES - 16,
                            region + REGION_BYTES,
                            (char *)UINTPTR_MAX,
                            (char *)-16l};
    for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++) {
        for (uint64_t flags = 0; flags < 3; flags += 2) {
            sentinel[0] = flags;
            memcpy(sentinel - 1, &forged[i], 8);
            begin();
            size_t kept = (heap_keep(&salvage, first, 100) != 0) + (size_t)(heap_keep(&salvage, last, 3000) != 0);
            bool is_lie = flags && forged[i] >= region && forged[i] <= last + 16 && (uintptr_t)forged[i] % 16 == 0;
            assert_true(kept == 2 || is_lie);
            heap_salvage_end(&salvage);
            assert_int_equal(heap_statistics_in(&heap).blocks, kept);
            if (kept < 2) { // what was lost may be overwritten from now on
                heap_open(&heap, region, sizeof(region));
                first = heap_alloc_in(&heap, 100);
                last = heap_alloc_in(&heap, 3000);
            }
        }
    }
    heap_free_in(&heap, first);
    heap_free_in(&heap, last);
    empty_again();
}

static void too_large(void) { heap_open(&heap, region, (size_t)HEAP_AREA_BYTES + 1); }
static void *victim;
static void double_free(void) { heap_free_in(&heap, victim); }

static void misuse_faults(void **state) {
    (void)state;
    assert_true(faults(too_large));
    victim = heap_alloc_in(&heap, 10);
    heap_free_in(&heap, victim);
    assert_true(faults(double_free));
}

#define HEAP_TEST(name) cmocka_unit_test_setup(name, open_heap)

int main(void) {
    const struct CMUnitTest tests[] = {HEAP_TEST(keeps_what_is_named),  HEAP_TEST(refuses_what_is_no_block),
                                       HEAP_TEST(survives_small_gaps),  HEAP_TEST(scribbles_change_nothing_that_counts),
                                       HEAP_TEST(small_regions_refuse), HEAP_TEST(end_of_what_is_used),
                                       HEAP_TEST(misuse_faults)};
    return cmocka_run_group_tests_name("heap", tests, NULL, NULL);
}

// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// test_boot_info.c - what a loader may hand to platform pc: tables that do not fit are cut, memory that is named twice
// or in any order is taken once. The sources are ring 0's, which follow physical addresses: here those of this program.
#include <setjmp.h>
#include "fake.h"
#include "pc.h"
#include "boot_info.h"

#define MULTIBOOT 0x36d76289u
#define MIB (1ull << 20)

// What the linker script and other files of ring 0 define. image_end: see unit.mk.
const uint64_t boot_end_address = 0x103000;
static jmp_buf refusal;
static const char *refused;

void die_with(const char *sentence) {
    refused = sentence;
    longjmp(refusal, 1);
}

void nucleus_panic(const char *what, uint64_t value) {
    (void)value;
    die_with(what);
}

#define REFUSED(...) (refused = NULL, setjmp(refusal) == 0 ? (void)(__VA_ARGS__) : (void)0, refused)

struct tag { uint32_t type, bytes; };
static uint64_t words[1024];
static uint8_t *end;

static void begin(void) {
    memset(words, 0, sizeof(words));
    memset(&boot_info, 0, sizeof(boot_info));
    end = (uint8_t *)words + 8;
}

static void *tag_add(uint32_t type, uint32_t bytes, uint32_t claimed) {
    uint8_t *at = end;
    *(struct tag *)at = (struct tag){ type, claimed };
    end += (8 + bytes + 7) & ~7u;
    return at + 8;
}

static void hand_over(void) {
    *(uint32_t *)words = (uint32_t)(end - (uint8_t *)words);
    boot_info_read((uintptr_t)words, MULTIBOOT);
}

static void memory_tag(uint32_t entry_bytes, uint32_t count, const uint64_t (*ranges)[2]) {
    uint32_t *at = tag_add(6, 8 + count * 24, 16 + count * 24);
    at[0] = entry_bytes;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t *entry = (uint64_t *)(at + 2) + 3 * i;
        entry[0] = ranges[i][0], entry[1] = ranges[i][1], entry[2] = 1;
    }
}

static void tags(void **state) {
    (void)state;
    static const uint64_t ranges[][2] = { { 1 * MIB, 63 * MIB }, { 0, 640 << 10 } };
    begin();
    strcpy(tag_add(1, 8, 16), "a=b c=d");
    memory_tag(24, 2, ranges);
    uint8_t *old_root = tag_add(14, 24, 32), *new_root = tag_add(15, 40, 48);
    tag_add(0, 0, 8);
    hand_over();
    assert_string_equal(boot_info.arguments, "a=b c=d");
    assert_int_equal(boot_info.memory_count, 2);
    assert_int_equal(boot_info.memory[0].end, 64 * MIB);
    assert_true(boot_info.rsdp == (uintptr_t)new_root && boot_info.rsdp != (uintptr_t)old_root);
}

// A length that wraps to 0 would never end; one that is too long would read on behind the table.
static void lengths(void **state) {
    (void)state;
    static const uint64_t ranges[][2] = { { 1 * MIB, 63 * MIB } };
    static const uint32_t claimed[] = { 0, 7, 1 << 20, UINT32_MAX - 6, UINT32_MAX };
    for (size_t i = 0; i < sizeof(claimed) / sizeof(*claimed); i++) {
        begin();
        memory_tag(24, 1, ranges);
        tag_add(6, 64, claimed[i]);
        memory_tag(24, 1, ranges);
        hand_over();
        assert_int_equal(boot_info.memory_count, 1);
    }
    static const uint32_t entries[] = { 0, 1, 23, UINT32_MAX };
    for (size_t i = 0; i < sizeof(entries) / sizeof(*entries); i++) {
        begin();
        memory_tag(entries[i], 1, ranges);
        hand_over();
        assert_int_equal(boot_info.memory_count, 0);
    }
}

static void long_arguments(void **state) {
    (void)state;
    begin();
    memset(tag_add(1, BOOT_ARGUMENTS_BYTES, BOOT_ARGUMENTS_BYTES + 8), 'x', BOOT_ARGUMENTS_BYTES - 1);
    assert_null(REFUSED(hand_over()));
    assert_int_equal(strlen(boot_info.arguments), BOOT_ARGUMENTS_BYTES - 1);
    begin();
    memset(tag_add(1, BOOT_ARGUMENTS_BYTES + 8, BOOT_ARGUMENTS_BYTES + 16), 'x', BOOT_ARGUMENTS_BYTES);
    assert_non_null(strstr(REFUSED(hand_over()), "longer than 2047 bytes"));
}

static void too_many(void **state) {
    (void)state;
    static uint64_t ranges[BOOT_MEMORY_MAX + 8][2];
    for (uint32_t i = 0; i < BOOT_MEMORY_MAX + 8; i++) ranges[i][0] = i * 16 * MIB, ranges[i][1] = MIB;
    ranges[3][1] = UINT64_MAX;    // ends below its start
    begin();
    memory_tag(24, BOOT_MEMORY_MAX + 8, (const uint64_t (*)[2])ranges);
    hand_over();
    assert_int_equal(boot_info.memory_count, BOOT_MEMORY_MAX);
    assert_true(boot_info.memory[3].start == 4 * 16 * MIB);
}

static void no_protocol(void **state) {
    (void)state;
    begin();
    assert_non_null(strstr(REFUSED(boot_info_read((uintptr_t)words, 0)), "neither PVH nor multiboot2"));
}

// ---- frames.c

static struct boot_memory pool[256];
static uint32_t pool_count;

static void pool_take(uintptr_t start, uintptr_t last) { pool[pool_count++] = (struct boot_memory){ start, last }; }

// The pool as frames.c hands it out is without overlaps, on whole pages, and does not hold the image or boot code. Each
// call adds to those before: so all of them stand in one test.
static uint64_t pool_check(void) {
    pool_count = 0;
    frames_each(pool_take);
    uint64_t total = 0;
    for (uint32_t i = 0; i < pool_count; i++) {
        assert_true(pool[i].start < pool[i].end && pool[i].start % PAGE_BYTES == 0 && pool[i].end % PAGE_BYTES == 0);
        assert_true(pool[i].start >= boot_end_address && pool[i].end <= PHYSICAL_LIMIT);
        assert_true(pool[i].end <= PHYSICAL_BASE || pool[i].start >= PHYSICAL_BASE + 2 * MIB);
        for (uint32_t k = 0; k < i; k++) assert_true(pool[i].end <= pool[k].start || pool[k].end <= pool[i].start);
        total += (pool[i].end - pool[i].start) / PAGE_BYTES;
    }
    assert_int_equal(total, frames_total);
    return total;
}

static void overlaps(void **state) {
    (void)state;
    static const struct boot_memory ranges[] = {
        { 100 * MIB, 120 * MIB }, { 1 * MIB, 32 * MIB },
        { 110 * MIB, 130 * MIB }, { 90 * MIB, 105 * MIB },                     // across an end
        { 100 * MIB, 120 * MIB }, { 101 * MIB, 102 * MIB },                    // the same again, and within
        { 80 * MIB, 140 * MIB },                                               // round all of them
        { 16 * MIB + 1, 40 * MIB + 4095 }, { 0, 640 << 10 },                   // not on pages; below the boot code
        { 200 * MIB + 1, 200 * MIB + 4095 },                                   // no whole page
        { 4095 * MIB, 5000 * MIB }, { 5000 * MIB, 1ull << 52 }, { 3 * MIB, 3 * MIB } };
    boot_info.memory_count = 0;
    for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
        boot_info.memory[boot_info.memory_count++] = ranges[i];
    assert_null(REFUSED(frames_start()));
    // [1, 40) without the image and the boot code, [80, 140), [4095, 4096)
    assert_int_equal(pool_check(), ((39 - 2 + 60 + 1) * MIB - 0x3000) / PAGE_BYTES);
    static const struct boot_memory cut[] = { { 1 * MIB, PHYSICAL_BASE + MIB }, { PHYSICAL_BASE + MIB, 64 * MIB } };
    for (boot_info.memory_count = 0; boot_info.memory_count < 2; boot_info.memory_count++)
        boot_info.memory[boot_info.memory_count] = cut[boot_info.memory_count];
    assert_non_null(strstr(REFUSED(frames_start()), "too little memory"));
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(tags), cmocka_unit_test(lengths),
                                        cmocka_unit_test(long_arguments), cmocka_unit_test(too_many),
                                        cmocka_unit_test(no_protocol), cmocka_unit_test(overlaps) };
    return cmocka_run_group_tests_name("boot_info", tests, NULL, NULL);
}

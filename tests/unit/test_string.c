// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// test_string.c - lib/string.c against the C library, at every small length and alignment.
#include "fake.h"

#define memcpy lib_memcpy
#define memmove lib_memmove
#define memset lib_memset
#define memcmp lib_memcmp
#define memchr lib_memchr
#define strlen lib_strlen
#define strnlen lib_strnlen
#define strcmp lib_strcmp
#define strncmp lib_strncmp
#define strchr lib_strchr
#undef LIB_STRING_H
#include "../../lib/string.h"
#include "../../lib/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr

#define ROOM 700

static unsigned char source[ROOM], one[ROOM], two[ROOM];

static void fill(void) {
    for (size_t i = 0; i < ROOM; i++) {
        source[i] = (unsigned char)random_next();
        one[i] = two[i] = (unsigned char)random_next();
    }
}

static int sign(int value) { return (value > 0) - (value < 0); }

static void copies(void **state) {
    (void)state;
    for (size_t bytes = 0; bytes < 300; bytes++)
        for (size_t offset = 0; offset < 9; offset++) {
            fill();
            assert_ptr_equal(lib_memcpy(one + offset, source + 8 - offset, bytes), one + offset);
            memcpy(two + offset, source + 8 - offset, bytes);
            assert_memory_equal(one, two, ROOM);
            lib_memset(one + offset, (int)bytes, bytes);
            memset(two + offset, (int)bytes, bytes);
            assert_memory_equal(one, two, ROOM);
        }
}

static void moves_overlap(void **state) {
    (void)state;
    for (size_t bytes = 0; bytes < 300; bytes += 1 + bytes / 20)
        for (size_t to = 0; to < 320; to += 3)
            for (size_t from = 0; from < 320; from += 7) {
                fill();
                assert_ptr_equal(lib_memmove(one + to, one + from, bytes), one + to);
                memmove(two + to, two + from, bytes);
                assert_memory_equal(one, two, ROOM);
            }
}

static void compares(void **state) {
    (void)state;
    for (size_t bytes = 0; bytes < 40; bytes++)
        for (size_t differ = 0; differ <= bytes; differ++) {
            fill();
            memcpy(one, source, ROOM);
            one[differ] ^= 0x80;
            for (size_t after = differ + 1; after < bytes; after++)
                one[after] = (unsigned char)random_next();
            assert_int_equal(sign(lib_memcmp(one, source, bytes)), sign(memcmp(one, source, bytes)));
            assert_ptr_equal(lib_memchr(one, source[differ], bytes), memchr(one, source[differ], bytes));
        }
}

static void texts(void **state) {
    (void)state;
    static const char *const words[] = {"", "a", "ab", "abc", "abd", "b", "\xff", "abc\xff", "abcdefghijkl"};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        assert_int_equal(lib_strlen(words[i]), strlen(words[i]));
        for (int c = 0; c < 256; c++)
            assert_ptr_equal(lib_strchr(words[i], c), strchr(words[i], c));
        for (size_t j = 0; j < sizeof(words) / sizeof(*words); j++) {
            assert_int_equal(sign(lib_strcmp(words[i], words[j])), sign(strcmp(words[i], words[j])));
            for (size_t n = 0; n < 6; n++) {
                assert_int_equal(sign(lib_strncmp(words[i], words[j], n)), sign(strncmp(words[i], words[j], n)));
                assert_int_equal(lib_strnlen(words[i], n), strnlen(words[i], n));
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(copies), cmocka_unit_test(moves_overlap),
                                       cmocka_unit_test(compares), cmocka_unit_test(texts)};
    return cmocka_run_group_tests_name("string", tests, NULL, NULL);
}

// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// test_format.c - lib/format.c against the C library's snprintf.
#include <limits.h>
#include "fake.h"
#include "format.h"

#define SAME(...)                                                             \
    do {                                                                      \
        char wanted[200], got[200];                                           \
        int length = snprintf(wanted, sizeof(wanted), __VA_ARGS__);           \
        assert_int_equal(format(got, sizeof(got), __VA_ARGS__), length);      \
        assert_string_equal(got, wanted);                                     \
    } while (0)

static void numbers(void **state) {
    (void)state;
    static const long long values[] = {0, 1, -1, 9, 10, 255, INT_MAX, INT_MIN, LLONG_MAX, LLONG_MIN};
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
        long long v = values[i];
        SAME("%d %u %x %X", (int)v, (unsigned)v, (unsigned)v, (unsigned)v);
        SAME("%ld %lu %lx", (long)v, (unsigned long)v, (unsigned long)v);
        SAME("%lld %llu %llx %zu %zd", v, (unsigned long long)v, (unsigned long long)v, (size_t)v, (ssize_t)v);
        SAME("%hd %hu %hhd %hhu", (short)v, (unsigned short)v, (signed char)v, (unsigned char)v);
        SAME("[%5d] [%-5d] [%05d] [%25llx] [%025lld] [%-25llu]", (int)v, (int)v, (int)v, (unsigned long long)v, v,
             (unsigned long long)v);
        SAME("[%*d] [%*d]", 12, (int)v, -12, (int)v);
    }
    SAME("%p", (void *)0x12345);
}

static void texts(void **state) {
    (void)state;
    static const char unended[3] = {'x', 'y', 'z'};
    SAME("plain");
    SAME("%% %c %s", 'x', "word");
    SAME("[%5s] [%-5s] [%.2s] [%5.1s] [%.*s] [%5c]", "abc", "abc", "abc", "abc", 2, "abc", 'c');
    SAME("%.3s", unended);
    SAME("%.*s", -1, "all");
}

static void cuts(void **state) {
    (void)state;
    for (size_t room = 1; room < 30; room++) {
        char *exact = malloc(room); // the sanitizer sees one byte too many
        size_t written = format(exact, room, "%s %08x|%-4d|", "words", 0xbeefu, 7);
        char wanted[64];
        snprintf(wanted, room, "%s %08x|%-4d|", "words", 0xbeefu, 7);
        assert_int_equal(written, strlen(wanted));
        assert_string_equal(exact, wanted);
        free(exact);
    }
    assert_int_equal(format(NULL, 0, "%d", 1), 0);
}

static void unknown(void) {
    char out[8];
    const char *volatile fmt = "%f";
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    format(out, sizeof(out), fmt, 1.0);
}

static void unknown_conversion_faults(void **state) {
    (void)state;
    assert_true(faults(unknown));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(numbers), cmocka_unit_test(texts), cmocka_unit_test(cuts),
                                       cmocka_unit_test(unknown_conversion_faults)};
    return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}

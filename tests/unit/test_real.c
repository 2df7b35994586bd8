// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// test_real.c - scores: the same numbers to integer arithmetic and to the machine's doubles, the same bits back.
#include <errno.h>
#include <math.h>
#include "fake.h"
#include "real.h"

#define ROUNDS 60000

static uint64_t random_bits(void) { return (uint64_t)random_next() << 32 | random_next(); }
static double as_double(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}
static uint64_t as_bits(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}
static uint64_t random_real(void) {
    uint64_t bits = random_bits();
    if (random_below(2))
        bits = as_bits((double)(int64_t)(random_bits() >> random_below(64)) / pow(10, random_below(20)));
    return isfinite(as_double(bits)) ? bits : 0;
}

static void formats(void **state) {
    (void)state;
    char got[REAL_TEXT_MAX + 1], wanted[64];
    static const double special[] = {0, -0.0, 0.1, 1e16, 1e17, 123456789012345678, 1e-4, 1e-5, 5e-324, 1.7976931348623157e308};
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint64_t bits = i < 10 ? as_bits(special[i]) : random_real();
        got[real_format(bits, got)] = 0;
        sprintf(wanted, "%.17g", as_double(bits));
        assert_string_equal(got, wanted);
    }
}

static void parse(const char *text) {
    uint64_t bits = 0;
    errno = 0;
    double wanted = strtod(text, NULL);
    bool good = !(errno == ERANGE && (wanted == 0 || isinf(wanted)));
    assert_int_equal(real_parse(text, strlen(text), &bits), good);
    if (good)
        assert_true(bits == as_bits(wanted));
}

static void parses(void **state) {
    (void)state;
    static char text[2000];
    static const char *const special[] = {"1e400", "1e-400", "4e-324", "2e-324", "0e999999999", "1e99999999999", ".5", "5.", "-0", "+1", "INF"};
    static const char *const bad[] = {"", "x", "1x", " 1", "1 ", "nan", "-", ".", "1e", "1e+", "--1", "1.2.3", "0x10", "e5"};
    uint64_t bits;
    for (size_t i = 0; i < sizeof(special) / sizeof(*special); i++)
        parse(special[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_false(real_parse(bad[i], strlen(bad[i]), &bits));
    for (uint32_t i = 0; i < ROUNDS; i++) {
        double value = as_double(random_real());
        sprintf(text, "%.*g", (int)random_below(25), value);
        parse(text);
        if (i % 50 == 0) {
            sprintf(text, "%.*e", (int)random_below(900), value);
            parse(text);
            sprintf(text, "%.1100Lg", ((long double)value + nextafter(value, INFINITY)) / 2); // exactly between two doubles
            parse(text);
        }
    }
}

static void adds_and_compares(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 4 * ROUNDS; i++) {
        uint64_t left = random_real(), right = i % 3 ? random_real() : left + random_below(1000) - 500, sum;
        if (i % 4 == 0)
            right = as_bits(ldexp(as_double(left), (int)random_below(120) - 60));
        right ^= random_below(2) ? REAL_SIGN : 0;
        double a = as_double(left), b = as_double(right);
        if (!isfinite(b))
            continue;
        assert_true(real_add(left, right, &sum));
        assert_true(sum == as_bits(a + b) || (a + b == 0 && as_double(sum) == 0));
        assert_int_equal(real_compare(left, right), (a > b) - (a < b));
    }
    uint64_t sum;
    assert_false(real_add(REAL_INFINITY, REAL_INFINITY | REAL_SIGN, &sum));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(formats), cmocka_unit_test(parses), cmocka_unit_test(adds_and_compares)};
    return cmocka_run_group_tests_name("real", tests, NULL, NULL);
}

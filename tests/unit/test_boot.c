// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// test_boot.c - boot arguments.
#include "boot.h"
#include "fake.h"

static void line(const char *text) {
    snprintf(fake_public.boot_arguments, sizeof(fake_public.boot_arguments), "%s", text);
}

static void values(void **state) {
    (void)state;
    char out[8];
    line("  tap=ck0 port=6379 flag ip=10.7.0.2/24 port2=1 empty=");
    assert_string_equal(boot_argument("tap", out, sizeof(out)), "ck0");
    assert_string_equal(boot_argument("ip", out, sizeof(out)), "10.7.0.");
    assert_string_equal(boot_argument("flag", out, sizeof(out)), "");
    assert_string_equal(boot_argument("empty", out, sizeof(out)), "");
    assert_null(boot_argument("por", out, sizeof(out)));
    assert_null(boot_argument("6379", out, sizeof(out)));
    assert_null(boot_argument("", out, sizeof(out)));
    assert_int_equal(boot_number("port", 1), 6379);
    assert_int_equal(boot_number("tap", 7), 7);
    assert_int_equal(boot_number("empty", 7), 7);
    assert_int_equal(boot_number("none", 7), 7);
    line("");
    assert_null(boot_argument("tap", out, sizeof(out)));
}

static void numbers(void **state) {
    (void)state;
    line("a=0x1F b=4K c=2M d=1G e=12x f=18446744073709551615 g=18446744073709551616 h=-1 i=0x j=17179869184G");
    assert_int_equal(boot_number("a", 0), 31);
    assert_int_equal(boot_number("b", 0), 4096);
    assert_int_equal(boot_number("c", 0), 2 << 20);
    assert_int_equal(boot_number("d", 0), 1 << 30);
    assert_int_equal(boot_number("e", 5), 5);
    assert_true(boot_number("f", 5) == UINT64_MAX);
    assert_int_equal(boot_number("g", 5), 5);
    assert_int_equal(boot_number("h", 5), 5);
    assert_int_equal(boot_number("i", 5), 5);
    assert_int_equal(boot_number("j", 5), 5);
}

static void no_end(void **state) {
    (void)state;
    char out[8];
    memset(fake_public.boot_arguments, 'x', sizeof(fake_public.boot_arguments)); // a NUL that is missing costs nothing
    assert_null(boot_argument("y", out, sizeof(out)));
    assert_null(boot_argument("x", out, sizeof(out)));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(values), cmocka_unit_test(numbers), cmocka_unit_test(no_end)};
    return cmocka_run_group_tests_name("boot", tests, NULL, NULL);
}

// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// test_secret.c - lib/secret.c: what a secret hangs on, with a source of entropy and without.
#include "fake.h"
#include "entropy.h"
#include "log.h"
#include "secret.h"

static int64_t source[4], answer_at, error_from, error = -EAGAIN;
extern char fake_line[LOG_LINE_MAX];

int64_t entropy_word(void) {
    if (answer_at >= error_from)
        return error;
    return source[answer_at++ % 4];
}

static void draw(uint64_t boot_random, int64_t words, int64_t errors_from, uint64_t secret[2]) {
    for (int i = 0; i < 4; i++) {
        fake_public.boot_random[i] = boot_random + (uint64_t)i;
        source[i] = words + i * 1000;
    }
    answer_at = 0;
    error_from = errors_from;
    fake_line[0] = 0;
    assert_int_equal(secret_draw("test", secret), 0);
}

static bool is_same(const uint64_t one[2], const uint64_t other[2]) { return one[0] == other[0] && one[1] == other[1]; }

// No function of boot_random, nor of the clock, which has gone on.
static void hangs_on_the_source_alone(void **state) {
    (void)state;
    uint64_t one[2], other[2];
    draw(1, 5, 4, one);
    draw(2, 5, 4, other);
    assert_true(is_same(one, other));
    draw(1, 6, 4, other);
    assert_int_not_equal(one[0], other[0]);
    assert_int_not_equal(one[1], other[1]);
    assert_string_equal(fake_line, "");
}

static void every_bit_of_every_word_counts(void **state) {
    (void)state;
    uint64_t one[2], other[2];
    draw(1, 0, 4, one);
    for (int word = 0; word < 4; word++)
        for (int bit = 0; bit < 63; bit++) {
            source[word] ^= 1ll << bit;
            answer_at = 0;
            assert_int_equal(secret_draw("test", other), 0);
            source[word] ^= 1ll << bit;
            assert_false(is_same(one, other));
        }
}

static void all_64_bits_can_be_set(void **state) {
    (void)state;
    uint64_t set[2] = {0, 0}, one[2];
    for (int i = 0; i < 64; i++) {
        for (int word = 0; word < 4; word++)
            source[word] = (int64_t)(((uint64_t)random_next() << 32 | random_next()) & INT64_MAX);
        answer_at = 0;
        error_from = 4;
        assert_int_equal(secret_draw("test", one), 0);
        set[0] |= one[0];
        set[1] |= one[1];
    }
    assert_true(set[0] == UINT64_MAX && set[1] == UINT64_MAX);
}

// An error at any word: a warning, and a secret that is no constant and keeps nothing of the words before the error.
static void falls_back(void **state) {
    (void)state;
    for (int64_t from = 0; from < 4; from++) {
        uint64_t one[2], other[2];
        draw(1, 5, from, one);
        assert_string_equal(fake_line, "test: no source of entropy (error 11): another domain could guess its secret");
        draw(2, 5, from, other);
        assert_int_not_equal(one[0], other[0]);
        assert_int_not_equal(one[1], other[1]);
        assert_int_not_equal(one[0], one[1]);
    }
}

// A source that died may be back soon: only who hears of it again and again does without.
static void waits_for_a_dead_source(void **state) {
    (void)state;
    uint64_t one[2] = {0, 0};
    error = -EDOMAINDEAD;
    for (int round = 0; round < 2; round++) {
        for (int start = 0; start < 3; start++) {
            answer_at = error_from = 0;
            assert_int_equal(secret_draw("test", one), -EDOMAINDEAD);
        }
        if (round == 1)
            break;
        error_from = 4; // it is back, and what was before is forgotten
        assert_int_equal(secret_draw("test", one), 0);
    }
    fake_line[0] = 0;
    assert_int_equal(secret_draw("test", one), 0);
    assert_string_equal(fake_line, "test: no source of entropy (error 1001): another domain could guess its secret");
    error = -EAGAIN;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hangs_on_the_source_alone),
        cmocka_unit_test(every_bit_of_every_word_counts),
        cmocka_unit_test(all_64_bits_can_be_set),
        cmocka_unit_test(falls_back),
        cmocka_unit_test(waits_for_a_dead_source),
    };
    return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}

// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// test_generator.c - what drivers/virtio-rng/generator.h promises of mixing and of drawing.
#include "fake.h"
#include "generator.h"

#define WORDS 4096

static uint64_t words[WORDS];

static int compare(const void *left, const void *right) {
    const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static bool has_repetition(void) {
    qsort(words, WORDS, sizeof(*words), compare);
    for (int i = 1; i < WORDS; i++)
        if (words[i] == words[i - 1])
            return true;
    return false;
}

static struct generator seeded(uint64_t secret) {
    struct generator generator = { 0 };
    generator_mix(&generator, secret);
    return generator;
}

static void words_do_not_repeat(void **state) {
    (void)state;
    struct generator generator = { 0 };
    for (int i = 0; i < WORDS; i++)
        words[i] = generator_next(&generator);
    assert_false(has_repetition());
}

// The published vectors of SipHash-2-4: key 00..0f, messages 00 01 02 ... of that length.
static void siphash_has_its_published_values(void **state) {
    (void)state;
    const uint64_t key[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
    unsigned char message[15];
    for (unsigned char i = 0; i < sizeof(message); i++)
        message[i] = i;
    assert_int_equal(siphash_2_4(key, message, 0), 0x726fdb47dd0e0e31);
    assert_int_equal(siphash_2_4(key, message, 15), 0xa129ca6149be45e5);
}

static void a_drawn_word_is_not_in_the_state(void **state) {
    (void)state;
    struct generator generator = seeded(1);
    for (int i = 0; i < WORDS; i++) {
        const struct generator before = generator;
        const uint64_t word = generator_next(&generator);
        for (int half = 0; half < 2; half++) {
            assert_int_not_equal(generator.state[half], word);
            assert_int_not_equal(generator.state[half], before.state[0]);
            assert_int_not_equal(generator.state[half], before.state[1]);
        }
    }
}

// A device that says what it likes, as often as it likes, leaves as many possible states as there were.
static void hostile_words_do_not_merge_secrets(void **state) {
    (void)state;
    for (uint64_t secret = 0; secret < WORDS; secret++) {
        struct generator generator = seeded(secret);
        for (int i = 0; i < 16; i++)
            generator_mix(&generator, i % 2 != 0 ? UINT64_MAX : 0);
        words[secret] = generator_next(&generator);
    }
    assert_false(has_repetition());
}

static void every_word_mixed_in_counts(void **state) {
    (void)state;
    for (uint64_t i = 0; i < WORDS; i++) { // one bit of one of 64 words, in each position
        struct generator generator = { 0 };
        for (uint64_t at = 0; at < 64; at++)
            generator_mix(&generator, at == i / 64 ? 1ull << i % 64 : 0);
        words[i] = generator_next(&generator);
    }
    assert_false(has_repetition());
}

static void order_counts(void **state) {
    (void)state;
    struct generator one = seeded(1), other = seeded(2);
    generator_mix(&one, 2);
    generator_mix(&other, 1);
    assert_int_not_equal(generator_next(&one), generator_next(&other));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_do_not_repeat),
        cmocka_unit_test(siphash_has_its_published_values),
        cmocka_unit_test(a_drawn_word_is_not_in_the_state),
        cmocka_unit_test(hostile_words_do_not_merge_secrets),
        cmocka_unit_test(every_word_mixed_in_counts),
        cmocka_unit_test(order_counts),
    };
    return cmocka_run_group_tests_name("generator", tests, NULL, NULL);
}
